package attach

import (
	"reflect"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

// A rig is a terminal with what the shim would keep beside it: a clock, a spool
// and the connection of the core.
type rig struct {
	*testing.T
	term *Terminal
	in   Seen
}

const core Conn = 1000

const pid = 42

var (
	secret = Key{1, 2, 3}
	anna   = Ticket{'a'}
	ben    = Ticket{'b'}
	carl   = Ticket{'c'} // never admitted
)

// bare is a terminal before its program runs, with a core.
func bare(t *testing.T) *rig {
	r := &rig{T: t, term: NewTerminal(secret, Size{80, 24}), in: Seen{Now: 1_000_000_000_000}}
	r.term.Open(core, r.in)
	r.say(core, Core{Version, secret, 0})
	return r
}

// running is one with anna and ben admitted, both of whom may drive; nobody does.
func running(t *testing.T) *rig {
	r := bare(t)
	r.term.Started(pid, r.in)
	r.done(Admit{anna, true, "anna"}, "")
	r.done(Admit{ben, true, "ben"}, "")
	return r
}

func (r *rig) say(c Conn, f Frame) []Effect { return r.term.Frame(c, f, r.in) }

// join opens a connection and says HELLO.
func (r *rig) join(c Conn, ticket Ticket, flags uint8) []Effect {
	r.Helper()
	if got := r.term.Open(c, r.in); len(got) != 0 {
		r.Fatalf("opening has effects: %v", got)
	}
	return r.say(c, Hello{Version: Version, Flags: flags, Ticket: ticket})
}

// done says a request of the core and wants its answer.
func (r *rig) done(f Frame, code string) []Effect {
	r.Helper()
	got := r.say(core, f)
	answers := sent(got, core)
	if len(answers) == 0 {
		r.Fatalf("%#v was not answered: %v", f, got)
	}
	if d, is := answers[len(answers)-1].(Done); !is || d.Request != f.kind() || d.Code != code {
		r.Fatalf("%#v was answered by %#v, want code %q", f, answers, code)
	}
	return got
}

// types says input and the time at which it is written.
func (r *rig) types(c Conn, epoch, seq uint64, text string) []Effect {
	got := r.say(c, Input{epoch, seq, []byte(text)})
	return append(got, r.term.Typed(false, r.in)...)
}

// sent returns the frames that effects send to a connection.
func sent(effects []Effect, c Conn) (frames []Frame) {
	for _, e := range effects {
		if s, is := e.(Send); is && s.Conn == c {
			frames = append(frames, s.Frame)
		}
	}
	return frames
}

// to returns the effects on a connection.
func to(effects []Effect, c Conn) (found []Effect) {
	for _, e := range effects {
		if field := reflect.ValueOf(e).FieldByName("Conn"); field.IsValid() && Conn(field.Uint()) == c {
			found = append(found, e)
		}
	}
	return found
}

// only returns the effects of one kind.
func only[E Effect](effects []Effect) (found []E) {
	for _, e := range effects {
		if e, is := e.(E); is {
			found = append(found, e)
		}
	}
	return found
}

func noted(effects []Effect) (notes []Note) {
	for _, e := range only[Record](effects) {
		notes = append(notes, e.Note)
	}
	return notes
}

// want compares effects, or frames.
func want[E any](t *testing.T, what string, got []E, wanted ...E) {
	t.Helper()
	if len(got) == 0 && len(wanted) == 0 || reflect.DeepEqual(got, wanted) {
		return
	}
	t.Errorf("%s\n got %#v\nwant %#v", what, got, wanted)
}

// refusedWith wants one REFUSED to a connection and returns it. With seq 0 it must
// be followed by the connection's end.
func (r *rig) refusedWith(effects []Effect, c Conn, seq uint64, code fault.Code) Refused {
	r.Helper()
	frames := sent(effects, c)
	if len(frames) != 1 {
		r.Fatalf("frames %#v, want one REFUSED", frames)
	}
	f, is := frames[0].(Refused)
	if !is || f.Seq != seq || f.Code != code.String() || strings.TrimSpace(f.Message) == "" {
		r.Fatalf("got %#v, want REFUSED of %d with %s", frames[0], seq, code)
	}
	if mine := to(effects, c); (seq == 0) != reflect.DeepEqual(mine[len(mine)-1], Close{c}) {
		r.Fatalf("seq %d, and the connection's last effect is %#v", seq, mine[len(mine)-1])
	}
	return f
}

// welcomed wants a WELCOME as the first frame and returns it.
func (r *rig) welcomed(effects []Effect, c Conn) Welcome {
	r.Helper()
	frames := sent(effects, c)
	if len(frames) == 0 {
		r.Fatalf("no WELCOME in %#v", effects)
	}
	w, is := frames[0].(Welcome)
	if !is {
		r.Fatalf("got %#v, want WELCOME", frames[0])
	}
	return w
}
