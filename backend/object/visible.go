package object

import (
	"slices"
	"strings"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// Cut says which events a closed set has. An error says that it cannot be known.
type Cut interface {
	Has(id event.ID) (bool, error)
}

// Cuts finds what a cut names. It fails for a cut whose events are not all here.
type Cuts interface {
	Cut(c event.Cut) (Cut, error)
}

// Fork is how a branch began: the facts of its branch.created.
type Fork struct {
	Branch event.ID // of the event that made it
	Parent event.ID // the branch that this event lies on
	At     event.Cut
}

// Joined is a done record of a promotion: what the source showed at a checkpoint
// became part of the target.
type Joined struct {
	Record         event.ID
	Source, Target event.ID
	At             event.Cut // of the checkpoint
}

// way leads from a branch to another whose events it shows too, as of a cut. It
// is open in the cuts that have the event by which it came to be.
type way struct {
	by, from event.ID
	at       event.Cut
}

// Branches knows how branches began and what was promoted into them. It is for
// one goroutine at a time, and is given, in any order that puts a fork after that
// of its parent and a promotion after both forks, all that a cut has before
// it is asked about that cut.
type Branches struct {
	main  event.ID
	cuts  Cuts
	into  map[event.ID][]way // of each known branch, ascending by event
	taken map[event.ID]bool  // events by which ways came to be
	found map[event.ID]Cut   // by the same events: a cut never changes
}

// NewBranches knows main alone.
func NewBranches(main event.ID, cuts Cuts) *Branches {
	return &Branches{main: main, cuts: cuts, into: map[event.ID][]way{main: nil}, taken: map[event.ID]bool{}, found: map[event.ID]Cut{}}
}

// Fork takes a valid branch.created. Reasons: branch_unknown, branch_known.
func (b *Branches) Fork(f Fork) error {
	if _, known := b.into[f.Branch]; known || f.Branch.IsZero() {
		return fault.New(fault.AlreadyExists, "branch_known", "the branch "+f.Branch.String()+" was made already", "make a branch once, by the event that it is named after")
	}
	if err := b.known(f.Parent); err != nil {
		return err
	}
	b.into[f.Branch] = nil
	b.open(f.Branch, way{f.Branch, f.Parent, f.At})
	return nil
}

// Join takes a done record of a promotion. Reasons: branch_unknown,
// promotion_known.
func (b *Branches) Join(j Joined) error {
	if b.taken[j.Record] || j.Record.IsZero() {
		return fault.New(fault.AlreadyExists, "promotion_known", "the record "+j.Record.String()+" was taken already", "take a record once")
	}
	for _, id := range []event.ID{j.Source, j.Target} {
		if err := b.known(id); err != nil {
			return err
		}
	}
	b.open(j.Target, way{j.Record, j.Source, j.At})
	return nil
}

func (b *Branches) open(into event.ID, w way) {
	at, _ := slices.BinarySearchFunc(b.into[into], w, func(x, y way) int { return byID(x.by, y.by) })
	b.into[into] = slices.Insert(b.into[into], at, w)
	b.taken[w.by] = true
}

func (b *Branches) known(branch event.ID) error {
	if _, known := b.into[branch]; known {
		return nil
	}
	return fault.New(fault.NotFound, "branch_unknown", "there is no branch "+branch.String(), "see `atelier branch list`")
}

// Visible reports whether a branch shows an event in a cut: SPEC.md, rules 40 to
// 44. Whoever asks about many events asks a View. Errors are those of View.
func (b *Branches) Visible(branch event.ID, cut Cut, e event.Event) (bool, error) {
	v, err := b.View(branch, cut)
	if err != nil {
		return false, err
	}
	return v.Shows(e)
}

// View returns what a branch shows in a cut. Reasons: branch_unknown;
// branch_later if the cut does not have the event that made the branch. The
// errors of a cut are returned as they are.
func (b *Branches) View(branch event.ID, cut Cut) (*View, error) {
	if err := b.known(branch); err != nil {
		return nil, err
	}
	if branch != b.main {
		switch made, err := cut.Has(branch); {
		case err != nil:
			return nil, err
		case !made:
			return nil, fault.New(fault.NotFound, "branch_later", "the branch "+branch.String()+" was made after this cut", "name a later cut")
		}
	}
	v := &View{places: []place{{branch: branch, cut: cut}}, toward: map[event.ID][]bool{}}
	met := map[event.ID]int{}
	for n := 0; n < len(v.places); n++ {
		if v.places[n].unknown != nil {
			continue // nobody knows what leads on from here
		}
		for _, w := range b.into[v.places[n].branch] {
			b.follow(v, met, n, w)
		}
	}
	return v, nil
}

// follow extends a view by a way from one of its places. Where it leads is the
// same from everywhere, so each way adds one place. That bounds the view, and a
// circle adds nothing.
func (b *Branches) follow(v *View, met map[event.ID]int, n int, w way) {
	open, err := v.places[n].has(w.by)
	switch to, known := met[w.by]; {
	case err != nil:
		v.places[n].next = append(v.places[n].next, v.add(place{unknown: err}))
	case !open:
	case known:
		v.places[n].next = append(v.places[n].next, to)
	default:
		cut, err := b.cut(w)
		met[w.by] = v.add(place{by: w.by, branch: w.from, cut: cut, unknown: err})
		v.places[n].next = append(v.places[n].next, met[w.by])
	}
}

func (b *Branches) cut(w way) (Cut, error) {
	if c, found := b.found[w.by]; found {
		return c, nil
	}
	c, err := b.cuts.Cut(w.at)
	if err == nil {
		b.found[w.by] = c
	}
	return c, err
}

// View is what one branch shows in one cut. It is for one goroutine at a time.
type View struct {
	places []place             // the first is the branch itself
	toward map[event.ID][]bool // of a branch, the places from which one of its own is reached
}

// place is a branch as of a cut that a view rests on.
type place struct {
	by      event.ID // the fork or promotion that leads here; zero for the branch itself
	branch  event.ID
	cut     Cut
	unknown error // why it cannot be known what is here
	next    []int
}

func (p *place) has(id event.ID) (bool, error) {
	if p.unknown != nil {
		return false, p.unknown
	}
	has, err := p.cut.Has(id)
	return has && err == nil, err
}

func (v *View) add(p place) int {
	v.places = append(v.places, p)
	return len(v.places) - 1
}

// Rests lists the forks and promotions that the view rests on, ascending.
func (v *View) Rests() []event.ID {
	var by []event.ID
	for _, p := range v.places[1:] {
		if !p.by.IsZero() {
			by = append(by, p.by)
		}
	}
	slices.SortFunc(by, byID)
	return by
}

// Shows reports whether the view has an event. The error of a cut is returned
// if no other place answers yes: what is known does not wait for what is not.
func (v *View) Shows(e event.Event) (bool, error) {
	if Everywhere(e.Header.Type) {
		return v.places[0].has(e.ID)
	}
	toward := v.leading(e.Header.Branch)
	met, open := make([]bool, len(v.places)), []int{0}
	var unknown error
	for len(open) > 0 {
		n := open[len(open)-1]
		open = open[:len(open)-1]
		if met[n] || !toward[n] {
			continue
		}
		met[n] = true
		has, err := v.places[n].has(e.ID)
		if has && v.places[n].branch == e.Header.Branch {
			return true, nil
		}
		if has {
			open = append(open, v.places[n].next...)
		}
		if unknown == nil {
			unknown = err
		}
	}
	return false, unknown
}

// leading tells of each place whether one of a branch, or one that is unknown,
// is reached from it: a branch with a thousand promotions is not asked about all
// of them for each event.
func (v *View) leading(branch event.ID) []bool {
	if !slices.ContainsFunc(v.places, func(p place) bool { return p.branch == branch }) {
		branch = event.ID{} // all that are not here share an answer
	}
	if all, done := v.toward[branch]; done {
		return all
	}
	before := make([][]int, len(v.places))
	for n, p := range v.places {
		for _, to := range p.next {
			before[to] = append(before[to], n)
		}
	}
	all, open := make([]bool, len(v.places)), []int(nil)
	for n, p := range v.places {
		if p.branch == branch || p.unknown != nil {
			open = append(open, n)
		}
	}
	for len(open) > 0 {
		n := open[len(open)-1]
		open = open[:len(open)-1]
		if !all[n] {
			all[n], open = true, append(open, before[n]...)
		}
	}
	v.toward[branch] = all
	return all
}

// nouns says of each noun of events whether they lie on their branch alone. The
// others are of the workspace: who acts where, what runs, what control holds in
// one order, and what must hold everywhere once it is said anywhere.
var nouns = map[string]bool{
	"work_item": true, "artifact": true, "trace": true, "tool_call": true,
	"handoff": true, "view_definition": true, "canvas": true, "override": true,

	"workspace": false, "session": false, "session_token": false, "execution": false,
	"actor": false, "replica": false, "voters": false, "coalition": false,
	"control": false, "request": false, "policy": false, "protocol": false,
	"branch": false, "checkpoint": false, "approval": false, "authority_budget": false,
	"suspicion": false, "label": false,
}

// Everywhere reports whether every branch shows events of a type. One of a type
// that is not known lies on its branch.
func Everywhere(t event.Type) bool {
	noun, _, _ := strings.Cut(string(t), ".")
	own, known := nouns[noun]
	return known && !own
}
