package home_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

func made(t *testing.T) home.Home {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	h, err := home.Resolve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestLongPathsStillGiveAShortSocket(t *testing.T) {
	long := "/" + strings.Repeat("a", 200)
	t.Setenv("XDG_RUNTIME_DIR", long)
	t.Setenv("TMPDIR", long)
	h, err := home.Resolve(long)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Socket()) > 107 || strings.HasPrefix(h.Socket(), long) {
		t.Errorf("socket %q", h.Socket())
	}
}

func TestFoldersAreOurs(t *testing.T) {
	h := made(t)
	for _, dir := range []string{h.Root, h.Data, h.State, h.Config, h.Runtime} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", dir, info, err)
		}
	}
}

func TestPlantedRuntimeIsRefused(t *testing.T) {
	for name, plant := range map[string]func(h home.Home) error{
		"link":   func(h home.Home) error { return errors.Join(os.RemoveAll(h.Runtime), os.Symlink("/", h.Runtime)) },
		"open":   func(h home.Home) error { return os.Chmod(h.Runtime, 0o777) },
		"file":   func(h home.Home) error { return os.WriteFile(h.Socket(), nil, 0o600) },
		"socket": func(h home.Home) error { return os.Symlink("/dev/null", h.Socket()) },
	} {
		t.Run(name, func(t *testing.T) {
			h := made(t)
			if err := h.CheckRuntime(); err != nil {
				t.Fatalf("refused before anything was planted: %v", err)
			}
			if err := plant(h); err != nil {
				t.Fatal(err)
			}
			f := fault.Of(h.CheckRuntime())
			if f == nil || f.Code != fault.PermissionDenied || f.Mend == "" {
				t.Errorf("got %v", f)
			}
		})
	}
}

func TestOpenParentNeedsSticky(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", base)
	h, err := home.Resolve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(base, 0o777); err != nil {
		t.Fatal(err)
	}
	if f := fault.Of(h.Make()); f == nil || f.Code != fault.PermissionDenied {
		t.Errorf("open parent: %v", f)
	}
	if err := os.Chmod(base, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := h.Make(); err != nil {
		t.Errorf("sticky parent: %v", err)
	}
}

func TestForeignHomeIsRefused(t *testing.T) {
	h := made(t)
	if os.Geteuid() == 0 {
		if err := os.Chown(h.Root, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	} else {
		h.Root = "/" // root's, and not ours
	}
	if f := fault.Of(h.Make()); f == nil || f.Reason != "home_foreign" {
		t.Errorf("got %v", f)
	}
}

func TestSecondLockNamesTheFirst(t *testing.T) {
	h := made(t)
	l, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Lock()
	if f := fault.Of(err); f == nil || f.Reason != "home_open" || f.Details["pid"] != strconv.Itoa(os.Getpid()) {
		t.Errorf("got %v", f)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Lock(); err != nil {
		t.Errorf("after release: %v", err)
	}
}

func TestALockForAnAuditSaysSo(t *testing.T) {
	h := made(t)
	audit, err := h.LockForAudit()
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Lock()
	if f := fault.Of(err); f == nil || f.Reason != "home_audited" || f.Message != "an audit by pid "+strconv.Itoa(os.Getpid())+" reads this home" {
		t.Errorf("got %v", f)
	}
	if err := audit.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err = h.Lock(); err != nil {
		t.Fatal(err)
	}
	if _, err = h.LockForAudit(); !fault.Is(err, "home_open") {
		t.Errorf("after an audit: %v", err)
	}
}

func TestCoreFileGoesAndComes(t *testing.T) {
	h := made(t)
	want := home.Core{PID: 7, Socket: h.Socket(), Version: "1"}
	if err := h.WriteCore(want); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := h.ReadCore(); err != nil || !ok || got != want {
		t.Errorf("%v %v %v", got, ok, err)
	}
	if err := h.RemoveCore(8); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := h.ReadCore(); !ok {
		t.Error("another core's file was removed")
	}
	if err := h.RemoveCore(7); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(h.State, "*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// A caller whose environment names other folders finds the core that runs, and
// one whose core has died makes a place of its own.
func TestACoreIsMetWhereItWasStarted(t *testing.T) {
	h := made(t)
	listener, err := net.Listen("unix", h.Socket())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.WriteCore(home.Core{PID: os.Getpid(), Socket: h.Socket()}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", "")
	other, err := home.Resolve(h.Root)
	if err != nil {
		t.Fatal(err)
	}
	if other.Socket() == h.Socket() {
		t.Fatal("the two environments name one folder: the test is blind")
	}
	met := other.Met()
	if met.Socket() != h.Socket() {
		t.Errorf("met at %s, and it is at %s", met.Socket(), h.Socket())
	}
	if err := met.CheckRuntime(); err != nil {
		t.Errorf("what was met is refused: %v", err)
	}
	if err := os.Chmod(filepath.Dir(h.Socket()), 0o755); err != nil {
		t.Fatal(err)
	}
	if f := fault.Of(met.CheckRuntime()); f == nil || f.Reason != "runtime_planted" {
		t.Errorf("an open folder: %v", f)
	}
	listener.Close()
	if other.Met().Socket() != other.Socket() {
		t.Error("a core that has died is met")
	}
}
