package api

import (
	"context"
	"io"
	"time"

	"atelier.dev/atelier/backend/attach"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/studio"
)

// Health is how the core is, and who speaks to it.
type Health interface {
	Status() studio.Status
	Doctor(ctx context.Context) ([]studio.Finding, studio.Frontier, error)
	Sizes() ([]studio.Size, error)
	OpenSession(ctx context.Context, surface event.Surface, id string) (studio.Session, studio.Frontier, error)
	Caller(session string) (studio.Caller, error)
}

// Terminals are programs that run, from birth to end.
type Terminals interface {
	Start(ctx context.Context, c studio.Caller, r studio.StartRequest) (studio.Started, error)
	Executions(ctx context.Context, c studio.Caller, at studio.Where) ([]studio.Execution, studio.Frontier, error)
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
	Show(ctx context.Context, c studio.Caller, ref string, at studio.Where) (studio.Shown, error)
	Verify(ctx context.Context, c studio.Caller, each func(studio.Audit) error) error
	Transcript(ctx context.Context, c studio.Caller, ref string, q studio.TranscriptRequest, each func(studio.Piece) error) error
}

// Objects are what there is besides terminals, and questions about it.
type Objects interface {
	Change(ctx context.Context, c studio.Caller, q studio.ChangeRequest) (studio.Changed, error)
	Objects(ctx context.Context, c studio.Caller, f studio.ObjectFilter) (studio.ObjectList, error)
	ImportGit(ctx context.Context, c studio.Caller, folder string, refs []string, each func(studio.GitProgress) error) error
	WatchObjects(ctx context.Context, c studio.Caller, f studio.ObjectFilter, each func(studio.ObjectList) error) error
}

// Questions are what the record answers about causes.
type Questions interface {
	RelateTo(ctx context.Context, c studio.Caller, a, b string, limit uint32) (studio.Related, error)
	Why(ctx context.Context, c studio.Caller, ref string, at studio.Where, limit uint32) (studio.Reasons, error)
	WhyNot(ctx context.Context, c studio.Caller, ref string, t event.Type, at studio.Where) (studio.Obstacles, error)
}

// Checkpoints are cuts that have a name.
type Checkpoints interface {
	CreateCheckpoint(ctx context.Context, c studio.Caller, q studio.CheckpointRequest) (studio.CheckpointMade, error)
	Finalize(ctx context.Context, c studio.Caller, ref, why string) (studio.Decided, error)
	Invalidate(ctx context.Context, c studio.Caller, ref, why string) (studio.Decided, error)
	OpenCheckpoint(ctx context.Context, c studio.Caller, ref string) (studio.Changed, error)
	Diff(ctx context.Context, c studio.Caller, a, b, branch string) (studio.Compared, error)
	Bundle(ctx context.Context, c studio.Caller, at string, to io.Writer) (studio.Bundled, error)
}

// Retention is what a home keeps, and lets go.
type Retention interface {
	WatchSizes(ctx context.Context, c studio.Caller, each func([]studio.Size, studio.Frontier) error) error
	SizesNow(ctx context.Context, c studio.Caller) ([]studio.Size, studio.Frontier, error)
	Retention(ctx context.Context, c studio.Caller) (studio.Retained, error)
	SetRetention(ctx context.Context, c studio.Caller, q studio.Retention) (studio.Retained, error)
	Thin(ctx context.Context, c studio.Caller) (studio.Thinned, error)
}

// Actors are who acts, as control has them.
type Actors interface {
	AddActor(ctx context.Context, c studio.Caller, name string, kind event.ActorKind) (studio.Decided, error)
	RetireActor(ctx context.Context, c studio.Caller, ref, why string) (studio.Decided, error)
}

// Sessions are actors at work.
type Sessions interface {
	NewSession(ctx context.Context, q studio.SessionRequest) (studio.Opened, error)
	ShowSession(ctx context.Context, c studio.Caller, ref string) (studio.SessionState, error)
	ExportSession(ctx context.Context, c studio.Caller, ref string, after time.Duration) (string, studio.Frontier, error)
	ImportSession(ctx context.Context, exported string, surface event.Surface, forget bool) (studio.Opened, error)
	CloseSession(ctx context.Context, c studio.Caller, ref string) (event.ID, studio.Ack, error)
}

// Studio is all that the surface asks for.
type Studio interface {
	Objects
	Questions
	Checkpoints
	Retention
	Actors
	Sessions
	Health
	Terminals
	Keyboards
	Changes
	Record
}
