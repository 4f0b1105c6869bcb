package studio

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// request is a start that a client has given a key of its own. It is kept as
// long as the terminal that it made: for ever.
type request struct {
	done    chan struct{} // closed when it is known what was started
	started Started
	err     error // why nothing was started
}

// startOnce starts what a client's key stands for, if it was not started yet.
func (s *Studio) startOnce(ctx context.Context, se *session, q StartRequest) (Started, error) {
	id := requestID(se.id, q)
	s.mu.Lock()
	if known, used := s.keys[keyOf(id)]; used && known != id {
		s.mu.Unlock()
		return Started{}, fault.New(fault.Aborted, "request_differs", "this key was used for another request", "use a new key for a new request")
	}
	if r := s.requests[id]; r != nil {
		s.mu.Unlock()
		select {
		case <-r.done:
			return r.started, r.err
		case <-ctx.Done():
			return Started{}, fault.Wrap(ctx.Err(), fault.Canceled, "canceled", "the call was given up", "send it again with the same key")
		}
	}
	r := &request{done: make(chan struct{})}
	s.keys[keyOf(id)], s.requests[id] = id, r
	s.mu.Unlock()
	started, err := s.start(ctx, se, q, id)
	if r.started = started; started.ID.IsZero() {
		r.err = err
		s.mu.Lock()
		delete(s.requests, id) // nothing is recorded: the same key may try again
		delete(s.keys, keyOf(id))
		s.mu.Unlock()
	}
	close(r.done)
	return started, err
}

// keySize is the part of a request's id that names the client's key.
const keySize = 16

// requestID names a request: half of it is the hash of the session's key, half
// the hash of what is asked for, so that a key that is used for something else
// is found out. Of variables it holds the names: it stands in a header that
// every member may read, and a value, such as a password, could be guessed from
// its hash. The agent's socket is that of the caller, and no part of what it asks.
func requestID(session event.ID, q StartRequest) event.ID {
	id := hashOf([]string{session.String(), q.Key})
	asked := []string{q.Folder, q.Name, strconv.FormatBool(q.Login), fmt.Sprint(q.Cols, q.Rows), strconv.Itoa(len(q.Argv))}
	var names []string
	if !q.Login { // else they are not the caller's
		names = variableNames(q.Environment)
	}
	if q.As != "" {
		names = append(names, "as "+q.As) // no variable has a space
	}
	content := hashOf(slices.Concat(asked, q.Argv, names))
	copy(id[keySize:], content[:])
	return id
}

func keyOf(request event.ID) [keySize]byte { return [keySize]byte(request[:]) }

func hashOf(texts []string) (id event.ID) {
	h := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(h, "%d\n%s", len(text), text)
	}
	h.Sum(id[:0])
	return id
}

// remember keeps which request an event answered. The caller holds mu.
func (s *Studio) remember(e event.Event) {
	id := e.Header.Facts.Request
	if e.Header.Type != event.ExecutionStartedType || id.IsZero() || s.requests[id] != nil {
		return
	}
	started := Started{ID: e.ID}
	if x, known := s.fold.Execution(e.ID); known {
		started.Name = x.Name.Default().Value
	}
	s.answered(id, started)
}

// answered keeps what a request has started. The caller holds mu.
func (s *Studio) answered(id event.ID, started Started) {
	r := &request{done: make(chan struct{}), started: started}
	close(r.done)
	s.keys[keyOf(id)], s.requests[id] = id, r
}
