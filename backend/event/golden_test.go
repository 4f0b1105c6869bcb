package event

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "add the goldens that are missing")

// golden is what some bytes are read as, for ever: a header as an event of an id,
// a body as a text, and something signed as what verifies.
type golden struct {
	Name   string
	Header string `json:",omitempty"`
	ID     string `json:",omitempty"`
	Bytes  string `json:",omitempty"`
	Is     string `json:",omitempty"`
}

func (g golden) key() string { return g.Name + " " + g.Header + g.Bytes }

// goldens reads a file, after -update has put in what it lacks. What is there is
// never written anew.
func goldens(t *testing.T, file string, wanted []golden) []golden {
	t.Helper()
	path := filepath.Join("testdata", file)
	text, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(text, &all); err != nil && !*update {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, g := range all {
		known[g.key()] = true
	}
	for _, g := range wanted {
		if !known[g.key()] {
			all, known[g.key()] = append(all, g), true
			if !*update {
				t.Errorf("%s has no golden of %s: what is written has changed, or is new", file, g.Name)
			}
		}
	}
	if *update {
		text, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) == 0 || len(wanted) == 0 {
		t.Fatalf("%d goldens in %s, and %d wanted", len(all), file, len(wanted))
	}
	return all
}

func (g golden) bytes(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(g.Header + g.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// settled are the types whose facts and bodies have rules. The others have a name
// and a class, and get goldens with their rules.
func settled(t Type) bool {
	family, _, _ := strings.Cut(string(t), ".")
	return slices.Contains([]string{"workspace", "session", "execution", "work_item", "checkpoint", "actor", "request", "artifact", "trace", "tool_call", "view_definition"}, family) &&
		t != ExecutionCommandType && t != RequestWithdrawnType
}

func TestRule16_GoldenBytesAreReadForEver(t *testing.T) {
	var wanted []golden
	for _, h := range slices.Concat([]Header{running()}, shapes(), slices.DeleteFunc(ofEachType(), func(h Header) bool { return !settled(h.Type) })) {
		b, id, err := EncodeHeader(h)
		if err != nil {
			t.Fatal(h.Type, err)
		}
		wanted = append(wanted, golden{Name: string(h.Type), Header: hex.EncodeToString(b), ID: id.String()})
	}
	for _, g := range goldens(t, "golden.json", wanted) {
		if h, id, err := DecodeHeader(g.bytes(t)); err != nil || id.String() != g.ID || string(h.Type) != g.Name {
			t.Errorf("%s: %v", g.Name, err)
		}
	}
}

// bodies are full bodies, one of each kind.
func bodies() map[string]any {
	return map[string]any{
		"workspace": &WorkspaceCreated{Workspace: "wörk", Human: "anna", Device: "desk"},
		"session":   &SessionOpened{Label: "terminal", After: "a power cut"},
		"started": &ExecutionStarted{Name: "build", Program: "/bin/make", Argv: []string{"make", "", "-j2"}, Folder: "/src",
			Variables: []string{"HOME", "PATH"}, Isolation: "landlock"},
		"renamed":   &ExecutionRenamed{Name: "test"},
		"signalled": &ExecutionSignalled{Signal: 15, Name: "TERM"},
		"remark":    &Remark{Why: "it is over", Label: "window"},
		"change": &Change{Set: map[string]Value{"title": Text("täxt"), "size": Number(-7), "count": Number(1 << 62), "owner": Reference(ID{1}), "done": Flag(true)},
			Add: map[string][]Value{"depends_on": {Reference(ID{2}), Reference(ID{3})}}, Remove: map[string][]Value{"scope": {Text(""), Flag(false)}}, Why: "so"},
	}
}

// bodyOf is the kind of body that a type is said to have.
func bodyOf(t Type) string {
	switch t {
	case WorkspaceCreatedType:
		return "workspace"
	case SessionOpenedType:
		return "session"
	case ExecutionStartedType:
		return "started"
	case ExecutionRenamedType:
		return "renamed"
	case ExecutionSignalledType:
		return "signalled"
	}
	if strings.HasPrefix(string(t), "execution.") || strings.HasPrefix(string(t), "session.") {
		return "remark"
	}
	return "change"
}

func TestRule16_GoldenBodiesAreReadForEver(t *testing.T) {
	full := bodies()
	var wanted []golden
	for _, kind := range slices.DeleteFunc(slices.Sorted(maps.Keys(classes)), func(t Type) bool { return !settled(t) }) {
		content, err := EncodeContent(full[bodyOf(kind)])
		if err != nil {
			t.Fatal(kind, err)
		}
		body := append(bytes.Repeat([]byte{7}, BodyNonceSize), content...)
		wanted = append(wanted, golden{Name: string(kind), Bytes: hex.EncodeToString(body), Is: fmt.Sprintf("%T%+[1]v", full[bodyOf(kind)])})
	}
	for _, g := range goldens(t, "bodies.json", wanted) {
		if body, err := DecodeBody(Type(g.Name), g.bytes(t)); err != nil || fmt.Sprintf("%T%+[1]v", body) != g.Is {
			t.Errorf("%s is read as %+v: %v", g.Name, body, err)
		}
	}
}

func signer() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)) }

// signedBytes are one of each thing that carries a signature.
func signedBytes(t testing.TB) map[string][]byte {
	t.Helper()
	key := signer()
	a, b := lies(t, key)
	c := Certificate{Workspace: ID{1}, Index: 300, Record: ID{2}, Voter: ReplicaOf(key.Public().(ed25519.PublicKey))}
	if err := c.Sign(key); err != nil {
		t.Fatal(err)
	}
	f, err := NewFraud(a, b)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for name, encode := range map[string]func() ([]byte, error){
		"seal": func() ([]byte, error) { return EncodeSeal(a.Seal) }, "certificate": func() ([]byte, error) { return EncodeCertificate(c) },
		"proof": func() ([]byte, error) { return EncodeProof(a) }, "fraud": func() ([]byte, error) { return EncodeFraud(f) },
	} {
		if all[name], err = encode(); err != nil {
			t.Fatal(name, err)
		}
	}
	return all
}

func TestRule16_GoldenSignaturesHoldForEver(t *testing.T) {
	var wanted []golden
	for _, name := range slices.Sorted(maps.Keys(signedBytes(t))) {
		wanted = append(wanted, golden{Name: name, Bytes: hex.EncodeToString(signedBytes(t)[name])})
	}
	public := signer().Public().(ed25519.PublicKey)
	for _, g := range goldens(t, "signed.json", wanted) {
		if err := verifyAs(g.Name, g.bytes(t), public); err != nil {
			t.Errorf("%s: %v", g.Name, err)
		}
	}
}

func verifyAs(name string, b []byte, key ed25519.PublicKey) error {
	var signed interface {
		Verify(key ed25519.PublicKey) error
	}
	var err error
	switch name {
	case "seal":
		signed, err = DecodeSeal(b)
	case "certificate":
		signed, err = DecodeCertificate(b)
	case "proof":
		signed, err = DecodeProof(b)
	case "fraud":
		signed, err = DecodeFraud(b)
	default:
		return fmt.Errorf("nothing is called %q", name)
	}
	if err != nil {
		return err
	}
	return signed.Verify(key)
}
