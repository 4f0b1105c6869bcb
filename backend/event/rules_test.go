package event

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

var update = flag.Bool("update", false, "write the goldens anew")

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

func TestRule12_Bodies(t *testing.T) {
	content, err := EncodeContent(ExecutionRenamed{Name: "build"})
	if err != nil {
		t.Fatal(err)
	}
	body, err := JoinBody(make([]byte, 16), content)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeBody(ExecutionRenamedType, body)
	if err != nil || got.(*ExecutionRenamed).Name != "build" {
		t.Fatal(got, err)
	}
	if _, err := DecodeBody(ExecutionRenamedType, append(body, 0)); !fault.Is(err, "body_ill_formed") {
		t.Error(err)
	}
	if _, err := JoinBody(nil, content); !fault.Is(err, "body_nonce") {
		t.Error(err)
	}
	if _, err := JoinBody(make([]byte, 16), make([]byte, MaxBody)); !fault.Is(err, "body_size") {
		t.Error(err)
	}
	refused(t, one, "body_hash", func(h *Header) { h.BodyHash = ID{} })
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

type golden struct{ Name, Header, ID string }

func TestRule16_GoldenBytesAreReadForEver(t *testing.T) {
	path := filepath.Join("testdata", "golden.json")
	if *update {
		var all []golden
		for _, h := range append([]Header{running()}, shapes()...) {
			b, id, err := EncodeHeader(h)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, golden{string(h.Type), hex.EncodeToString(b), id.String()})
		}
		text, _ := json.MarshalIndent(all, "", "  ")
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(text, &all); err != nil || len(all) < 2 {
		t.Fatal(len(all), err)
	}
	for _, g := range all {
		b, _ := hex.DecodeString(g.Header)
		if _, id, err := DecodeHeader(b); err != nil || id.String() != g.ID {
			t.Errorf("%s: %v", g.Name, err)
		}
	}
}

func TestEveryRuleHasATest(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("rules_test.go")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`(?m)^(\d+)\. `).FindAllSubmatch(spec, -1)
	if len(rules) < 16 {
		t.Fatalf("%d rules were found", len(rules))
	}
	for _, r := range rules {
		if name := fmt.Sprintf("func TestRule%02s_", r[1]); !bytes.Contains(tests, []byte(name)) {
			t.Errorf("rule %s has no test", r[1])
		}
	}
}

// Each header key has a line in SPEC.md whose reader and tests are there.
func TestEveryHeaderKeyHasAReaderAndATest(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^\| (\d+) \w+ \| (.+) \| (.+) \|$`).FindAllStringSubmatch(string(spec), -1)
	if keys := reflect.TypeFor[wireHeader]().NumField(); len(lines) != keys {
		t.Fatalf("%d lines for %d keys", len(lines), keys)
	}
	for n, line := range lines {
		tag := reflect.TypeFor[wireHeader]().Field(n).Tag.Get("cbor")
		if key, _, _ := strings.Cut(tag, ","); key != line[1] {
			t.Errorf("line %s stands where key %s should", line[1], key)
		}
		for _, reader := range strings.Split(line[2], ", ") {
			if _, err := os.Stat(filepath.Join("..", reader)); err != nil {
				t.Errorf("key %s: %v", line[1], err)
			}
		}
		for _, test := range strings.Split(line[3], ", ") {
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

func FuzzDecodeHeader(f *testing.F) {
	for _, h := range shapes() {
		b, _, _ := EncodeHeader(h)
		f.Add(b)
	}
	f.Add([]byte{0xbf})
	f.Fuzz(func(t *testing.T, b []byte) {
		agree(t, b)
		h, id, err := DecodeHeader(b)
		if err != nil {
			return
		}
		again, same, err := EncodeHeader(h)
		if err != nil || same != id || !bytes.Equal(again, b) {
			t.Fatalf("read, then written differently: %v", err)
		}
	})
}

func FuzzDecodeSeal(f *testing.F) {
	f.Add([]byte{0xa1, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := DecodeSeal(b); err == nil {
			if again, err := EncodeSeal(s); err != nil || !bytes.Equal(again, b) {
				t.Fatal("read, then written differently")
			}
		}
	})
}

func FuzzDecodeBody(f *testing.F) {
	f.Add(append(make([]byte, 16), 0xa0))
	f.Fuzz(func(_ *testing.T, b []byte) {
		for kind := range classes {
			_, _ = DecodeBody(kind, b)
		}
	})
}

func TestRule17_ACutNamesWhatGeneratesIt(t *testing.T) {
	cut := func() Header { return sharedShapes()[0] }
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut = nil })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut = &Cut{} })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Heads[1].Chain = "a" })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Heads[0].ID = ID{} })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Heads[0].Chain = "" })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Past[1] = h.Facts.Cut.Past[0] })
	refused(t, cut, "cut", func(h *Header) { h.Facts.Cut.Past = make([]ID, MaxParents+1) })
	refused(t, cut, "cut", func(h *Header) {
		h.Facts.Cut.Heads = nil
		for n := range MaxHeads + 1 {
			h.Facts.Cut.Heads = append(h.Facts.Cut.Heads, Head{Chain: Chain(fmt.Sprintf("%04d", n)), ID: ID{1}})
		}
	})
	refused(t, one, "cut", func(h *Header) { h.Facts.Cut = &Cut{Past: []ID{{1}}} })
	refused(t, record, "cut", func(h *Header) { h.Facts.Cut = nil })
}

func TestRule18_ADigestIsOfAFinalizedCheckpoint(t *testing.T) {
	asked := func() Header { return sharedShapes()[1] }
	refused(t, asked, "digest", func(h *Header) { h.Facts.Digest = nil })
	refused(t, asked, "digest", func(h *Header) { h.Facts.Digest.Version = 0 })
	refused(t, asked, "digest", func(h *Header) { h.Facts.Digest.Hash = ID{} })
	refused(t, one, "digest", func(h *Header) { h.Facts.Digest = &Digest{1, ID{1}} })
	refused(t, record, "digest", func(h *Header) { h.Facts.Digest = &Digest{1, ID{1}} })
}

func TestRule19_ARequestAsksForARecord(t *testing.T) {
	asked := func() Header { return sharedShapes()[1] }
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask, h.Facts.Digest = nil, nil })
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask.Type, h.Facts.Digest = WorkItemClaimedType, nil })
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask.Type, h.Facts.Digest = WorkspaceCreatedType, nil })
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask.Type, h.Facts.Digest = "garden.watered", nil })
	refused(t, asked, "ask", func(h *Header) { h.Facts.Ask.Until = -1 })
	refused(t, one, "ask", func(h *Header) { h.Facts.Ask = &Ask{Type: PolicyChangedType} })
}

func TestRule20_ARecordDecides(t *testing.T) {
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision = nil })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Request = ID{} })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Outcome = "maybe" })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Outcome = OutcomeDone })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Reason = "" })
	refused(t, record, "decision", func(h *Header) { h.Facts.Decision.Reason = "No." })
	refused(t, one, "decision", func(h *Header) { h.Facts.Decision = &Decision{Request: ID{1}, Outcome: OutcomeDone} })
}

func TestRule21_AMemberHasAKindAndAReplica(t *testing.T) {
	refused(t, record, "member", func(h *Header) { h.Facts.Member = nil })
	refused(t, record, "member", func(h *Header) { h.Facts.Member.Kind = 0 })
	refused(t, record, "member", func(h *Header) { h.Facts.Member.Kind = 4 })
	refused(t, record, "member", func(h *Header) { h.Facts.Member.Replica = "" })
	refused(t, record, "member", func(h *Header) { h.Facts.Member.Replica = Chain(strings.Repeat("r", MaxChain+1)) })
	refused(t, one, "member", func(h *Header) { h.Facts.Member = &Member{Human, "r"} })
}

func TestRule22_OnlyASessionGoesOnForAnother(t *testing.T) {
	refused(t, one, "continues", func(h *Header) { h.Facts.Continues = ID{1} })
	h := sharedShapes()[3]
	h.Facts.Continues = ID{}
	if err := Check(h); err != nil {
		t.Error("a session has to go on for another:", err)
	}
}

func change(t *testing.T, c any) []byte {
	t.Helper()
	content, err := EncodeContent(c)
	if err != nil {
		t.Fatal(err)
	}
	return append(make([]byte, BodyNonceSize), content...)
}

func TestRule23_AChangeHoldsValues(t *testing.T) {
	whole := Change{Set: map[string]Value{"title": Text("täxt"), "size": Number(-7), "owner": Reference(ID{1}), "done": Flag(true)},
		Add: map[string][]Value{"depends_on": {Reference(ID{2})}}, Remove: map[string][]Value{"inputs": {Text("")}}, Why: "so"}
	back, err := DecodeBody(WorkItemUpdatedType, change(t, whole))
	if err != nil || fmt.Sprint(back) != fmt.Sprint(&whole) {
		t.Errorf("read back as %v: %v", back, err)
	}
	if keys := strings.Join(whole.Keys(), " "); keys != "depends_on done inputs owner size title" {
		t.Error("the keys are", keys)
	}
	for name, bad := range map[string]any{
		"a float": map[int]any{1: map[string]any{"a": 1.5}}, "not a number": map[int]any{1: map[string]any{"a": math.NaN()}}, "nothing": map[int]any{1: map[string]any{"a": nil}},
		"a list": map[int]any{1: map[string]any{"a": []int{1}}}, "a short id": map[int]any{1: map[string]any{"a": []byte{1}}}, "a large number": map[int]any{1: map[string]any{"a": uint64(1 << 63)}},
		"another key": map[int]any{9: "x"}, "a map": map[int]any{1: map[string]any{"a": map[string]int{}}},
	} {
		if _, err := DecodeBody(WorkItemUpdatedType, change(t, bad)); !fault.Is(err, "body_ill_formed") {
			t.Errorf("%s was taken: %v", name, err)
		}
	}
	double := append(make([]byte, BodyNonceSize), 0xa1, 1, 0xa2, 0x61, 'a', 1, 0x61, 'a', 2)
	trailing := append(change(t, whole), 0)
	latin := bytes.Replace(change(t, Change{Why: "abc"}), []byte("abc"), []byte("ab\xff"), 1)
	for name, bad := range map[string][]byte{"a key twice": double, "trailing bytes": trailing, "not UTF-8": latin, "too large": change(t, Change{Why: strings.Repeat("x", MaxBody)})} {
		if _, err := DecodeBody(WorkItemUpdatedType, bad); !fault.Is(err, "body_ill_formed") {
			t.Errorf("%s was taken: %v", name, err)
		}
	}
	if _, err := EncodeContent(Change{Set: map[string]Value{"a": {}}}); err == nil {
		t.Error("a field without a value is written")
	}
}

func TestRule23_EveryTypeHasItsBody(t *testing.T) {
	for kind := range classes {
		body := NewBody(kind)
		if body == nil {
			t.Fatalf("%s has no body", kind)
		}
		if _, err := DecodeBody(kind, append(make([]byte, BodyNonceSize), 0xa0)); err != nil {
			t.Errorf("%s does not read the empty body: %v", kind, err)
		}
	}
	if len(classes) < 90 || ClassOf(WorkItemClaimedType) != Causal || ClassOf(PolicyChangedType) != Control || ClassOf("garden.watered") != 0 {
		t.Error("the types have other classes")
	}
}

func TestRule24_ACertificateIsSignedByItsVoter(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	public := key.Public().(ed25519.PublicKey)
	c := Certificate{Workspace: ID{1}, Index: 3, Record: ID{2}, Voter: ReplicaOf(public)}
	if err := c.Sign(key); err != nil {
		t.Fatal(err)
	}
	b, err := EncodeCertificate(c)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodeCertificate(b); err != nil || back.Verify(public) != nil {
		t.Fatal(back, err)
	}
	for name, change := range map[string]func(*Certificate){
		"workspace": func(c *Certificate) { c.Workspace[1]++ }, "index": func(c *Certificate) { c.Index++ }, "record": func(c *Certificate) { c.Record[1]++ },
		"voter": func(c *Certificate) { c.Voter += "x" }, "signature": func(c *Certificate) { c.Signature = bytes.Clone(c.Signature); c.Signature[5]++ },
	} {
		bad := c
		change(&bad)
		if err := bad.Verify(public); !fault.Is(err, "certificate_signature") {
			t.Errorf("with another %s: %v", name, err)
		}
	}
	c.Record = ID{}
	if _, err := EncodeCertificate(c); !fault.Is(err, "certificate_form") {
		t.Error(err)
	}
	if _, err := DecodeCertificate(append(b, 0)); err == nil {
		t.Error("trailing bytes were taken")
	}
}

func FuzzDecodeCertificate(f *testing.F) {
	f.Add([]byte{0xa1, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := DecodeCertificate(b); err == nil {
			if again, err := EncodeCertificate(c); err != nil || !bytes.Equal(again, b) {
				t.Fatal("read, then written differently")
			}
		}
	})
}

func FuzzParseSessionExport(f *testing.F) {
	f.Add("atelier-session.oA")
	f.Fuzz(func(t *testing.T, text string) {
		if x, err := ParseSessionExport(text); err == nil {
			if again, err := x.Text(); err != nil || again != text {
				t.Fatal("read, then written differently")
			}
		}
	})
}
