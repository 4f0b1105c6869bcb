package event

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

func one() Header {
	return Header{SchemaVersion: 1, Workspace: ID{1}, Type: ExecutionInputType, Lamport: 2, Parents: []ID{{2}}, Replica: "r", Seq: 1, Prev: ID{3},
		Basis: Basis{0, ID{1}}, WallTime: 5, Actor: Actor{ID{4}, Human}, Surface: SurfaceCLI, Session: ID{5}, ViewEpoch: 1, Branch: ID{6},
		Affected: []ID{{7}}, Class: Causal, BodyHash: ID{8}}
}

func first() Header {
	return Header{SchemaVersion: 1, Type: WorkspaceCreatedType, Lamport: 1, WallTime: 5, Surface: SurfaceSystem, ViewEpoch: 1, Class: Control, BodyHash: ID{8},
		Facts: Facts{Genesis: &Genesis{Nonce: [16]byte{1}, Replica: "r", RecoveryKey: bytes.Repeat([]byte{1}, 32), Epoch: 1}}}
}

// refused changes a good header and wants the reason; the header unchanged is
// the control.
func refused(t *testing.T, base func() Header, reason string, change func(*Header)) {
	t.Helper()
	h := base()
	if err := Check(h); err != nil {
		t.Fatal("the control is refused:", err)
	}
	change(&h)
	if err := Check(h); !fault.Is(err, reason) {
		t.Errorf("want %s, got %v", reason, err)
	}
}

func encode(t *testing.T, h Header) []byte {
	t.Helper()
	b, _, err := EncodeHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRule01_CanonicalOrRefused(t *testing.T) {
	b := encode(t, one())
	if _, _, err := DecodeHeader(b); err != nil {
		t.Fatal(err)
	}
	long := append([]byte{b[0], 1, 0x18, 1}, b[3:]...)
	double := append(append([]byte{b[0] + 1, 1, 1}, 1, 1), b[3:]...)
	endless := append(append([]byte{0xbf}, b[1:]...), 0xff)
	float := append([]byte{b[0], 1, 0xf9, 0x3c, 0}, b[3:]...)
	text := bytes.Replace(b, []byte("execution.input"), []byte("execution.inpu\xff"), 1)
	for name, bad := range map[string][]byte{"long integer": long, "key twice": double, "indefinite": endless, "float": float,
		"not UTF-8": text, "trailing": append(bytes.Clone(b), 0), "cut": b[:len(b)-1], "empty": nil} {
		if _, _, err := DecodeHeader(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestRule02_IDIsTheHashAndHasOneText(t *testing.T) {
	_, id, err := EncodeHeader(one())
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseID(id.String()); err != nil || back != id || len(id.String()) != 52 {
		t.Error(back, err)
	}
	for _, bad := range []string{"", "abc", strings.ToUpper(id.String()), id.String()[:51] + "b"} {
		if _, err := ParseID(bad); !fault.Is(err, "id_malformed") {
			t.Errorf("%q was taken", bad)
		}
	}
	low, high, err := PrefixRange(id.String()[:6])
	if err != nil || bytes.Compare(low[:], id[:]) > 0 || bytes.Compare(high[:], id[:]) < 0 || low == high {
		t.Error(low, high, err)
	}
	if _, _, err := PrefixRange("abcde"); err == nil {
		t.Error("a short prefix was taken")
	}
	// Every field of the header is in the hash.
	seen := map[ID]string{id: "unchanged"}
	for name, change := range map[string]func(*Header){
		"workspace": func(h *Header) { h.Workspace[1] = 1 }, "lamport": func(h *Header) { h.Lamport = 9 }, "seq": func(h *Header) { h.Seq = 9 },
		"wall_time": func(h *Header) { h.WallTime++ }, "surface": func(h *Header) { h.Surface = SurfaceWeb }, "facts": func(h *Header) { h.Facts.State = "x" },
		"session": func(h *Header) { h.Session[1] = 1 }, "body_hash": func(h *Header) { h.BodyHash[1] = 1 }, "basis": func(h *Header) { h.Basis.Index = 1 },
		"parents": func(h *Header) { h.Parents[0][1] = 1 }, "affected": func(h *Header) { h.Affected[0][1] = 1 }, "view_epoch": func(h *Header) { h.ViewEpoch = 2 },
		"replica": func(h *Header) { h.Replica = "q" }, "prev": func(h *Header) { h.Prev[1] = 1 }, "branch": func(h *Header) { h.Branch[1] = 1 },
		"actor": func(h *Header) { h.Actor.Kind = Agent }, "type": func(h *Header) { h.Type = ExecutionLostType },
	} {
		h := one()
		change(&h)
		b, got, err := EncodeHeader(h)
		if err != nil || seen[got] != "" {
			t.Errorf("%s is not in the id: %v", name, err)
		}
		if again, _, err := DecodeHeader(b); err != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", h) {
			t.Errorf("%s is not read back: %v", name, err)
		}
		seen[got] = name
	}
}

func TestRule03_DefaultsAreAbsent(t *testing.T) {
	b := encode(t, one())
	empty := append([]byte{b[0] + 1}, b[1:]...)
	at := len(empty) - 35 // key 21 with its hash is last; 20 goes before
	empty = append(append(bytes.Clone(empty[:at]), 0x14, 0xa0), empty[at:]...)
	if _, _, err := DecodeHeader(empty); !fault.Is(err, "not_canonical") {
		t.Error("present and empty facts:", err)
	}
}

func TestRule04_VersionsAndKeys(t *testing.T) {
	b := encode(t, one())
	newer := bytes.Clone(b)
	newer[2] = 2
	if _, _, err := DecodeHeader(newer); !fault.Is(err, "schema_newer") {
		t.Error(err)
	}
	reserved := append([]byte{b[0] + 1}, b[1:]...)
	at := len(reserved) - 35 - 2
	reserved = append(append(bytes.Clone(reserved[:at]), 0x12, 0xa0), reserved[at:]...)
	if _, _, err := DecodeHeader(reserved); !fault.Is(err, "encoding") {
		t.Error("a reserved key was taken:", err)
	}
	refused(t, one, "schema_version", func(h *Header) { h.SchemaVersion = 0 })
}

func TestRule05_TypesHaveOneClass(t *testing.T) {
	refused(t, one, "type", func(h *Header) { h.Type = "execution" })
	refused(t, one, "type", func(h *Header) { h.Type = "Execution.x" })
	refused(t, one, "class", func(h *Header) { h.Class = Control })
	refused(t, one, "class", func(h *Header) { h.Class = 0 })
	h := one()
	h.Type = "garden.watered"
	if Check(h) != nil || Known(h.Type) {
		t.Error("an unknown type is not opaque")
	}
}

func TestRule06_PrevAtSeq(t *testing.T) {
	refused(t, one, "prev", func(h *Header) { h.Prev = ID{} })
	refused(t, one, "prev", func(h *Header) { h.Seq = 0 })
}

func TestRule07_ParentsAndLamport(t *testing.T) {
	refused(t, one, "parents_order", func(h *Header) { h.Parents = []ID{{2}, {1}} })
	refused(t, one, "parents_order", func(h *Header) { h.Parents = []ID{{2}, {2}} })
	refused(t, one, "parents_count", func(h *Header) { h.Parents = make([]ID, 65) })
	refused(t, one, "lamport", func(h *Header) { h.Lamport = 1 })
	refused(t, one, "lamport", func(h *Header) { h.Parents = nil })
}

func TestRule08_Genesis(t *testing.T) {
	for _, change := range []func(*Header){
		func(h *Header) { h.Workspace = ID{1} }, func(h *Header) { h.Replica = "r" }, func(h *Header) { h.Basis.Record = ID{1} },
		func(h *Header) { h.Actor.Kind = Human }, func(h *Header) { h.Session = ID{1} }, func(h *Header) { h.Branch = ID{1} },
		func(h *Header) { h.Affected = []ID{{1}} }, func(h *Header) { h.Facts.Genesis = nil }, func(h *Header) { h.Facts.Genesis.Replica = "" },
		func(h *Header) { h.Facts.Genesis.RecoveryKey = nil }, func(h *Header) { h.Facts.Genesis.Epoch = 2 }, func(h *Header) { h.Facts.Genesis.Nonce = [16]byte{} },
		func(h *Header) { h.Surface = SurfaceCLI }, func(h *Header) { h.ViewEpoch = 0 },
	} {
		refused(t, first, "genesis", change)
	}
	refused(t, one, "genesis", func(h *Header) { h.Facts.Genesis = &Genesis{} })
}

func TestRule09_WhoAndWhere(t *testing.T) {
	refused(t, one, "workspace", func(h *Header) { h.Workspace = ID{} })
	refused(t, one, "replica", func(h *Header) { h.Replica = "" })
	refused(t, one, "replica", func(h *Header) { h.Replica = Chain(h.Workspace[:]) })
	refused(t, one, "basis", func(h *Header) { h.Basis = Basis{} })
	refused(t, one, "actor", func(h *Header) { h.Actor.Kind = 9 })
	refused(t, one, "surface", func(h *Header) { h.Surface = 0 })
	refused(t, one, "branch", func(h *Header) { h.Branch = ID{} })
	refused(t, one, "view_epoch", func(h *Header) { h.ViewEpoch = 0 })
	refused(t, one, "session", func(h *Header) { h.Session = ID{} })
	refused(t, one, "session", func(h *Header) { h.Type = SessionOpenedType })
}

func TestRule10_Affected(t *testing.T) {
	refused(t, one, "affected", func(h *Header) { h.Affected = []ID{{2}, {1}} })
	refused(t, one, "affected", func(h *Header) { h.Affected = make([]ID, 257) })
}

func TestRule11_Facts(t *testing.T) {
	refused(t, one, "facts", func(h *Header) { h.Facts.State = "Not a word" })
	refused(t, one, "facts", func(h *Header) { h.Facts.Fields = []string{"b", "a"} })
	refused(t, one, "range", func(h *Header) { h.Facts.Range = &Range{5, 5, ID{1}} })
	refused(t, one, "range", func(h *Header) { h.Facts.Range = &Range{0, MaxRange + 1, ID{1}} })
	refused(t, one, "range", func(h *Header) { h.Type = ExecutionOutputType })
	refused(t, one, "turn", func(h *Header) { h.Type = ExecutionControlChangedType })
	refused(t, one, "turn", func(h *Header) { h.Facts.Turn = &Turn{} })
	refused(t, one, "size", func(h *Header) { h.Facts.Size = &Size{1 << 16, 1} })
	refused(t, one, "operator", func(h *Header) { h.Type = ExecutionAttachedType })
	refused(t, one, "operator", func(h *Header) { h.Type = ExecutionDetachedType })
	refused(t, one, "operator", func(h *Header) { h.Facts.Operator = ID{5} })
	left := func() Header { h := one(); h.Type, h.Facts.Operator = ExecutionDetachedType, ID{5}; return h }
	refused(t, left, "operator", func(h *Header) { h.Facts.Operator = ID{} })
	if h, _, err := DecodeHeader(encode(t, left())); err != nil || h.Facts.Operator != (ID{5}) {
		t.Errorf("the operator is not read back: %v", err)
	}
	refused(t, one, "exit", func(h *Header) { h.Facts.Exit = &Exit{256, 0} })
}

func TestRule13_HeaderSize(t *testing.T) {
	h := first()
	h.Facts.Genesis.Policy = strings.Repeat("p", MaxHeader)
	if _, _, err := EncodeHeader(h); !fault.Is(err, "header_size") {
		t.Error(err)
	}
	if _, _, err := DecodeHeader(make([]byte, MaxHeader+1)); !fault.Is(err, "header_size") {
		t.Error(err)
	}
}

func TestRule14_SealProvesEachEvent(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	for _, n := range []int{1, 2, 3, 7, 8, 100, 1024} {
		ids := make([]ID, n)
		for i := range ids {
			ids[i] = Derived(ID{1}, fmt.Sprint(i))
		}
		root := Root(ids)
		for i := 0; i < n; i += 1 + n/9 {
			path := Path(ids, i)
			if !Proves(root, ids[i], i, n, path) || Proves(root, ID{9}, i, n, path) || n > 1 && Proves(root, ids[i], (i+1)%n, n, path) {
				t.Fatalf("event %d of %d", i, n)
			}
		}
	}
	s := Seal{Workspace: ID{1}, Replica: "r", First: 0, Last: 3, Root: ID{2}}
	if err := s.Sign(key); err != nil {
		t.Fatal(err)
	}
	b, err := EncodeSeal(s)
	if err != nil {
		t.Fatal(err)
	}
	public := key.Public().(ed25519.PublicKey)
	if back, err := DecodeSeal(b); err != nil || back.Verify(public) != nil {
		t.Fatal(back, err)
	}
	s.Last = 4
	if err := s.Verify(public); !fault.Is(err, "seal_signature") {
		t.Error(err)
	}
	s.Last = 1024
	if err := s.Verify(public); !fault.Is(err, "seal_form") {
		t.Error(err)
	}
}

func TestRule15_RangesHashAlikeHoweverWritten(t *testing.T) {
	b := bytes.Repeat([]byte("0123456789"), 30_000)
	whole := NewRangeHash()
	whole.Write(b)
	for _, step := range []int{1000, 4096, LeafSize, LeafSize + 1} {
		h := NewRangeHash()
		for at := 0; at < len(b); at += step {
			h.Write(b[at:min(at+step, len(b))])
			h.Root()
		}
		if h.Root() != whole.Root() {
			t.Errorf("in steps of %d the root differs", step)
		}
	}
	b[100]++
	other := NewRangeHash()
	other.Write(b)
	if other.Root() == whole.Root() {
		t.Error("a changed byte has the same root")
	}
}

// running is what the shim's report that the program runs becomes.
func running() Header {
	h, note := one(), uint64(1)
	h.Type, h.Facts = ExecutionRunningType, Facts{State: "running", Note: &note, Size: &Size{80, 24}}
	return h
}

func TestRunningIsKnown(t *testing.T) {
	h, _, err := DecodeHeader(encode(t, running()))
	if err != nil || !Known(h.Type) || h.Facts.State != "running" || *h.Facts.Note != 1 || *h.Facts.Size != (Size{80, 24}) {
		t.Errorf("%+v: %v", h, err)
	}
	if _, remark := NewBody(ExecutionRunningType).(*Remark); !remark {
		t.Error("its body is no remark")
	}
	refused(t, running, "class", func(h *Header) { h.Class = Control })
	refused(t, running, "operator", func(h *Header) { h.Facts.Operator = ID{5} })
}

func TestEveryRuleHasATest(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, text...)
	}
	rules := regexp.MustCompile(`(?m)^(\d+)\. `).FindAllSubmatch(spec, -1)
	if len(rules) < 26 {
		t.Fatalf("%d rules were found", len(rules))
	}
	for _, r := range rules {
		if name := fmt.Sprintf("\nfunc TestRule%02s_", r[1]); !bytes.Contains(tests, []byte(name)) {
			t.Errorf("rule %s has no test", r[1])
		}
	}
}

// Each key of a header and of its facts has a line in SPEC.md whose readers and
// tests are there.
func TestEveryKeyHasAReaderAndATest(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(spec), "## Who reads what")
	header, facts, found := strings.Cut(tables, "| fact |")
	if !found {
		t.Fatal("the facts have no table")
	}
	hasReaders(t, header, reflect.TypeFor[wireHeader]())
	hasReaders(t, facts, reflect.TypeFor[wireFacts]())
}

func hasReaders(t *testing.T, table string, keys reflect.Type) {
	t.Helper()
	lines := regexp.MustCompile(`(?m)^\| (\d+) (\w+) \| (.+) \| (.+) \|$`).FindAllStringSubmatch(table, -1)
	if len(lines) != keys.NumField() {
		t.Fatalf("%d lines for %d keys", len(lines), keys.NumField())
	}
	for n, line := range lines {
		if key, _, _ := strings.Cut(keys.Field(n).Tag.Get("cbor"), ","); key != line[1] {
			t.Errorf("line %s stands where key %s should", line[1], key)
		}
		for _, reader := range strings.Split(line[3], ", ") {
			text, err := os.ReadFile(filepath.Join("..", reader))
			if err != nil || keys == reflect.TypeFor[wireFacts]() && !bytes.Contains(text, []byte("."+keys.Field(n).Name)) {
				t.Errorf("key %s is not read by %s: %v", line[1], reader, err)
			}
		}
		for _, test := range strings.Split(line[4], ", ") {
			folder, name, _ := strings.Cut(test, " ")
			if !hasTest(t, folder, name) {
				t.Errorf("key %s: there is no %s in %s", line[1], name, folder)
			}
		}
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte("func "+name+"(")) {
			return true
		}
	}
	return false
}
