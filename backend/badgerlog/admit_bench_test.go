package badgerlog

import (
	"bytes"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// BenchmarkAdmit admits a chain of another replica with bodies of 512 bytes, in
// seals of 1,024.
func BenchmarkAdmit(b *testing.B) {
	founder := founded(b)
	w := newScribe(b, founder, 17)
	mustSeal(b, founder)
	batch := all(b, founder, founded(b))
	last := event.ID{}
	for range 20 * event.MaxSealed {
		h, body := w.next(), append(w.body(), bytes.Repeat([]byte{7}, 495)...)
		if h.BodyHash = event.BodyHash(body); len(w.ids) > 0 {
			h.Parents, h.Lamport = []event.ID{last}, uint64(len(w.ids))+1
		}
		header, _, err := event.EncodeHeader(h)
		if err != nil {
			b.Fatal(err)
		}
		if last = w.bytes(header, body); len(w.ids)%event.MaxSealed == 0 {
			batch.Runs = append(batch.Runs, w.run())
		}
	}
	n := 0
	for b.Loop() {
		b.StopTimer()
		l := follow(b, founder, b.TempDir(), 18)
		b.StartTimer()
		if a := mustAdmit(b, l, batch); a.Taken < 20*event.MaxSealed {
			b.Fatal(a)
		}
		n += 20 * event.MaxSealed
		b.StopTimer()
		l.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
}
