package attach

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

func TestRule01_AConnectionBeginsWithHello(t *testing.T) {
	for _, f := range examples() {
		r := running(t)
		r.term.Open(1, r.in)
		switch f.(type) {
		case Hello, Core:
			continue
		}
		r.refusedWith(r.say(1, f), 1, 0, fault.InvalidArgument)
		want(t, "after its end a connection", r.say(1, Hello{Version: Version, Ticket: anna}))
	}
	r := running(t)
	r.welcomed(r.join(1, anna, WantsOutput), 1) // the control
	r.refusedWith(r.say(1, Hello{Version: Version, Ticket: anna}), 1, 0, fault.InvalidArgument)
	r.welcomed(r.join(2, anna, WantsOutput), 2)
	r.refusedWith(r.say(2, Admit{carl, true, "carl"}), 2, 0, fault.InvalidArgument)
	r.refusedWith(r.say(core, Input{1, 1, nil}), core, 0, fault.InvalidArgument)
}

func TestRule01_WhatIsNoFrameEndsTheConnection(t *testing.T) {
	for name, b := range map[string][]byte{"length": {255, 255, 255, 255}, "type": {0, 0, 0, 1, 99}, "payload": {0, 0, 0, 1, 2}} {
		r := running(t)
		r.join(1, anna, WantsOutput)
		bodies, err := pour(NewSplitter(nil), b, len(b))
		if err == nil {
			_, err = Decode(bodies[0])
		}
		if err == nil {
			t.Fatalf("a bad %s was read", name)
		}
		r.refusedWith(r.term.Broken(1, err, r.in), 1, 0, fault.InvalidArgument)
	}
}

func TestRule02_AnotherVersionIsRefusedWithOurs(t *testing.T) {
	later, err := Decode(append(Append(nil, Hello{Version: 2, Ticket: anna})[lengthWord:], "and what version 2 adds"...))
	if err != nil {
		t.Fatal("the version of a HELLO that is not ours cannot be read:", err)
	}
	laterCore, err := Decode([]byte{byte(KindCore), 0, 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Frame{later, laterCore, Hello{Version: 0, Ticket: anna}} {
		r := running(t)
		r.term.Open(1, r.in)
		if got := r.refusedWith(r.say(1, f), 1, 0, fault.Unimplemented); !strings.Contains(got.Message, "version 1 ") {
			t.Errorf("it does not say which version is spoken: %q", got.Message)
		}
	}
	r := running(t)
	r.welcomed(r.join(1, anna, WantsOutput), 1)
}

func TestRule03_OnlyAdmittedTicketsUntilDismiss(t *testing.T) {
	r := running(t)
	r.refusedWith(r.join(1, carl, WantsOutput), 1, 0, fault.Unauthenticated)
	r.refusedWith(r.join(2, Ticket{}, WantsOutput), 2, 0, fault.Unauthenticated)
	r.welcomed(r.join(3, anna, WantsOutput), 3)
	r.term.Closed(3, r.in)
	r.welcomed(r.join(4, anna, WantsOutput), 4)
	r.term.Closed(core, r.in)
	r.welcomed(r.join(5, anna, 0), 5)
	r.term.Open(core, r.in)
	r.say(core, Core{Version, secret, 0})
	got := r.done(Dismiss{anna}, "")
	r.refusedWith(got, 4, 0, fault.Unauthenticated)
	r.refusedWith(got, 5, 0, fault.Unauthenticated)
	r.refusedWith(r.join(6, anna, WantsOutput), 6, 0, fault.Unauthenticated)
	r.welcomed(r.join(7, ben, WantsOutput), 7)
}

// contiguous reads what a pump made and tells where it first misses a byte.
func contiguous(stream []byte, start uint64) (end uint64, skipped int, err error) {
	bodies, err := pour(NewSplitter(nil), stream, 1<<16)
	at := start
	for _, body := range bodies {
		f, err := Decode(body)
		if err != nil {
			return at, skipped, err
		}
		switch f := f.(type) {
		case Output:
			if f.Offset != at {
				return at, skipped, fmt.Errorf("output at %d, want %d", f.Offset, at)
			}
			at += uint64(len(f.Bytes))
		case Skipped:
			if f.From != at || f.To <= f.From {
				return at, skipped, fmt.Errorf("skipped %v at %d", f, at)
			}
			at = f.To
			skipped++
		}
	}
	return at, skipped, err
}

// pump is what a shim does for one connection: the spool grows by grow bytes in
// each round, in which the client takes up to take.
func pump(f Feed, spool, grow, take, rounds int) (stream []byte, end uint64) {
	at, bytes := f.From, make([]byte, spool+grow*rounds)
	for n := range rounds {
		end = uint64(spool + grow*(n+1))
		if to, skip := Lag(at, end, f.MaxLag); skip {
			stream, at = Append(stream, Skipped{at, to}), to
		}
		n := min(uint64(take), end-at)
		stream = AppendOutput(stream, at, bytes[at:at+n])
		at += n
	}
	return stream, at
}

func TestRule04_OutputIsContiguousFromStart(t *testing.T) {
	r := running(t)
	r.in.End = 1000
	for n, c := range []struct {
		hello Hello
		start uint64
	}{
		{Hello{From: 0}, 0}, {Hello{From: 10}, 10}, {Hello{From: 1000}, 1000},
		{Hello{From: 10, Flags: FromEnd}, 990}, {Hello{Flags: FromEnd}, 1000}, {Hello{From: 5000, Flags: FromEnd}, 0},
	} {
		conn := Conn(n + 1)
		c.hello.Version, c.hello.Ticket, c.hello.Flags = Version, anna, c.hello.Flags|WantsOutput
		r.term.Open(conn, r.in)
		got := r.say(conn, c.hello)
		feeds := only[Feed](got)
		if w := r.welcomed(got, conn); w.Start != c.start || w.End != 1000 || len(feeds) != 1 || feeds[0].From != c.start {
			t.Fatalf("%+v: %+v %v, want start %d", c.hello, w, feeds, c.start)
		}
		stream, end := pump(feeds[0], 1000, 300_000, 1<<20, 3)
		if at, skipped, err := contiguous(stream, c.start); err != nil || at != end || skipped != 0 {
			t.Errorf("%+v: up to %d of %d, %v", c.hello, at, end, err)
		}
		if _, _, err := contiguous(stream, c.start+1); err == nil {
			t.Error("the control: a missing byte is not seen")
		}
	}
	r.term.Open(99, r.in)
	r.refusedWith(r.say(99, Hello{Version, WantsOutput, anna, 1001, 0}), 99, 0, fault.OutOfRange)
}

func TestRule05_OnlyWhoAsksForItIsMovedOn(t *testing.T) {
	for _, c := range []struct {
		sent, end, maxLag, to uint64
		skip                  bool
	}{
		{0, 1 << 40, 0, 0, false}, {0, 100, 100, 0, false}, {0, 101, 100, 51, true}, {50, 200, 100, 150, true},
		{200, 200, 100, 200, false}, {300, 200, 100, 300, false}, {0, 2, 1, 2, true},
	} {
		if to, skip := Lag(c.sent, c.end, c.maxLag); to != c.to || skip != c.skip {
			t.Errorf("%+v: got %d, %v", c, to, skip)
		}
	}
	r := running(t)
	r.term.Open(1, r.in)
	fed := only[Feed](r.say(1, Hello{Version, WantsOutput, anna, 0, 4096}))[0]
	if fed.MaxLag != 4096 {
		t.Fatalf("it is fed with %+v", fed)
	}
	for _, maxLag := range []uint64{4096, 0} {
		stream, end := pump(Feed{MaxLag: maxLag}, 0, 1000, 100, 200)
		at, skipped, err := contiguous(stream, 0)
		if err != nil || at != end || (skipped > 0) != (maxLag > 0) {
			t.Errorf("max_lag %d: %d times skipped, up to %d of %d, %v", maxLag, skipped, at, end, err)
		}
	}
}

func TestRule06_OnlyTheDriverUnderItsEpoch(t *testing.T) {
	r := running(t)
	r.join(1, anna, WantsOutput)
	r.join(2, ben, WantsOutput)
	nobody := r.refusedWith(r.say(1, Input{0, 1, []byte("x")}), 1, 1, fault.Aborted)
	if nobody.Driver != "" || nobody.Epoch != 0 {
		t.Errorf("nobody drives, and %+v is said", nobody)
	}
	r.done(Grant{5, anna}, "")
	for _, c := range []struct {
		conn  Conn
		epoch uint64
	}{{1, 4}, {1, 6}, {1, 0}, {2, 5}} {
		got := r.say(c.conn, Input{c.epoch, 1, []byte("x")})
		if f := r.refusedWith(got, c.conn, 1, fault.Aborted); f.Epoch != 5 || f.Driver != "anna" || len(only[Type](got)) != 0 {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	want(t, "the control", r.say(1, Input{5, 1, []byte("x")}), Effect(Type{1, 1, 5, []byte("x")}))
}

func TestRule06_WhatWaitsWhenATurnEndsIsRefused(t *testing.T) {
	r := running(t)
	r.join(1, anna, 0)
	r.done(Grant{5, anna}, "")
	want(t, "the first", r.say(1, Input{5, 1, []byte("a")}), Effect(Type{1, 1, 5, []byte("a")}))
	want(t, "the second", r.say(1, Input{5, 2, []byte("b")}))
	want(t, "the third", r.say(1, Input{5, 3, []byte("c")}))
	got := sent(r.done(Grant{6, ben}, ""), 1)
	want(t, "the turn", got, Frame(Refused{2, 6, "aborted", "the turn is over", "ben"}), Frame(Refused{3, 6, "aborted", "the turn is over", "ben"}))
	want(t, "what was begun", r.term.Typed(false, r.in), Effect(Send{1, Ack{1}}))
	r.done(Grant{7, anna}, "")
	want(t, "its number is free", r.say(1, Input{7, 2, []byte("d")}), Effect(Type{1, 2, 7, []byte("d")}))
}

func TestRule06_NothingIsTypedToNoProgram(t *testing.T) {
	r := bare(t)
	r.done(Admit{anna, true, "anna"}, "")
	r.done(Grant{1, anna}, "")
	r.join(1, anna, 0)
	r.refusedWith(r.say(1, Input{1, 1, []byte("x")}), 1, 1, fault.FailedPrecondition)
	r.term.Started(pid, r.in)
	if got := r.say(1, Input{1, 1, []byte("x")}); len(only[Type](got)) != 1 {
		t.Fatal("the control is refused:", got)
	}
	r.say(1, Input{1, 2, []byte("y")})
	r.term.Exited(0, 0, r.in)
	want(t, "the end of a write, after the end", r.term.Typed(false, r.in))
	r = running(t)
	r.join(1, anna, 0)
	r.done(Grant{1, anna}, "")
	r.say(1, Input{1, 1, []byte("x")})
	r.say(1, Input{1, 2, []byte("y")})
	want(t, "a terminal that takes no more", sent(r.term.Untyped(r.in), 1),
		Frame(Refused{1, 1, "failed_precondition", ended, "anna"}), Frame(Refused{2, 1, "failed_precondition", ended, "anna"}))
}

func TestRule07_NumbersOutliveConnections(t *testing.T) {
	r := running(t)
	r.join(1, anna, WantsOutput)
	r.done(Grant{1, anna}, "")
	r.refusedWith(r.say(1, Input{1, 2, []byte("b")}), 1, 2, fault.OutOfRange)
	want(t, "the first", r.types(1, 1, 1, "a"), Effect(Type{1, 1, 1, []byte("a")}), Effect(Send{1, Ack{1}}))
	want(t, "the second", r.types(1, 1, 2, "b"), Effect(Type{1, 2, 1, []byte("b")}), Effect(Send{1, Ack{2}}))
	r.term.Closed(1, r.in)
	if w := r.welcomed(r.join(2, anna, WantsOutput), 2); w.LastSeq != 2 {
		t.Errorf("it is to go on after %d, want 2", w.LastSeq)
	}
	want(t, "the first again", r.say(2, Input{1, 1, []byte("a")}), Effect(Send{2, Ack{1}}))
	want(t, "the second again, under another epoch", r.say(2, Input{9, 2, []byte("b")}), Effect(Send{2, Ack{2}}))
	r.refusedWith(r.say(2, Input{1, 4, []byte("d")}), 2, 4, fault.OutOfRange)
	want(t, "the third", r.types(2, 1, 3, "c"), Effect(Type{2, 3, 1, []byte("c")}), Effect(Send{2, Ack{3}}))
	r.refusedWith(r.say(2, Input{1, 0, nil}), 2, 0, fault.InvalidArgument)
	r.done(Dismiss{anna}, "")
	r.done(Admit{anna, true, "anna"}, "")
	if w := r.welcomed(r.join(3, anna, WantsOutput), 3); w.LastSeq != 0 {
		t.Errorf("a ticket admitted anew goes on after %d", w.LastSeq)
	}
}

// A piece that is being written when its connection breaks comes again.
func TestRule07_WhatIsBeingWrittenIsNotWrittenAgain(t *testing.T) {
	r := running(t)
	r.join(1, anna, 0)
	r.done(Grant{1, anna}, "")
	r.say(1, Input{1, 1, []byte("a")})
	r.say(1, Input{1, 2, []byte("b")})
	r.term.Closed(1, r.in)
	if w := r.welcomed(r.join(2, anna, 0), 2); w.LastSeq != 0 {
		t.Errorf("nothing is written, and it is to go on after %d", w.LastSeq)
	}
	r.welcomed(r.join(3, anna, 0), 3)
	want(t, "the first again", r.say(2, Input{1, 1, []byte("a")}))
	want(t, "the second again", r.say(2, Input{1, 2, []byte("b")}))
	want(t, "the second again, elsewhere", r.say(3, Input{1, 2, []byte("b")}))
	want(t, "the first is written", r.term.Typed(false, r.in), Effect(Send{2, Ack{1}}), Effect(Type{1, 2, 1, []byte("b")}))
	want(t, "the second is written", r.term.Typed(false, r.in), Effect(Send{2, Ack{2}}), Effect(Send{3, Ack{2}}))
	want(t, "the third", r.say(3, Input{1, 3, []byte("c")}), Effect(Type{3, 3, 1, []byte("c")}))
}

// A client takes what comes before a refused number for written.
func TestRule07_AnswersComeInTheOrderOfInput(t *testing.T) {
	r := running(t)
	r.join(1, anna, 0)
	r.join(2, anna, 0)
	r.done(Grant{5, anna}, "")
	stale := Refused{3, 5, "aborted", "turn 4 is over; this is turn 5", "anna"}
	r.say(1, Input{5, 1, []byte("a")})
	r.say(1, Input{5, 2, []byte("b")})
	want(t, "another turn's, behind one that waits", r.say(1, Input{4, 3, []byte("c")}))
	want(t, "the control, where nothing is owed", r.say(2, Input{4, 3, []byte("c")}), Effect(Send{2, stale}))
	want(t, "the first is written, the second begun", r.term.Typed(false, r.in), Effect(Send{1, Ack{1}}), Effect(Type{1, 2, 5, []byte("b")}), Effect(Send{1, stale}))
	want(t, "one more behind what is being written", r.say(1, Input{4, 3, []byte("c")}), Effect(Send{1, stale}))
	want(t, "the same again, elsewhere", r.say(2, Input{5, 2, []byte("b")}))
	want(t, "behind that too", r.say(2, Input{4, 3, []byte("c")}), Effect(Send{2, stale}))
	want(t, "a connection that ends is owed nothing", r.term.Closed(2, r.in))
	want(t, "and the other is answered once", r.term.Typed(false, r.in), Effect(Send{1, Ack{2}}))
}

func TestRule08_AckFollowsTheWriteAndNoDisk(t *testing.T) {
	r := running(t)
	r.join(1, anna, 0)
	r.done(Grant{1, anna}, "")
	frame := Input{1, 1, []byte("a")}
	want(t, "input", r.say(1, frame), Effect(Type{1, 1, 1, []byte("a")}))
	frame.Bytes[0] = 'z' // its buffer is used again while it waits
	want(t, "more input", r.say(1, Input{1, 2, []byte("b")}))
	want(t, "the write", r.term.Typed(false, r.in), Effect(Send{1, Ack{1}}), Effect(Type{1, 2, 1, []byte("b")}))
	want(t, "the other write", r.term.Typed(false, r.in), Effect(Send{1, Ack{2}}))
	want(t, "no write", r.term.Typed(false, r.in))
	r.say(1, Input{1, 3, []byte("c")})
	frame = Input{1, 4, []byte("d")}
	r.say(1, frame)
	frame.Bytes[0] = 'z'
	want(t, "what waited", only[Type](r.term.Typed(false, r.in)), Type{1, 4, 1, []byte("d")})
}

func TestRule09_AStaleCoreCannotGrant(t *testing.T) {
	r := running(t)
	r.join(1, anna, 0)
	r.done(Grant{5, anna}, "")
	for _, epoch := range []uint64{0, 4, 5} {
		got := r.done(Grant{epoch, ben}, "aborted")
		want(t, "a stale grant", got, got[len(got)-1])
	}
	if got := r.say(1, Input{5, 1, []byte("x")}); len(only[Type](got)) != 1 {
		t.Error("a stale grant ended the turn:", got)
	}
	r.term.Typed(false, r.in)
	r.done(Grant{6, ben}, "") // the control
	r.refusedWith(r.say(1, Input{5, 2, []byte("x")}), 1, 2, fault.Aborted)
	r.done(Grant{7, carl}, "not_found")
	r.done(Admit{carl, false, "carl"}, "")
	r.done(Grant{7, carl}, "permission_denied")
	r.done(Grant{7, Ticket{}}, "")
	r.term.Exited(0, 0, r.in)
	r.done(Grant{8, ben}, "failed_precondition")
}

func TestRule10_TurnReachesEveryClientFirst(t *testing.T) {
	r := running(t)
	r.join(1, anna, WantsOutput)
	r.join(2, ben, WantsOutput)
	r.join(3, anna, WantsOutput)
	r.join(4, ben, 0)
	turn := func(what string, got []Effect, epoch uint64, driver string, drives ...Conn) {
		t.Helper()
		for _, c := range []Conn{1, 2, 3} {
			mine := len(drives) > 0 && (c == drives[0] || c == drives[len(drives)-1])
			want(t, fmt.Sprintf("%s, at %d", what, c), sent(got, c), Frame(Turn{epoch, mine, driver}))
		}
		want(t, what+", where no output is wanted", sent(got, 4))
		if len(only[Type](got)) != 0 {
			t.Errorf("%s: input is written in the same step: %v", what, got)
		}
	}
	got := r.done(Grant{5, anna}, "")
	turn("a grant", got, 5, "anna", 1, 3)
	if last, is := got[len(got)-1].(Send); !is || last.Conn != core {
		t.Error("the core is answered before the clients know:", got)
	}
	turn("nobody", r.done(Grant{6, Ticket{}}, ""), 6, "")
	turn("another", r.done(Grant{7, ben}, ""), 7, "ben", 2)
	turn("it may drive no more", r.done(Admit{ben, false, "ben"}, ""), 7, "")
	want(t, "which is no turn again", sent(r.done(Admit{ben, true, "ben"}, ""), 1))
	r.refusedWith(r.say(2, Input{7, 1, []byte("x")}), 2, 1, fault.Aborted)
	r.done(Grant{8, ben}, "")
	got = r.done(Dismiss{ben}, "")
	want(t, "the driver is dismissed", sent(got, 1), Frame(Turn{8, false, ""}))
	r.done(Grant{9, anna}, "")
	want(t, "the driver's other connection, when it leaves", sent(r.say(1, Bye{}), 3), Frame(Refused{0, 9, "unauthenticated", "the ticket was dismissed", ""}))
	r.done(Grant{9, Ticket{}}, "aborted") // nobody drives, and the epoch is what it was
}

func TestRule11_OnlyDriverAndCoreSetTheSize(t *testing.T) {
	r := running(t)
	r.join(1, anna, WantsOutput)
	r.join(2, ben, WantsOutput)
	r.done(Grant{5, anna}, "")
	for _, c := range []struct {
		conn  Conn
		frame Resize
	}{{2, Resize{5, 90, 30}}, {1, Resize{4, 90, 30}}, {1, Resize{6, 90, 30}}, {1, Resize{5, 0, 30}}, {1, Resize{5, 90, 0}}, {1, Resize{5, 80, 24}}} {
		want(t, fmt.Sprintf("%+v", c), r.say(c.conn, c.frame))
	}
	changed := func(got []Effect, size Size) {
		t.Helper()
		want(t, "the terminal", only[SetSize](got), SetSize(size))
		want(t, "the driver", sent(got, 1), Frame(size))
		want(t, "who watches", sent(got, 2), Frame(size))
	}
	changed(r.say(1, Resize{5, 90, 30}), Size{90, 30})
	changed(r.done(ResizeByCore{65535, 1}, ""), Size{65535, 1})
	want(t, "a size of nothing", only[SetSize](r.done(ResizeByCore{0, 1}, "invalid_argument")))
	if w := r.welcomed(r.join(3, ben, WantsOutput), 3); w.Cols != 65535 || w.Rows != 1 {
		t.Errorf("who comes later hears of %d×%d", w.Cols, w.Rows)
	}
	r.term.Exited(0, 0, r.in)
	r.done(ResizeByCore{80, 24}, "failed_precondition")
}

func TestRule12_ExitIsTheLastFrame(t *testing.T) {
	r := running(t)
	r.join(1, anna, WantsOutput)
	r.join(2, ben, 0)
	r.done(Grant{1, anna}, "")
	r.say(1, Input{1, 1, []byte("x")})
	r.in.End = 5000
	got := r.term.Exited(3, 0, r.in)
	exit := Exit{5000, 3, 0}
	want(t, "who is fed", to(got, 1), Effect(Finish{1, exit}))
	want(t, "who is not", to(got, 2), Effect(Finish{2, exit}))
	for what, got := range map[string][]Effect{
		"the write that was under way": r.term.Typed(false, r.in), "late input": r.say(1, Input{1, 2, []byte("y")}),
		"a late size": r.say(1, Resize{1, 90, 30}), "a second end": r.term.Exited(0, 9, r.in), "a pause": r.term.Suspended(true, "full", r.in),
		"an old ticket's end": to(r.done(Dismiss{anna}, ""), 1), "bytes": to(r.term.Broken(2, fmt.Errorf("no frame"), r.in), 1),
	} {
		want(t, what, got)
	}
	got = r.join(3, ben, WantsOutput)
	if w := r.welcomed(got, 3); w.State != Exited || w.End != 5000 {
		t.Errorf("who comes after the end hears %+v", w)
	}
	want(t, "and is given all of it", to(got, 3)[1:], Effect(Feed{3, 0, 0}), Effect(Finish{3, exit}))
	want(t, "and may leave before its end", r.say(3, Bye{}), Effect(Close{3}))
}

func TestRule12_AFailureHasTheStatusOfAShell(t *testing.T) {
	for _, c := range []struct {
		started bool
		errno   uint32
		status  uint32
	}{{false, 2, 127}, {false, 13, 126}, {true, 5, 125}} {
		r := bare(t)
		r.done(Admit{anna, true, "anna"}, "")
		r.join(1, anna, WantsOutput)
		if c.started {
			r.term.Started(pid, r.in)
		}
		got := r.term.Failed(c.errno, "it cannot be", r.in)
		want(t, fmt.Sprintf("%+v", c), to(got, 1), Effect(Finish{1, Exit{0, c.status, 0}}))
	}
}

// Nothing that the machine does for one client depends on another: with a client
// that takes nothing, and so answers nothing, all others get the same.
func TestRule13_ASilentClientChangesNothingForOthers(t *testing.T) {
	play := func(silent bool) (mine []Effect) {
		r := running(t)
		r.done(Admit{carl, true, "carl"}, "")
		all := r.join(1, anna, WantsOutput)
		if silent {
			all = append(all, r.join(2, ben, WantsOutput)...)
		}
		all = append(all, r.done(Grant{1, anna}, "")...)
		for n := range uint64(50) {
			r.in.End += 1000
			all = append(all, r.types(1, 1, n+1, "key")...)
			all = append(all, r.say(1, Resize{1, uint16(100 + n), 30})...)
		}
		all = append(all, r.term.Exited(0, 0, r.in)...)
		for _, e := range all {
			switch e.(type) {
			case Type, SetSize:
				mine = append(mine, e)
			}
		}
		return append(mine, to(all, 1)...)
	}
	alone, beside := play(false), play(true)
	if len(alone) < 250 {
		t.Fatalf("only %d effects", len(alone))
	}
	want(t, "beside a silent one", beside, alone...)
}

func TestRule14_NotesAreGaplessAndGiven(t *testing.T) {
	r := bare(t)
	var all []Note
	step := func(what string, got []Effect, wanted ...Note) {
		t.Helper()
		for i := range wanted {
			wanted[i].Index, wanted[i].Time, wanted[i].Offset = uint64(len(all)+1+i), r.in.Now, r.in.End
		}
		want(t, what, noted(got), wanted...)
		var told []Note
		for _, f := range sent(got, core) {
			if n, is := f.(Note); is {
				told = append(told, n)
			}
		}
		want(t, what+", to the core", told, wanted...)
		all = append(all, wanted...)
		r.in.Now, r.in.End = r.in.Now+1, r.in.End+10
	}
	step("started", r.term.Started(pid, r.in), Note{Kind: NoteStarted, PID: pid})
	r.done(Admit{anna, true, "anna"}, "")
	step("no output", r.join(1, anna, 0))
	step("attached", r.join(2, anna, WantsOutput), Note{Kind: NoteAttached, Ticket: anna})
	step("twice", r.join(3, anna, WantsOutput))
	step("one of two ends", r.term.Closed(2, r.in))
	step("the last ends", r.term.Closed(3, r.in), Note{Kind: NoteDetached, Ticket: anna})
	step("attached again", r.join(4, anna, WantsOutput), Note{Kind: NoteAttached, Ticket: anna})
	step("a grant", r.done(Grant{1, anna}, ""))
	step("input", r.types(4, 1, 1, "abc"))
	step("more input", r.types(4, 1, 2, "de"))
	step("the turn ends", r.done(Grant{2, anna}, ""), Note{Kind: NoteInput, Epoch: 1, Count: 5})
	step("resized", r.say(4, Resize{2, 90, 30}), Note{Kind: NoteResized, Cols: 90, Rows: 30})
	step("suspended", r.term.Suspended(true, "full", r.in), Note{Kind: NoteSuspended, Message: "full"})
	step("still", r.term.Suspended(true, "full", r.in))
	step("resumed", r.term.Suspended(false, "", r.in), Note{Kind: NoteResumed})
	step("left", r.say(4, Bye{}), Note{Kind: NoteDetached, Ticket: anna, Left: true})
	r.done(Admit{ben, true, "ben"}, "")
	step("dismissed before it came", r.done(Dismiss{ben}, ""), Note{Kind: NoteDetached, Ticket: ben, Left: true})
	r.done(Admit{ben, true, "ben"}, "")
	r.done(Grant{3, ben}, "")
	step("attached", r.join(6, ben, WantsOutput), Note{Kind: NoteAttached, Ticket: ben})
	step("input before a dismissal", r.types(6, 3, 1, "f"))
	step("dismissed while it types", r.done(Dismiss{ben}, ""), Note{Kind: NoteInput, Epoch: 3, Count: 1}, Note{Kind: NoteDetached, Ticket: ben, Left: true})
	r.done(Admit{ben, true, "ben"}, "")
	r.done(Grant{4, ben}, "")
	r.join(7, ben, 0)
	step("input before the end", r.types(7, 4, 1, "gh"))
	step("exited", r.term.Exited(1, 0, r.in), Note{Kind: NoteInput, Epoch: 4, Count: 2}, Note{Kind: NoteExited, Status: 1})
	step("nothing after it", r.term.Failed(5, "disk", r.in))
	r.done(Admit{anna, true, "anna"}, "")
	step("attached after it", r.join(5, anna, WantsOutput))
	step("detached after it", r.term.Closed(5, r.in))
	b, _ := records(all)
	if read, _, err := reading(b); err != nil || !reflect.DeepEqual(read, all) {
		t.Errorf("the file does not hold them: %v", err)
	}
	fails := bare(t)
	want(t, "failed", noted(fails.term.Failed(2, "no such file", fails.in)), Note{Index: 1, Time: fails.in.Now, Kind: NoteFailed, Errno: 2, Message: "no such file"})
}

func TestRule14_OfASecretNotEvenItsLength(t *testing.T) {
	for _, secret := range []bool{true, false} {
		r := running(t)
		r.join(1, anna, 0)
		r.done(Grant{1, anna}, "")
		r.say(1, Input{1, 1, []byte("hunter2\r")})
		got := r.term.Typed(secret, r.in)
		r.in.Now += noteEvery
		_, due := r.term.Due()
		got = append(got, r.term.Tick(r.in)...)
		got = append(got, r.done(Grant{2, ben}, "")...)
		got = append(got, r.term.Exited(0, 0, r.in)...)
		inputs := 0
		for _, n := range noted(got) {
			if n.Kind == NoteInput {
				inputs++
			}
		}
		if secret && (inputs != 0 || due) || !secret && (inputs != 1 || !due) {
			t.Errorf("secret %v: %d notes of input, due %v", secret, inputs, due)
		}
		for _, e := range got {
			if text := fmt.Sprintf("%s", e); strings.Contains(text, "hunter2") {
				t.Errorf("what was typed is in %s", text)
			}
		}
	}
}

func TestRule14_InputIsNotedOnceASecond(t *testing.T) {
	r := running(t)
	r.join(1, anna, 0)
	r.done(Grant{1, anna}, "")
	begin := r.in.Now
	var got []Note
	for n := range uint64(25) {
		got = append(got, noted(r.types(1, 1, n+1, "xy"))...)
		if at, ok := r.term.Due(); ok && at <= r.in.Now {
			t.Errorf("after %d ns it is overdue", r.in.Now-begin)
		}
		r.in.Now += noteEvery / 10
	}
	if len(got) != 2 || got[0].Count+got[1].Count != 2*22 {
		t.Errorf("in 2.5 s: %+v", got)
	}
	at, ok := r.term.Due()
	r.in.Now = at - 1
	want(t, "before it is due", r.term.Tick(r.in))
	r.in.Now = at
	if got := noted(r.term.Tick(r.in)); !ok || len(got) != 1 || got[0].Count != 6 {
		t.Errorf("when it is due: %+v", got)
	}
	want(t, "and then", r.term.Tick(r.in))
	r.types(1, 1, 26, "z")
	r.in.Now -= 1000 * noteEvery
	if got := noted(r.term.Tick(r.in)); len(got) != 1 || got[0].Count != 1 {
		t.Errorf("after the clock was set back: %+v", got)
	}
}

func TestRule15_TheSecondCoreReplacesTheFirst(t *testing.T) {
	r := running(t)
	r.term.Open(1, r.in)
	r.refusedWith(r.say(1, Core{Version, Key{1, 2, 4}, 0}), 1, 0, fault.Unauthenticated)
	r.done(Grant{1, anna}, "") // the control: the first is still there
	r.term.Open(2, r.in)
	got := r.say(2, Core{Version, secret, 0})
	r.refusedWith(got, core, 0, fault.Aborted)
	if h, is := sent(got, 2)[0].(Holding); !is || h.Epoch != 1 {
		t.Errorf("the second hears %+v", sent(got, 2))
	}
	want(t, "the first", r.say(core, Grant{9, ben}))
	want(t, "notes", to(r.term.Suspended(true, "full", r.in), core))
	want(t, "the second", sent(r.say(2, Grant{2, ben}), 2), Frame(Done{Request: KindGrant}))
	r.term.Closed(2, r.in)
	want(t, "without a core", r.term.Wrote(r.in))
	r.term.Open(3, r.in)
	want(t, "one that has left", to(r.say(3, Core{Version, secret, 0}), 2))
}

func TestRule16_HoldingThenHeldThenNotes(t *testing.T) {
	r := running(t)
	r.done(Admit{carl, false, "carl"}, "")
	r.join(1, ben, WantsOutput)
	r.join(2, anna, 0)
	r.done(Grant{3, ben}, "")
	r.in.End = 777
	r.term.Open(3, r.in)
	got := to(r.say(3, Core{Version, secret, 1}), 3)
	want(t, "a core that knows one note of two", got, Effect(Send{3, Holding{Version, pid, 3, 777, 2}}), Effect(Send{3, Held{anna, false}}),
		Effect(Send{3, Held{ben, true}}), Effect(Send{3, Held{carl, false}}), Effect(ReplayNotes{3, 1, 2}))
	want(t, "the next note", to(r.term.Closed(1, r.in), 3), Effect(Send{3, Note{Index: 3, Time: r.in.Now, Offset: 777, Kind: NoteDetached, Ticket: ben}}))
	want(t, "the spool", r.term.Wrote(r.in), Effect(Send{3, Wrote{777}}))
	r.term.Open(4, r.in)
	want(t, "a core that knows all", only[ReplayNotes](r.say(4, Core{Version, secret, 3})))
	r.term.Open(5, r.in)
	r.refusedWith(r.say(5, Core{Version, secret, 4}), 5, 0, fault.OutOfRange)
}

func TestRule17_ByeDismissesAndAnEndDoesNot(t *testing.T) {
	for _, bye := range []bool{true, false} {
		r := running(t)
		r.join(1, anna, WantsOutput)
		r.join(2, anna, 0)
		r.done(Grant{1, anna}, "")
		r.types(1, 1, 1, "x")
		if !bye {
			r.term.Closed(1, r.in)
			if w := r.welcomed(r.join(3, anna, WantsOutput), 3); !w.Driving || w.LastSeq != 1 || w.Epoch != 1 {
				t.Errorf("after a break it hears %+v", w)
			}
			want(t, "and goes on", r.say(2, Input{1, 2, []byte("y")}), Effect(Type{2, 2, 1, []byte("y")}))
			continue
		}
		got := r.say(2, Bye{}) // over the connection that only sends
		want(t, "who says it", to(got, 2), Effect(Close{2}))
		r.refusedWith(got, 1, 0, fault.Unauthenticated)
		r.refusedWith(r.join(3, anna, WantsOutput), 3, 0, fault.Unauthenticated)
	}
}

func TestRule18_EachRequestIsAnsweredInOrder(t *testing.T) {
	r := running(t)
	var got []Effect
	for _, f := range []Frame{
		Admit{carl, true, "carl"}, Admit{Ticket{}, true, ""}, Grant{1, carl}, Grant{1, carl}, ResizeByCore{90, 30}, ResizeByCore{},
		Limit{1000, 10}, Signal{15}, Signal{0}, Signal{65}, Dismiss{carl}, Dismiss{carl},
	} {
		got = append(got, r.say(core, f)...)
	}
	var answers []string
	for _, e := range to(got, core) {
		switch e := e.(type) {
		case Send:
			if d, is := e.Frame.(Done); is {
				answers = append(answers, fmt.Sprint(d.Request, d.Code))
			}
		case SignalGroup: // the shim answers, in its place
			answers = append(answers, fmt.Sprint(KindSignal, " by the shim: ", e.Signal))
		}
	}
	want(t, "answers", answers, "33", "33invalid_argument", "35", "35aborted", "37", "37invalid_argument", "38", "36 by the shim: 15",
		"36invalid_argument", "36invalid_argument", "34", "34")
	want(t, "the limit", only[SetLimit](got), SetLimit{1000, 10})
	for _, r := range []*rig{bare(t), func() *rig { r := running(t); r.term.Exited(0, 0, r.in); return r }()} {
		want(t, "a signal to no program", only[SignalGroup](r.done(Signal{15}, "failed_precondition")))
	}
	r.done(Admit{anna, true, "anna (window)"}, "")
	r.join(1, ben, WantsOutput)
	want(t, "its new label", sent(r.done(Grant{9, anna}, ""), 1), Frame(Turn{9, false, "anna (window)"}))
}

func TestRule19_TicketsAndClientsAreBounded(t *testing.T) {
	r := running(t)
	ticket := func(n int) Ticket { return Ticket{1, byte(n >> 8), byte(n)} }
	for n := range MaxTickets - 2 {
		r.done(Admit{ticket(n), false, "many"}, "")
	}
	r.done(Admit{ticket(MaxTickets), false, "one more"}, "resource_exhausted")
	r.done(Admit{ticket(0), false, "known already"}, "")
	r.done(Dismiss{ticket(0)}, "")
	r.done(Admit{ticket(MaxTickets), false, "one more"}, "")
	for n := range MaxConns {
		r.welcomed(r.join(Conn(2000+n), anna, WantsOutput), Conn(2000+n))
	}
	r.refusedWith(r.join(1, ben, WantsOutput), 1, 0, fault.ResourceExhausted)
	r.term.Open(2, r.in)
	if got := r.say(2, Core{Version, secret, 0}); len(sent(got, 2)) == 0 {
		t.Error("the core is kept out:", got)
	}
	r.term.Closed(2000, r.in)
	r.welcomed(r.join(3, ben, WantsOutput), 3)
}

func TestRule19_StrangersDoNotKeepAnyoneOut(t *testing.T) {
	r := running(t)
	for n := range MaxStrangers {
		want(t, "a stranger", r.term.Open(Conn(2000+n), r.in))
	}
	r.refusedWith(r.term.Open(1, r.in), 2000, 0, fault.ResourceExhausted)
	r.welcomed(r.say(1, Hello{Version: Version, Ticket: anna}), 1)
	want(t, "there is room again", r.term.Open(2, r.in))
	r.done(Grant{1, anna}, "")
}

func TestRule19_InputThatWaitsIsBounded(t *testing.T) {
	r := running(t)
	r.join(1, anna, 0)
	r.join(2, anna, 0)
	r.done(Grant{1, anna}, "")
	piece := bytes.Repeat([]byte("x"), MaxInput)
	seq := uint64(0)
	var got []Effect
	for len(only[Hold](got)) == 0 {
		seq++
		if got = r.say(1, Input{1, seq, piece}); seq > MaxUnwritten/MaxInput {
			t.Fatalf("%d bytes wait, and it is read on", seq*MaxInput)
		}
	}
	want(t, "who brings too much", only[Hold](got), Hold{1})
	want(t, "it is held once", r.say(1, Input{1, seq + 1, piece}))
	want(t, "and so is another", r.say(2, Input{1, seq, piece}), Effect(Hold{2}))
	released := 0
	for n := range seq + 1 {
		got := r.term.Typed(false, r.in)
		if freed := only[Release](got); len(freed) > 0 {
			want(t, "who goes on", freed, Release{1}, Release{2})
			released++
			if n < seq/4 || n > seq*3/4 {
				t.Errorf("released after %d of %d", n, seq)
			}
		}
	}
	if released != 1 {
		t.Errorf("released %d times", released)
	}
	if r.term.unwritten != 0 {
		t.Errorf("nothing waits, and %d bytes are counted", r.term.unwritten)
	}
	empty := running(t)
	empty.join(1, anna, 0)
	empty.done(Grant{1, anna}, "")
	for n := range uint64(MaxUnwritten / pieceCost) {
		got = empty.say(1, Input{1, n + 1, nil})
	}
	want(t, "many empty pieces", got, Effect(Hold{1}))
	end := empty.term.Exited(0, 0, empty.in)
	want(t, "at the end nobody is held", only[Release](end), Release{1})
	for range MaxUnwritten / pieceCost { // the same piece again and again
		got = r.say(1, Input{1, seq + 2, []byte("x")})
	}
	want(t, "many answers that are owed", got, Effect(Hold{1}))
	want(t, "at its end", to(r.term.Exited(0, 0, r.in), 1), Effect(Release{1}), Effect(Finish{1, Exit{}}))
}

func TestWhoComesWhileItIsHeldHearsWhy(t *testing.T) {
	r := running(t)
	want(t, "a pause", sent(r.term.Suspended(true, "the disk is nearly full", r.in), 1))
	got := r.join(1, anna, WantsOutput)
	if w := r.welcomed(got, 1); w.State != Suspended {
		t.Errorf("it hears %+v", w)
	}
	want(t, "and why", sent(got, 1)[1:], Frame(Suspend{true, "the disk is nearly full"}))
	want(t, "it goes on", sent(r.term.Suspended(false, "", r.in), 1), Frame(Suspend{}))
	r.term.Suspended(true, "again", r.in)
	if w := r.welcomed(r.join(2, ben, 0), 2); w.State != Suspended {
		t.Errorf("without output it hears %+v", w)
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
	if len(rules) != 19 {
		t.Fatalf("%d rules were found", len(rules))
	}
	for _, rule := range rules {
		if name := fmt.Sprintf("func TestRule%02s_", rule[1]); !bytes.Contains(tests, []byte(name)) {
			t.Errorf("rule %s has no test", rule[1])
		}
	}
}
