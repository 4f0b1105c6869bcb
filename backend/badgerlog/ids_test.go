package badgerlog

import (
	"bytes"
	"math/rand"
	"slices"
	"testing"

	"atelier.dev/atelier/backend/event"
)

// Ids are found by themselves and by how they begin, as a list of all finds them,
// also where many begin alike, at both ends of the table too.
func TestIDsAreFoundAsInAList(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	var table ids
	var all []event.ID
	some := func() (id event.ID) {
		r.Read(id[:])
		switch r.Intn(4) {
		case 0:
			copy(id[:], []byte{0xff, 0xff, 0xff, 0xff})
		case 1:
			copy(id[:], []byte{0, 0, 0})
		}
		return id
	}
	for range 3 * minSlots {
		id := some()
		table.add(id)
		all = append(all, id)
	}
	for n, id := range all {
		if at, known := table.find(id); !known || int(at) != n || table.at(uint64(n)) != id {
			t.Fatalf("id %d is found at %d: %v", n, at, known)
		}
		if _, known := table.find(some()); known {
			t.Fatal("an id that was not added is found")
		}
	}
	most := 0
	for range 2000 {
		text := all[r.Intn(len(all))].String()
		low, high, err := event.PrefixRange(text[:event.MinPrefix+r.Intn(4)])
		if err != nil {
			t.Fatal(err)
		}
		var want []event.ID
		below := r.Intn(len(all) + 1)
		for _, id := range all[:below] {
			if bytes.Compare(id[:], low[:]) >= 0 && bytes.Compare(id[:], high[:]) <= 0 {
				want = append(want, id)
			}
		}
		got := table.between(low, high, uint64(below), len(all))
		order := func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) }
		slices.SortFunc(got, order)
		slices.SortFunc(want, order)
		if !slices.Equal(got, want) {
			t.Fatalf("between %x and %x lie %d, want %d", low, high, len(got), len(want))
		}
		if few := table.between(low, high, everything, 1); len(few) != 1 {
			t.Fatalf("at most one is %d", len(few))
		}
		most = max(most, len(want))
	}
	if most < 100 {
		t.Errorf("at most %d began alike", most)
	}
}
