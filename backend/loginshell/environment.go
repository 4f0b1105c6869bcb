package loginshell

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What login(1) of Debian gives before any start file is read.
const (
	pathOfUser = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
	pathOfRoot = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	language   = "C.UTF-8"
)

// terminal is what the terminals of the studio can do.
var terminal = []string{"TERM=xterm-256color", "COLORTERM=truecolor"}

// ofPlace are the variables that no start file sets, because they belong to the
// person's desktop and language: without them nothing started here could open a
// window. They alone are taken from this process. SSH_AUTH_SOCK is not among
// them: each execution has a link of its own.
var ofPlace = []string{
	"LANG", "LANGUAGE", "TZ", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
	"XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "DBUS_SESSION_BUS_ADDRESS",
}

// ofShell are the variables that a shell keeps for itself: they tell of the one
// that was asked, not of the one to come.
var ofShell = []string{"_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES", "TERM", "COLORTERM"}

// base is what a login begins with, and all there is when the login fails.
func (s *Shell) base() []string {
	path := pathOfUser
	if s.account.UID == 0 {
		path = pathOfRoot
	}
	a := s.account
	all := []string{"HOME=" + a.Home, "USER=" + a.Name, "LOGNAME=" + a.Name, "SHELL=" + a.Shell, "PATH=" + path}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if value != "" && (slices.Contains(ofPlace, name) || strings.HasPrefix(name, "LC_")) {
			all = append(all, kv)
		}
	}
	if cmp.Or(os.Getenv("LANG"), os.Getenv("LC_ALL")) == "" {
		all = append(all, "LANG="+language)
	}
	return append(all, terminal...)
}

// told is what a shell has told without what it keeps for itself, and without
// what is not UTF-8: odd names the first of those.
func told(variables []string) (kept []string, odd string) {
	for _, kv := range variables {
		name, _, is := strings.Cut(kv, "=")
		switch {
		case !is || slices.Contains(ofShell, name):
		case !utf8.ValidString(kv):
			odd = cmp.Or(odd, strconv.Quote(name))
		default:
			kept = append(kept, kv)
		}
	}
	return append(kept, terminal...), odd
}
