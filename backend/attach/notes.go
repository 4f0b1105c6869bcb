package attach

// typed counts what was typed in a turn and is not noted yet.
type typed struct {
	epoch, bytes uint64
	since        int64
}

// note numbers, records and reports one thing that happened. None follows the
// program's end.
func (t *Terminal) note(n Note, in Seen) {
	if t.state == Exited {
		return
	}
	t.notes++
	n.Index, n.Time, n.Offset = t.notes, in.Now, in.End
	t.do(Record{n})
	if t.core != nil {
		t.send(t.core, n)
	}
}

// count adds what was typed under an epoch.
func (t *Terminal) count(epoch uint64, bytes int, in Seen) {
	if t.typed.epoch != epoch {
		t.noteTyped(in)
	}
	if t.typed.bytes == 0 {
		t.typed = typed{epoch: epoch, since: in.Now}
	}
	t.typed.bytes += uint64(bytes)
	t.noteDue(in)
}

// noteTyped notes what was typed and not noted.
func (t *Terminal) noteTyped(in Seen) {
	n := t.typed
	t.typed = typed{}
	if n.bytes > 0 {
		t.note(Note{Kind: NoteInput, Epoch: n.epoch, Count: n.bytes}, in)
	}
}

// noteDue notes it when it is a second old, or when the clock was set back.
func (t *Terminal) noteDue(in Seen) {
	if in.Now-t.typed.since >= noteEvery || in.Now < t.typed.since {
		t.noteTyped(in)
	}
}

// Tick lets time pass.
func (t *Terminal) Tick(in Seen) []Effect {
	t.noteDue(in)
	return t.effects()
}

// Due tells when Tick is to be called, in nanoseconds since 1970. It is not ok
// when there is nothing to wait for.
func (t *Terminal) Due() (at int64, ok bool) {
	return t.typed.since + noteEvery, t.typed.bytes > 0
}
