package event

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

func exported(t *testing.T) (SessionExport, ed25519.PublicKey) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	x := SessionExport{Workspace: ID{1}, Replica: ReplicaOf(public), Session: ID{2}, Actor: ID{3}, Expires: 7,
		Floor: []Head{{"a", 4, ID{5}}, {"b", 6, ID{7}}}}
	if err := x.Sign(key); err != nil {
		t.Fatal(err)
	}
	return x, public
}

func TestAnExportedSessionIsReadBackAndVerified(t *testing.T) {
	x, _ := exported(t)
	text, err := x.Text()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseSessionExport(text)
	if err != nil {
		t.Fatal(err)
	}
	key, is := back.Replica.Key()
	if again, err := back.Text(); !is || err != nil || again != text || back.Verify(key) != nil {
		t.Error("what is read back is not what was exported:", err)
	}
}

func TestAChangedExportIsRefused(t *testing.T) {
	for name, change := range map[string]func(*SessionExport){
		"workspace": func(x *SessionExport) { x.Workspace[1]++ }, "session": func(x *SessionExport) { x.Session[1]++ },
		"actor": func(x *SessionExport) { x.Actor[1]++ }, "end": func(x *SessionExport) { x.Expires++ },
		"floor": func(x *SessionExport) { x.Floor[1].Seq-- }, "head": func(x *SessionExport) { x.Floor[0].ID[1]++ },
		"replica": func(x *SessionExport) { x.Replica += "x" }, "signature": func(x *SessionExport) { x.Signature[0]++ },
	} {
		x, key := exported(t)
		if err := x.Verify(key); err != nil {
			t.Fatal("the control is refused:", err)
		}
		change(&x)
		if err := x.Verify(key); !fault.Is(err, "export_signature") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnExportOfBadFormIsRefused(t *testing.T) {
	for name, change := range map[string]func(*SessionExport){
		"no session": func(x *SessionExport) { x.Session = ID{} }, "no end": func(x *SessionExport) { x.Expires = 0 },
		"heads in disorder": func(x *SessionExport) { x.Floor[0], x.Floor[1] = x.Floor[1], x.Floor[0] },
		"no signature":      func(x *SessionExport) { x.Signature = nil },
	} {
		x, key := exported(t)
		change(&x)
		if err := x.Verify(key); !fault.Is(err, "export_form") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := x.Text(); !fault.Is(err, "export_form") {
			t.Errorf("%s is written: %v", name, err)
		}
	}
	x, _ := exported(t)
	text, err := x.Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "hello", text[1:], text[:len(text)-2], text + "A", text + strings.Repeat("A", MaxExport)} {
		if _, err := ParseSessionExport(bad); !fault.Is(err, "export_form") {
			t.Errorf("%.20q was taken: %v", bad, err)
		}
	}
}

func TestOnlyAReplicasChainHasAKey(t *testing.T) {
	x, key := exported(t)
	if got, is := x.Replica.Key(); !is || !got.Equal(key) {
		t.Error("the key is not the one of the chain")
	}
	for _, c := range []Chain{"", "workspace", x.Replica[:len(x.Replica)-1], x.Replica + "x"} {
		if _, is := c.Key(); is {
			t.Errorf("%q has a key", c)
		}
	}
}
