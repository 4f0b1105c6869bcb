# Sourced by every script here: where we are, where caches lie, and how Go and
# npm are to behave. Caches lie outside the tree, keyed by what they hold.
set -euo pipefail
shopt -s inherit_errexit

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BIN=$ROOT/build/bin
CACHE=${ATELIER_BUILD_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/atelier-build}
mkdir -p "$CACHE"
cd "$ROOT"

# The toolchain that is installed is the one that builds: Go must not fetch another.
export GOTOOLCHAIN=local
export ATELIER_BUILD_CACHE=$CACHE
export NPM_CONFIG_FUND=false NPM_CONFIG_AUDIT=false NPM_CONFIG_UPDATE_NOTIFIER=false

say() { printf '%s\n' "atelier: $*"; }
die() { printf '%s\n' "atelier: $*" >&2; exit 1; }

# tool NAME PACKAGE prints the path of a Go tool of build/tools, built once for
# each state of its lock file and of the toolchain.
tool() {
	local key path
	key=$(cat build/tools/go.sum build/tools/go.mod <(go version) | sha256sum | cut -c1-16)
	path=$CACHE/tools-$key/$1
	if [ ! -x "$path" ]; then
		say "building $1 (once for each state of build/tools/go.mod)" >&2
		mkdir -p "${path%/*}"
		go build -C build/tools -o "$path.new$$" "$2" >&2
		mv "$path.new$$" "$path"
	fi
	printf '%s\n' "$path"
}

# gate builds our own checks, which change with the tree, and prints their path.
gate() {
	go build -C build/tools -o "$CACHE/gate" ./gate >&2
	printf '%s\n' "$CACHE/gate"
}
