package main

import (
	"context"
	"slices"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
)

// An author is a session with a piece of work of its own. It is for one goroutine
// at a time.
type author struct {
	log  *badgerlog.Log
	tell func(event.Event) // hears of every event; nil for nobody
	who  event.Actor
	main event.ID

	session event.ID
	last    event.ID // its own newest event
	work    event.ID
	version []event.ID // of its work, as far as it knows
}

func openAuthor(log *badgerlog.Log, tell func(event.Event)) (*author, error) {
	genesis := log.Genesis()
	a := &author{log: log, tell: tell, main: event.Derived(genesis, "main"),
		who: event.Actor{ID: event.Derived(genesis, "human"), Kind: event.Human}}
	content, err := event.EncodeContent(event.SessionOpened{Label: "measure"})
	if err != nil {
		return nil, err
	}
	e, err := a.append(event.Draft{Type: event.SessionOpenedType, Body: content})
	a.session = e.ID
	return a, err
}

// append writes an event that follows the author's newest and what it is based
// on, as far as that is newer.
func (a *author) append(d event.Draft, basedOn ...event.ID) (event.Event, error) {
	d.Actor, d.Surface, d.Session, d.Branch = a.who, event.SurfaceCLI, a.session, a.main
	if d.Parents = basedOn; !a.last.IsZero() && !slices.Contains(basedOn, a.last) {
		d.Parents = append(slices.Clone(basedOn), a.last)
	}
	if len(d.Parents) > 1 {
		newest, err := a.log.Maximal(d.Parents)
		if err != nil {
			return event.Event{}, err
		}
		d.Parents = newest
	}
	e, err := a.log.Append(context.Background(), d)
	if err != nil {
		return e, err
	}
	if a.last = e.ID; a.tell != nil {
		a.tell(e)
	}
	return e, nil
}

// create makes a piece of work, which is the author's from then on.
func (a *author) create(title string) (event.Event, error) {
	content, err := event.EncodeContent(event.Change{Set: map[string]event.Value{"title": event.Text(title)}})
	if err != nil {
		return event.Event{}, err
	}
	e, err := a.append(event.Draft{Type: event.WorkItemCreatedType, Body: content, Facts: event.Facts{State: "pending", Fields: []string{"title"}}})
	a.work, a.version = e.ID, []event.ID{e.ID}
	return e, err
}

// edit writes the summary of the author's work, which it made before.
func (a *author) edit(content []byte) error {
	e, err := a.update(a.work, a.version, content)
	a.version = []event.ID{e.ID}
	return err
}

// update writes the summary of some work, whose version was seen.
func (a *author) update(work event.ID, seen []event.ID, content []byte) (event.Event, error) {
	return a.append(event.Draft{Type: event.WorkItemUpdatedType, Affected: []event.ID{work}, Body: content,
		Facts: event.Facts{Fields: []string{"summary"}}}, seen...)
}
