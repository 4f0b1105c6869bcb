package attach

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"

	"atelier.dev/atelier/backend/fault"
)

var update = flag.Bool("update", false, "write the goldens anew")

// pageVectors are shared with the codec of the page, which reads the same file.
const pageVectors = "../../frontend/src/domain/attach/testdata/frames.json"

type vector struct {
	Name, Hex string
	Frame     map[string]any
}

func (v vector) u64(t *testing.T, field string) uint64 {
	t.Helper()
	text := fmt.Sprint(v.Frame[field])
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %s is %q", v.Name, field, text)
	}
	return n
}

func (v vector) u16(t *testing.T, field string) uint16 { return uint16(v.u64(t, field)) }
func (v vector) u32(t *testing.T, field string) uint32 { return uint32(v.u64(t, field)) }
func (v vector) text(field string) string              { return v.Frame[field].(string) }
func (v vector) bool(field string) bool                { return v.Frame[field].(bool) }

func (v vector) bytes(t *testing.T, field string) []byte { return unhex(t, v.text(field)) }

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var states = map[string]State{"running": Running, "suspended": Suspended, "exited": Exited}

// said is the frame that a vector of the page means.
func (v vector) said(t *testing.T) Frame {
	switch v.text("type") {
	case "hello":
		return Hello{Version, uint8(v.u16(t, "flags")), Ticket(v.bytes(t, "ticket")), v.u64(t, "from"), v.u64(t, "maxLag")}
	case "input":
		return Input{v.u64(t, "epoch"), v.u64(t, "seq"), v.bytes(t, "bytes")}
	case "resize":
		return Resize{v.u64(t, "epoch"), v.u16(t, "cols"), v.u16(t, "rows")}
	case "bye":
		return Bye{}
	case "welcome":
		return Welcome{v.u16(t, "version"), states[v.text("state")], v.u64(t, "epoch"), v.bool("driving"), v.u64(t, "start"), v.u64(t, "end"),
			v.u16(t, "cols"), v.u16(t, "rows"), v.u64(t, "lastSeq"), v.text("driver")}
	case "output":
		return Output{v.u64(t, "offset"), v.bytes(t, "bytes")}
	case "skipped":
		return Skipped{v.u64(t, "from"), v.u64(t, "to")}
	case "turn":
		return Turn{v.u64(t, "epoch"), v.bool("driving"), v.text("driver")}
	case "size":
		return Size{v.u16(t, "cols"), v.u16(t, "rows")}
	case "suspended":
		return Suspend{v.bool("suspended"), v.text("reason")}
	case "exit":
		return Exit{v.u64(t, "end"), v.u32(t, "status"), v.u32(t, "signal")}
	case "ack":
		return Ack{v.u64(t, "seq")}
	case "refused":
		return Refused{v.u64(t, "seq"), v.u64(t, "epoch"), v.text("code"), v.text("message"), v.text("driver")}
	}
	t.Fatalf("%s: the page speaks of a frame that this package does not know", v.Name)
	return nil
}

// bothWays checks the bytes of a frame in both directions.
func bothWays(t *testing.T, f Frame, whole []byte) {
	t.Helper()
	if got := Append(nil, f); !bytes.Equal(got, whole) {
		t.Errorf("%#v\n is %x\nwant %x", f, got, whole)
	}
	back, err := Decode(whole[lengthWord:])
	if err != nil || !reflect.DeepEqual(back, f) {
		t.Errorf("%x\n means %#v, %v\n want %#v", whole, back, err, f)
	}
}

func TestFramesOfThePage(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash(pageVectors))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Frames []vector }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	kinds := map[Kind]bool{}
	for _, v := range all.Frames {
		f := v.said(t)
		kinds[f.kind()] = true
		bothWays(t, f, unhex(t, v.Hex))
	}
	if len(kinds) != 13 {
		t.Errorf("vectors of %d kinds; a client sends or hears 13", len(kinds))
	}
}

// between are the frames between shim and core, which the page never sees.
func between() []Frame {
	ticket := Ticket{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	note := func(kind NoteKind, n Note) Note {
		n.Index, n.Time, n.Offset, n.Kind = uint64(kind), 1_700_000_000_000_000_000, 4096, kind
		return n
	}
	return []Frame{
		Core{Version, Key{1, 31: 255}, 7}, Admit{ticket, true, "zoë"}, Dismiss{ticket}, Grant{8, ticket}, Grant{9, Ticket{}},
		Signal{15}, ResizeByCore{120, 40}, Limit{10 << 30, 1 << 30},
		Holding{Version, 4242, 8, 1 << 40, 9}, Wrote{1<<64 - 1}, Done{KindAdmit, "", ""},
		Done{KindGrant, "aborted", "turn 8 was granted already"}, Held{ticket, true}, Held{ticket, false},
		note(NoteStarted, Note{PID: 4242}), note(NoteAttached, Note{Ticket: ticket}), note(NoteDetached, Note{Ticket: ticket, Left: true}),
		note(NoteInput, Note{Epoch: 8, Count: 3}), note(NoteResized, Note{Cols: 120, Rows: 40}),
		note(NoteSuspended, Note{Message: "the disk is nearly full"}), note(NoteResumed, Note{}),
		note(NoteExited, Note{Status: 1, Signal: 0}), note(NoteFailed, Note{Errno: 2, Message: "no such file"}),
		Note{Index: 1, Time: -1, Kind: NoteResumed},
	}
}

func TestFramesBetweenShimAndCore(t *testing.T) {
	path := filepath.Join("testdata", "frames.txt")
	if *update {
		var out strings.Builder
		for _, f := range between() {
			fmt.Fprintf(&out, "%x %+v\n", Append(nil, f), f)
		}
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(between()) {
		t.Fatalf("%d goldens of %d frames", len(lines), len(between()))
	}
	for n, f := range between() {
		whole, _, _ := strings.Cut(lines[n], " ")
		bothWays(t, f, unhex(t, whole))
	}
}

// examples holds one frame of each kind that payloads can be cut from.
func examples() []Frame {
	return append(between(), Hello{Version, 3, Ticket{1}, 5, 6}, Input{7, 1, []byte("ls\r")}, Resize{7, 96, 28}, Bye{},
		Welcome{Version, Suspended, 7, true, 10, 20, 96, 28, 3, "anna"}, Output{10, []byte{255, 0}}, Skipped{10, 99}, Turn{8, false, "zoë"},
		Size{65535, 1}, Suspend{true, "full"}, Exit{20, 0, 9}, Ack{1}, Refused{2, 8, "aborted", "taken", "ben"})
}

func TestDecodeIsStrict(t *testing.T) {
	for _, f := range examples() {
		body := Append(nil, f)[lengthWord:]
		if _, err := Decode(body); err != nil {
			t.Fatal("the control is refused:", err)
		}
		open := 0 // bytes at the end that may be any number
		switch f := f.(type) {
		case Input:
			open = len(f.Bytes)
		case Output:
			open = len(f.Bytes)
		default:
			if _, err := Decode(append(bytes.Clone(body), 0)); !fault.Is(err, "frame_malformed") {
				t.Errorf("%#v with a byte more: %v", f, err)
			}
		}
		for n := range len(body) - open {
			if back, err := Decode(body[:n]); err == nil {
				t.Errorf("%#v cut to %d bytes means %#v", f, n, back)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	valid := func(f Frame, at int, b ...byte) []byte {
		body := Append(nil, f)[lengthWord:]
		copy(body[at:], b)
		return body
	}
	for name, c := range map[string]struct {
		body   []byte
		reason string
	}{
		"nothing":                    {nil, "frame_length"},
		"more than a frame holds":    {make([]byte, MaxFrame+1), "frame_length"},
		"a bool of 2":                {valid(Turn{1, true, ""}, 9, 2), "frame_malformed"},
		"a text that is not UTF-8":   {valid(Suspend{true, "abc"}, 4, 0xff), "frame_malformed"},
		"half a surrogate":           {valid(Suspend{true, "abc"}, 4, 0xed, 0xa0, 0x80), "frame_malformed"},
		"flags of another version":   {valid(Hello{Version: Version}, 3, 4), "frame_malformed"},
		"state 0":                    {valid(Welcome{Version: Version, State: Running}, 3, 0), "frame_malformed"},
		"state 4":                    {valid(Welcome{Version: Version, State: Running}, 3, 4), "frame_malformed"},
		"a note of kind 0":           {valid(Note{Kind: NoteResumed}, 25, 0), "frame_malformed"},
		"a note of kind 10":          {valid(Note{Kind: NoteResumed}, 25, 10), "frame_malformed"},
		"a text longer than payload": {valid(Suspend{true, "abc"}, 2, 0xff, 0xff), "frame_malformed"},
	} {
		if f, err := Decode(c.body); !fault.Is(err, c.reason) || fault.Of(err).Code != fault.InvalidArgument {
			t.Errorf("%s: %#v, %v", name, f, err)
		}
	}
	known := map[byte]bool{}
	for _, f := range examples() {
		known[byte(f.kind())] = true
	}
	if len(known) != 25 {
		t.Fatalf("examples of %d kinds", len(known))
	}
	for kind := range 256 {
		_, err := Decode([]byte{byte(kind)})
		if unknown := fault.Is(err, "frame_unknown"); unknown == known[byte(kind)] {
			t.Errorf("type %d: %v", kind, err)
		}
	}
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{strings.Repeat("a", MaxText), strings.Repeat("a", MaxText)},
		{strings.Repeat("a", MaxText-1) + "é", strings.Repeat("a", MaxText-1)},
		{strings.Repeat("a", MaxText-2) + "é", strings.Repeat("a", MaxText-2) + "é"},
		{"a" + strings.Repeat("😀", MaxText), "a" + strings.Repeat("😀", MaxText/4-1)},
		{"a\xff\xffb", "a\ufffdb"},
		{"\xff" + strings.Repeat("a", MaxText-1), "\ufffd" + strings.Repeat("a", MaxText-3)},
	} {
		back, err := Decode(Append(nil, Suspend{true, c.text})[lengthWord:])
		if err != nil || back.(Suspend).Reason != c.want {
			t.Errorf("%.20q of %d bytes: %v, got %d bytes", c.text, len(c.text), err, len(back.(Suspend).Reason))
		}
	}
	junk := strings.Repeat("a\x80", MaxText) // each byte that is none becomes three
	back, err := Decode(Append(nil, Suspend{true, junk})[lengthWord:])
	if err != nil || !utf8.ValidString(back.(Suspend).Reason) || len(back.(Suspend).Reason) > MaxText {
		t.Errorf("junk became %v, %v", back, err)
	}
}

func TestOutputIsCutIntoFrames(t *testing.T) {
	all := bytes.Repeat([]byte("0123456789"), MaxFrame/4)
	bodies, err := pour(NewSplitter(nil), AppendOutput(nil, 7, all), 1<<16)
	if err != nil || len(bodies) != 3 {
		t.Fatalf("%d frames, %v", len(bodies), err)
	}
	var got []byte
	for _, body := range bodies {
		offset, b, is := OutputOf(body)
		if !is || offset != 7+uint64(len(got)) {
			t.Fatalf("output at %d, want %d", offset, 7+len(got))
		}
		got = append(got, b...)
	}
	if !bytes.Equal(got, all) {
		t.Error("other bytes came out")
	}
}

func TestOutputHeaderIsWhatAppendWrites(t *testing.T) {
	var head [13]byte
	for _, n := range []int{0, 1, 70_000, MaxOutput} {
		OutputHeader(&head, 1<<40, n)
		if whole := AppendOutput(nil, 1<<40, make([]byte, n)); !bytes.Equal(head[:], whole[:13]) {
			t.Errorf("%d bytes: %x, want %x", n, head, whole[:13])
		}
	}
	for name, excess := range map[string]func(){
		"a header of too much": func() { OutputHeader(&head, 0, MaxOutput+1) },
		"input above a frame":  func() { Append(nil, Input{1, 1, make([]byte, MaxFrame-16)}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was written", name)
				}
			}()
			excess()
		}()
	}
	Append(nil, Input{1, 1, make([]byte, MaxFrame-17)}) // the control: exactly a frame
}

func TestOutputOfIsDecode(t *testing.T) {
	for _, f := range examples() {
		body := Append(nil, f)[lengthWord:]
		offset, b, ok := OutputOf(body)
		if output, is := f.(Output); is != ok || is && (offset != output.Offset || !bytes.Equal(b, output.Bytes)) {
			t.Errorf("%#v: %d %x %v", f, offset, b, ok)
		}
	}
	if _, _, ok := OutputOf([]byte{byte(KindOutput), 0, 0, 0, 0, 0, 0, 0}); ok {
		t.Error("output without an offset")
	}
}

// anyFrame makes a frame of a kind with random fields, as Append can hold them.
func anyFrame(r *rand.Rand, like Frame) Frame {
	made, _ := quick.Value(reflect.TypeOf(like), r)
	switch f := made.Interface().(Frame).(type) {
	case Hello:
		f.Version, f.Flags = Version, f.Flags&3
		return f
	case Core:
		f.Version = Version
		return f
	case Welcome:
		f.State = Running + f.State%3
		return f
	case Note:
		return onlyOf(f)
	case Input:
		f.Bytes = append([]byte{}, f.Bytes...)
		return f
	case Output:
		f.Bytes = append([]byte{}, f.Bytes...)
		return f
	default:
		return f
	}
}

// onlyOf clears the fields of a note that are not of its kind.
func onlyOf(f Note) Note {
	n := Note{Index: f.Index, Time: f.Time, Offset: f.Offset, Kind: NoteStarted + f.Kind%9}
	switch n.Kind {
	case NoteStarted:
		n.PID = f.PID
	case NoteAttached:
		n.Ticket = f.Ticket
	case NoteDetached:
		n.Ticket, n.Left = f.Ticket, f.Left
	case NoteInput:
		n.Epoch, n.Count = f.Epoch, f.Count
	case NoteResized:
		n.Cols, n.Rows = f.Cols, f.Rows
	case NoteSuspended:
		n.Message = f.Message
	case NoteExited:
		n.Status, n.Signal = f.Status, f.Signal
	case NoteFailed:
		n.Errno, n.Message = f.Errno, f.Message
	}
	return n
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 300 {
		for _, like := range examples() {
			f := anyFrame(r, like)
			back, err := Decode(Append(nil, f)[lengthWord:])
			if err != nil || !reflect.DeepEqual(back, f) {
				t.Fatalf("%#v\nbecame %#v, %v", f, back, err)
			}
		}
	}
}

// FuzzDecode: whatever is read is written back as the same bytes, so there is one
// form of each frame.
func FuzzDecode(f *testing.F) {
	for _, frame := range examples() {
		f.Add(Append(nil, frame)[lengthWord:])
	}
	f.Add([]byte{byte(KindHello), 0, 2, 9, 9})
	f.Fuzz(func(t *testing.T, body []byte) {
		frame, err := Decode(body)
		if err != nil {
			if fault.Of(err).Code != fault.InvalidArgument {
				t.Fatal(err)
			}
			return
		}
		if h, is := frame.(Hello); is && h.Version != Version {
			return
		}
		if c, is := frame.(Core); is && c.Version != Version {
			return
		}
		if again := Append(nil, frame)[lengthWord:]; !bytes.Equal(again, body) && len(body) < MaxText {
			t.Fatalf("%x\n was read, and %x written", body, again)
		}
	})
}
