package main

import "atelier.dev/atelier/backend/attach"

// typing is the input of one ticket: numbered from 1, kept until the shim says
// that it is written, sent again after a broken connection and never written
// twice (rules 6 to 8 of the protocol).
type typing struct {
	queue  []byte // not sent yet
	sent   []piece
	flight int    // bytes in sent
	next   uint64 // the number of the next piece
	echoes int    // refusals still to come for pieces given up with the first one
}

type piece struct {
	seq, epoch uint64
	bytes      []byte
}

func (p piece) frame() attach.Input { return attach.Input{Epoch: p.epoch, Seq: p.seq, Bytes: p.bytes} }

func newTyping() *typing { return &typing{next: 1} }

// push takes what was typed. It returns false when too much waits.
func (t *typing) push(b []byte) bool {
	if len(t.queue)+len(b) > queueMax {
		return false
	}
	t.queue = append(t.queue, b...)
	return true
}

// frames appends the frames that may be sent now.
func (t *typing) frames(out []byte, epoch uint64) []byte {
	for len(t.queue) > 0 && t.flight < flightMax {
		n := min(len(t.queue), attach.MaxInput, flightMax-t.flight)
		p := piece{t.next, epoch, append([]byte(nil), t.queue[:n]...)}
		t.queue = t.queue[n:]
		t.sent = append(t.sent, p)
		t.flight += n
		t.next++
		out = attach.Append(out, p.frame())
	}
	return out
}

// acked says that everything up to seq is written.
func (t *typing) acked(seq uint64) {
	for len(t.sent) > 0 && t.sent[0].seq <= seq {
		t.flight -= len(t.sent[0].bytes)
		t.sent = t.sent[1:]
	}
}

// resume appends what a new connection sends again. Pieces typed under another
// epoch belong to a turn that is over and are given up.
func (t *typing) resume(out []byte, lastSeq, epoch uint64, driving bool) []byte {
	t.acked(lastSeq)
	t.echoes = 0
	if !driving || len(t.sent) > 0 && t.sent[0].epoch != epoch {
		t.giveUp()
	}
	if len(t.sent) == 0 {
		t.next = lastSeq + 1
	}
	for _, p := range t.sent {
		out = attach.Append(out, p.frame())
	}
	return out
}

// refused says that nothing from seq on was written. It is false for the echo of
// a refusal that was heard already.
func (t *typing) refused(seq uint64) bool {
	if t.echoes > 0 {
		t.echoes--
		return false
	}
	t.acked(seq - 1)
	if len(t.sent) == 0 {
		return true
	}
	t.echoes = len(t.sent) - 1
	t.next = seq
	t.giveUp()
	return true
}

func (t *typing) giveUp() {
	t.sent, t.flight = nil, 0
}

// drop forgets what was typed and not sent.
func (t *typing) drop() { t.queue = nil }

// idle tells whether all that was typed is written.
func (t *typing) idle() bool { return len(t.queue) == 0 && len(t.sent) == 0 }
