package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
	"atelier.dev/atelier/backend/keyfile"
	"atelier.dev/atelier/backend/studio"
)

// bundled makes a home with a finalized checkpoint, and the bundle of that.
func bundled(t *testing.T) (h home.Home, path, digest string) {
	t.Helper()
	h = place(t)
	k, err := giveKeys(h)
	if err != nil {
		t.Fatal(err)
	}
	ctx, say := context.Background(), func(string, string) {}
	log, report, err := badgerlog.Open(ctx, badgerlog.Options{Dir: h.Data, Key: k.replica, RecoveryKey: k.recovery, Names: firstNames(), Random: rand.Reader, Tell: say})
	if err != nil {
		t.Fatal(err)
	}
	ports, err := portsOf(h, log, report, say)
	if err != nil {
		t.Fatal(err)
	}
	ports.Key, ports.Now = keyfile.NewSigner(k.replica), time.Now
	s, err := studio.Open(ctx, ports)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	opened, _, err := s.OpenSession(ctx, event.SurfaceCLI, "")
	must(err)
	c := studio.Caller{Session: opened.ID}
	_, err = s.AddActor(ctx, c, "worker", event.Agent)
	must(err)
	for _, title := range []string{"first", "second"} {
		_, err = s.Change(ctx, c, studio.ChangeRequest{Type: event.WorkItemCreatedType, Set: map[string]any{"title": title}})
		must(err)
	}
	_, err = s.CreateCheckpoint(ctx, c, studio.CheckpointRequest{Name: "then"})
	must(err)
	_, err = s.Finalize(ctx, c, "then", "")
	must(err)
	_, err = s.Change(ctx, c, studio.ChangeRequest{Type: event.WorkItemCreatedType, Set: map[string]any{"title": "later"}})
	must(err)
	path = filepath.Join(t.TempDir(), "then.bundle")
	file, err := os.Create(path)
	must(err)
	b, err := s.Bundle(ctx, c, "then", file)
	must(err)
	must(file.Close())
	must(s.Close(ctx))
	must(log.Close())
	return h, path, b.Head.Digest.Hash.String()
}

func takenIn(t *testing.T, h home.Home, path string) (status int, came imported, said string) {
	t.Helper()
	p := begin(t, "import", "--home", h.Root, "--json", path)
	status = p.status()
	for _, line := range bytes.Split(p.said.Bytes(), []byte("\n")) {
		if bytes.HasPrefix(line, []byte(`{"bundle_id"`)) {
			if err := json.Unmarshal(line, &came); err != nil {
				t.Fatal(err)
			}
		}
	}
	return status, came, p.said.String()
}

// A second home that is given the bundle alone comes to the same digest, is sound,
// answers without writing, and takes the same bundle again as known.
func TestASecondHomeComesToTheSameDigest(t *testing.T) {
	_, path, digest := bundled(t)
	second := place(t)
	status, came, said := takenIn(t, second, path)
	if status != 0 || came.Digest != digest || came.Taken == 0 || came.Known != 1 { // genesis begins the log
		t.Fatalf("exit %d, %+v, want the digest %s: %s", status, came, digest, said)
	}
	if status, found, said := verified(t, second); status != 0 || found.Events != came.Taken+1 {
		t.Errorf("exit %d: %s", status, said)
	}
	status, again, said := takenIn(t, second, path)
	if status != 0 || again.Taken != 0 || again.Known != came.Taken+came.Known || again.Digest != digest {
		t.Errorf("again: exit %d, %+v: %s", status, again, said)
	}
	p := begin(t, "run", "--home", second.Root)
	p.serves()
	if code, answer := call(t, second, "ObjectService/List", `{"kind":"work_item"}`); code != 200 || !says(answer, "second") || says(answer, "later") {
		t.Errorf("it lists %d: %v", code, answer)
	}
	if code, answer := call(t, second, "CoreService/OpenSession", `{"surface":"cli"}`); code != 400 || !says(answer, "enrolled") {
		t.Errorf("a session is opened: %d %v", code, answer)
	}
	call(t, second, "CoreService/Stop", "{}")
	if status := p.status(); status != 0 {
		t.Errorf("exit %d: %s", status, p.said.String())
	}
}

func says(answer map[string]any, word string) bool {
	return strings.Contains(fmt.Sprint(answer), word)
}

func TestABundleIsRefusedWhole(t *testing.T) {
	first, path, _ := bundled(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.bundle")
	for name, c := range map[string]struct {
		content []byte
		exit    int
	}{
		"changed": {append(append(bytes.Clone(good[:len(good)/2]), good[len(good)/2]^1), good[len(good)/2+1:]...), fault.ExitDataLoss},
		"cut":     {good[:len(good)-1], fault.ExitDataLoss},
		"other":   {[]byte("no bundle"), fault.InvalidArgument.ExitStatus()},
	} {
		if err := os.WriteFile(bad, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		h := place(t)
		if status, _, said := takenIn(t, h, bad); status != c.exit {
			t.Errorf("%s: exit %d: %s", name, status, said)
		}
		if _, err := os.Stat(h.Data); err == nil {
			t.Errorf("%s: a home was begun", name)
		}
	}
	if status, _, said := takenIn(t, first, path); status != 0 {
		t.Errorf("its own home: exit %d: %s", status, said)
	}
	if status, _, said := takenIn(t, old(t), path); status != fault.FailedPrecondition.ExitStatus() || !bytes.Contains([]byte(said), []byte("workspace_other")) {
		t.Errorf("a home of another workspace: exit %d: %s", status, said)
	}
}
