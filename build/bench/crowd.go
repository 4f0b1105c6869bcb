package main

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
)

// A crowd is many sessions that work on the same things, as agents and people do:
// each makes work, claims it, edits it and completes it, and now and then opens
// the work of another and edits that. It works in waves, in which every session
// writes one event after what all had written before. So who follows whom depends
// on the seed alone, however the events of a wave come to lie in the log.
type crowd struct {
	log   *badgerlog.Log
	seed  uint64
	all   []*member
	waves uint64
	bytes atomic.Uint64 // of headers and bodies, genesis not counted
}

type member struct {
	*author
	steps int // events about its work so far
	// wrote is what it wrote in this wave about whose work, and had seen of that.
	wrote event.ID
	about *member
	seen  []event.ID
}

const (
	// opensEvery is how many events of a session there are for one that follows
	// another's work: half of these are of its team, half of anybody.
	opensEvery = 8
	team       = 10
	// workSteps is how many events a piece of work takes from creation to end.
	workSteps = 24
	// leastText and mostText bound what is written in one event, in bytes.
	leastText, mostText = 20, 400
)

func newCrowd(log *badgerlog.Log, seed uint64, sessions int) *crowd {
	return &crowd{log: log, seed: seed, all: make([]*member, sessions)}
}

func (c *crowd) heard(e event.Event) { c.bytes.Add(uint64(len(e.Bytes) + len(e.Body))) }

// wave has every session write one event, by 64 writers.
func (c *crowd) wave() error {
	failed := make([]error, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := w; n < len(c.all) && failed[w] == nil; n += writers {
				failed[w] = c.turn(n)
			}
		})
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	c.waves++
	for _, m := range c.all {
		m.settle()
	}
	return nil
}

// settle makes what a member wrote in the wave a part of the version that all
// see in the next.
func (m *member) settle() {
	if m.about == nil {
		return
	}
	standing := slices.DeleteFunc(slices.Clone(m.about.version), func(id event.ID) bool { return slices.Contains(m.seen, id) })
	m.about.version = append(standing, m.wrote)
	m.about = nil
}

// turn is what one session does in a wave.
func (c *crowd) turn(n int) error {
	if c.waves == 0 {
		a, err := openAuthor(c.log, c.heard)
		c.all[n] = &member{author: a}
		return err
	}
	m, dice := c.all[n], rand.New(rand.NewPCG(c.seed, c.waves<<32|uint64(n)))
	if m.steps%workSteps == 0 {
		m.steps = 1
		_, err := m.create(text(dice))
		return err
	}
	about := m
	if c.waves > 1 && dice.IntN(opensEvery) == 0 {
		about = c.all[c.other(n, dice)]
	}
	seen := about.version
	e, err := m.write(about, seen, dice)
	m.wrote, m.about, m.seen = e.ID, about, seen
	return err
}

func (c *crowd) other(n int, dice *rand.Rand) int {
	if dice.IntN(2) == 0 {
		return min(n/team*team+dice.IntN(team), len(c.all)-1)
	}
	return dice.IntN(len(c.all))
}

// write is the next step of the member's own work, or an edit of another's.
func (m *member) write(about *member, seen []event.ID, dice *rand.Rand) (event.Event, error) {
	d := event.Draft{Type: event.WorkItemUpdatedType, Affected: []event.ID{about.work}}
	body := event.Change{Set: map[string]event.Value{"summary": event.Text(text(dice))}}
	if about == m {
		m.steps++
		switch m.steps {
		case 2:
			d.Type, d.Facts.State = event.WorkItemClaimedType, "claimed"
			body.Set = map[string]event.Value{"owner": event.Reference(m.who.ID)}
		case workSteps:
			d.Type, d.Facts.State = event.WorkItemCompletedType, "completed"
			body = event.Change{Why: text(dice)}
		}
	}
	d.Facts.Fields = body.Keys()
	var err error
	if d.Body, err = event.EncodeContent(body); err != nil {
		return event.Event{}, err
	}
	return m.append(d, seen...)
}

func text(dice *rand.Rand) string {
	const some = "what is to be done and how far it is "
	n := leastText + dice.IntN(mostText-leastText)
	return strings.Repeat(some, n/len(some)+1)[:n]
}
