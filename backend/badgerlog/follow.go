package badgerlog

import (
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// ownerKey is where a log that follows another's workspace says whose it is. A log
// without it is of the replica that its genesis names.
const ownerKey = "o"

// followGenesis begins the log of a workspace that another replica began.
func (l *Log) followGenesis(sent *event.Sent) error {
	var e event.Event
	var err error
	if e.ID, err = event.ReadHeader(&e.Header, sent.Header); err != nil {
		return err
	}
	g := e.Header.Facts.Genesis
	switch {
	case g == nil:
		return fault.New(fault.InvalidArgument, "genesis", "what is to be followed is no workspace", "give the first record of its control chain")
	case g.Replica == l.replica:
		return fault.New(fault.FailedPrecondition, "key_used", "this replica began the workspace that it is to follow: it would sign a second history", "give the new home a key of its own")
	case len(sent.Body) > 0 && event.BodyHash(sent.Body) != e.Header.BodyHash:
		return fault.New(fault.InvalidArgument, "body_hash", "the body of the workspace is not the one that its header names", "take it from another")
	}
	l.at = point{Events: 1, Genesis: e.ID, Control: event.Basis{Record: e.ID}}
	return l.commit([]entry{{Key: []byte("m"), Value: []byte(marker)}, {Key: []byte(ownerKey), Value: []byte(l.replica)},
		{Key: number('a', 0), Value: sentRecord(&event.Event{Bytes: sent.Header, Body: sent.Body, Gone: sent.Gone})}}, l.at)
}

// checkOwner refuses a log of another replica, and one of another workspace than
// the one that is to be followed.
func (l *Log) checkOwner(genesis *event.Event) error {
	owner, found, err := l.lookUp([]byte(ownerKey))
	if err != nil {
		return err
	}
	if !found {
		owner = []byte(genesis.Header.Facts.Genesis.Replica)
	}
	if event.Chain(owner) != l.replica {
		return fault.New(fault.FailedPrecondition, "key_foreign", "the log belongs to another replica key", "put back the key that made this home")
	}
	if f := l.o.Follow; f != nil && event.BodyHash(f.Header) != genesis.ID {
		return fault.New(fault.FailedPrecondition, "workspace_other", "the log is of another workspace than the one that it is to follow", "begin a new home for that one")
	}
	return nil
}
