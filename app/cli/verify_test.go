package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"atelier.dev/atelier/backend/home"
)

// audits gives a world an atelier-core that does something before it audits.
func (w *world) audits(t *testing.T, before string) {
	t.Helper()
	own := filepath.Join(w.root, "bin")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(w.bin, "atelier"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "atelier"), whole, 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nif [ \"$1\" = verify ]; then " + before + "; fi\nexec " + filepath.Join(w.bin, "atelier-core") + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(own, "atelier-core"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	w.bin = own
}

func TestVerifyWaitsForACoreThatEnds(t *testing.T) {
	w := newWorld(t)
	w.core(t)
	w.run(t, "core", "stop")
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(w.root, "r"))
	h, err := home.Resolve(filepath.Join(w.root, "h"))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := h.Lock() // as a core that ends has it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Release() }) // it may have been given back
	w.audits(t, `echo once >>"$ROOT/tries"`)
	verify := w.command("atelier", "verify")
	var said bytes.Buffer
	verify.Stdout, verify.Stderr = &said, &said
	if err := verify.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- verify.Wait() }()
	holds(t, "it tries again", func() bool {
		tries, err := os.ReadFile(filepath.Join(w.root, "tries"))
		if len(ended) > 0 {
			t.Fatalf("it gave up: %v: %s", <-ended, said.String())
		}
		return err == nil && bytes.Count(tries, []byte("once")) > 1
	})
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || !strings.Contains(said.String(), "all is as it was written") {
		t.Errorf("%v: %s", err, said.String())
	}
}

func TestVerifyBesideCoresThatComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.run(t, "run", "--", "true")
	for range 6 {
		w.run(t, "core", "stop")
		ps := w.command("atelier", "ps")
		if err := ps.Start(); err != nil {
			t.Fatal(err)
		}
		w.run(t, "verify")
		if err := ps.Wait(); err != nil {
			t.Error(err)
		}
		stop := w.command("atelier", "core", "stop")
		if err := stop.Start(); err != nil {
			t.Fatal(err)
		}
		w.run(t, "verify")
		if err := stop.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// An audit whose client was killed does not keep the home, not even one that hangs.
func TestAnAuditEndsWithItsClient(t *testing.T) {
	w := newWorld(t)
	w.core(t)
	w.run(t, "core", "stop")
	w.audits(t, `echo $$ >"$ROOT/pid.new"; mv "$ROOT/pid.new" "$ROOT/pid"; kill -STOP $$`)
	verify := w.command("atelier", "verify")
	if err := verify.Start(); err != nil {
		t.Fatal(err)
	}
	audit := 0
	holds(t, "the audit begins", func() bool {
		text, err := os.ReadFile(filepath.Join(w.root, "pid"))
		if err != nil {
			return false
		}
		audit, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	signalIt(t, verify.Process.Pid, syscall.SIGKILL)
	_ = verify.Wait()                                              // it was killed
	t.Cleanup(func() { _ = syscall.Kill(audit, syscall.SIGKILL) }) // it is gone already
	holds(t, "the audit is gone", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(audit) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}
