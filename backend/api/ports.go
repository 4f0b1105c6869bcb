package api

import (
	"context"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/studio"
)

// Health is how the core is, and who speaks to it.
type Health interface {
	Status() studio.Status
	Doctor(ctx context.Context) ([]studio.Finding, studio.Frontier, error)
	OpenSession(ctx context.Context, surface event.Surface, id string) (studio.Session, studio.Frontier, error)
	Caller(session string) (studio.Caller, error)
}

// Terminals are programs that run, from birth to end.
type Terminals interface {
	Start(ctx context.Context, c studio.Caller, r studio.StartRequest) (studio.Started, error)
	Executions(ctx context.Context, c studio.Caller) ([]studio.Execution, studio.Frontier, error)
	WatchExecutions(ctx context.Context, c studio.Caller, changes bool, each func(studio.Listing) error) error
	Wait(ctx context.Context, c studio.Caller, ref string) (studio.Execution, studio.Frontier, error)
}

// Keyboards are the ways to a terminal.
type Keyboards interface {
	Attach(ctx context.Context, c studio.Caller, ref string, observe bool, authSock string) (studio.Attachment, error)
	Control(ctx context.Context, c studio.Caller, ref, action string, t attach.Ticket) (studio.Turn, error)
	Send(ctx context.Context, c studio.Caller, ref string, data []byte) (studio.Sent, error)
	// Route returns the socket of the shim that a ticket leads to.
	Route(t attach.Ticket) (socket string, err error)
}

// Changes act on a terminal that runs.
type Changes interface {
	Kill(ctx context.Context, c studio.Caller, ref, signal string) (event.ID, studio.Ack, error)
	Resize(ctx context.Context, c studio.Caller, ref string, cols, rows uint32) (event.ID, studio.Ack, error)
	Rename(ctx context.Context, c studio.Caller, ref, name string) (event.ID, studio.Ack, error)
}

// Record is what was written.
type Record interface {
	Events(ctx context.Context, c studio.Caller, f studio.EventFilter, each func([]studio.Event, studio.Frontier) error) error
	Show(ctx context.Context, c studio.Caller, ref string) (studio.Shown, error)
	Verify(ctx context.Context, c studio.Caller, each func(studio.Audit) error) error
	Transcript(ctx context.Context, c studio.Caller, ref string, q studio.TranscriptRequest, each func(studio.Piece) error) error
}

// Studio is all that the surface asks for.
type Studio interface {
	Health
	Terminals
	Keyboards
	Changes
	Record
}
