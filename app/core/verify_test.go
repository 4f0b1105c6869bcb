package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

// old is a home with a log that no core has open.
func old(t *testing.T) home.Home {
	t.Helper()
	h := place(t)
	p := begin(t, "run", "--home", h.Root)
	p.serves()
	if code, said := call(t, h, "CoreService/OpenSession", `{"surface":"cli"}`); code != 200 {
		t.Fatal(code, said)
	}
	call(t, h, "CoreService/Stop", "{}")
	if status := p.status(); status != 0 {
		t.Fatalf("exit %d: %s", status, p.said.String())
	}
	return h
}

// verified runs verify and reads its document.
func verified(t *testing.T, h home.Home) (status int, found audit, said string) {
	t.Helper()
	p := begin(t, "verify", "--home", h.Root, "--json")
	status = p.status()
	for _, line := range bytes.Split(p.said.Bytes(), []byte("\n")) {
		if bytes.HasPrefix(line, []byte(`{"events"`)) {
			if err := json.Unmarshal(line, &found); err != nil {
				t.Fatal(err)
			}
		}
	}
	return status, found, p.said.String()
}

func TestSoundHomeIsVerified(t *testing.T) {
	status, found, said := verified(t, old(t))
	if status != 0 || found.Events != 2 || found.Seals != 1 || len(found.Problems) != 0 || len(found.ReadFrontier) != 2 {
		t.Errorf("exit %d: %s", status, said)
	}
}

func TestLostTailIsFound(t *testing.T) {
	h := old(t)
	files, err := filepath.Glob(filepath.Join(h.Data, "log", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files { // all of the store, as if it had never been written
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	if status, _, said := verified(t, h); status != fault.ExitDataLoss || !bytes.Contains([]byte(said), []byte("data_loss")) {
		t.Errorf("exit %d: %s", status, said)
	}
}

func TestMissingHomeIsNotMade(t *testing.T) {
	h := place(t)
	status, _, said := verified(t, h)
	if status != fault.ExitNotFound || !bytes.Contains([]byte(said), []byte(`"code":"not_found"`)) {
		t.Errorf("exit %d: %s", status, said)
	}
	if _, err := os.Lstat(h.Root); !os.IsNotExist(err) {
		t.Errorf("something was made: %v", err)
	}
}

func TestOpenHomeIsLeftAlone(t *testing.T) {
	h := place(t)
	begin(t, "run", "--home", h.Root).serves()
	if status, _, said := verified(t, h); status != fault.ExitPrecondition || !bytes.Contains([]byte(said), []byte("home_open")) {
		t.Errorf("exit %d: %s", status, said)
	}
}

// What a power cut leaves is told calmly, and by every audit until a start mends it.
func TestCutValuesAreToldByEveryAudit(t *testing.T) {
	h := old(t)
	values, err := os.OpenFile(filepath.Join(h.Data, "values"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := values.WriteString("torn"); err != nil {
		t.Fatal(err)
	}
	values.Close()
	for range 2 {
		status, found, said := verified(t, h)
		if status != fault.ExitDataLoss || len(found.Problems) != 1 || found.Problems[0].Code != "values" {
			t.Fatalf("exit %d: %s", status, said)
		}
	}
	p := begin(t, "run", "--home", h.Root)
	p.serves()
	call(t, h, "CoreService/Stop", "{}")
	if status := p.status(); status != 0 {
		t.Fatalf("exit %d: %s", status, p.said.String())
	}
	if status, found, said := verified(t, h); status != 0 || len(found.Problems) > 0 {
		t.Errorf("exit %d: %s", status, said)
	}
}

// A store whose manifest is harmed loses no table: with the manifest back all is well.
func TestHarmedManifestIsRefusedAndHarmsNoMore(t *testing.T) {
	h := old(t)
	path := filepath.Join(h.Data, "log", "MANIFEST")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(whole)-1)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if status, _, said := verified(t, h); status != fault.ExitDataLoss {
			t.Fatalf("exit %d: %s", status, said)
		}
		if status := begin(t, "run", "--home", h.Root).status(); status != fault.ExitDataLoss {
			t.Fatalf("a start: exit %d", status)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, found, said := verified(t, h); status != 0 || found.Events != 2 {
		t.Errorf("exit %d: %s", status, said)
	}
}
