package event

import (
	"crypto/sha256"

	"atelier.dev/atelier/backend/fault"
)

// WorkspaceCreated is the body of workspace.created: the first names.
type WorkspaceCreated struct {
	Workspace string `cbor:"1,keyasint,omitempty"`
	Human     string `cbor:"2,keyasint,omitempty"`
	Device    string `cbor:"3,keyasint,omitempty"`
}

// SessionOpened is the body of session.opened.
type SessionOpened struct {
	// Label is what the surface calls itself, for example "terminal in Firefox".
	Label string `cbor:"1,keyasint,omitempty"`
	// After says why an earlier session could not go on, if one could not.
	After string `cbor:"2,keyasint,omitempty"`
}

// ExecutionStarted is the body of execution.started.
type ExecutionStarted struct {
	Name    string   `cbor:"1,keyasint,omitempty"`
	Program string   `cbor:"2,keyasint,omitempty"` // the resolved path
	Argv    []string `cbor:"3,keyasint,omitempty"`
	Folder  string   `cbor:"4,keyasint,omitempty"`
	// Variables are the names of the environment's variables, never values.
	Variables []string `cbor:"5,keyasint,omitempty"`
	// Isolation is the level achieved; empty means none.
	Isolation string `cbor:"6,keyasint,omitempty"`
}

// ExecutionRenamed is the body of execution.renamed.
type ExecutionRenamed struct {
	Name string `cbor:"1,keyasint,omitempty"`
}

// ExecutionSignalled is the body of execution.signalled: what was sent to the
// program. It is recorded before it is sent.
type ExecutionSignalled struct {
	Signal uint64 `cbor:"1,keyasint,omitempty"`
	// Name is what the home's kernel calls it, for example "TERM"; empty where
	// it has only a number.
	Name string `cbor:"2,keyasint,omitempty"`
}

// Remark is the body of an event that writes no fields: why, in words for
// people. Where there is nothing to say it is empty.
type Remark struct {
	Why   string `cbor:"1,keyasint,omitempty"`
	Label string `cbor:"2,keyasint,omitempty"`
}

// NewBody returns the empty typed body of a type: a pointer to one of the
// structs above, or nil for a type that this schema does not know.
func NewBody(t Type) any {
	switch t {
	case WorkspaceCreatedType:
		return new(WorkspaceCreated)
	case SessionOpenedType:
		return new(SessionOpened)
	case ExecutionStartedType:
		return new(ExecutionStarted)
	case ExecutionRenamedType:
		return new(ExecutionRenamed)
	case ExecutionSignalledType:
		return new(ExecutionSignalled)
	}
	switch {
	case !Known(t):
		return nil
	case remarked[t]:
		return new(Remark)
	}
	return new(Change)
}

// remarked are the types whose events write no fields of an object.
var remarked = map[Type]bool{
	SessionJoinedType: true, SessionClosedType: true,
	ExecutionRunningType: true, ExecutionAttachedType: true, ExecutionDetachedType: true, ExecutionControlChangedType: true,
	ExecutionInputType: true, ExecutionResizedType: true, ExecutionOutputType: true, ExecutionSuspendedType: true,
	ExecutionExitedType: true, ExecutionLostType: true, ExecutionRecoveredType: true,
}

// EncodeContent returns the canonical bytes of a typed body, without a nonce:
// what Draft.Body takes. What DecodeBody would not read is refused here, before
// it is kept for ever. Reason body_ill_formed, or one of Change.Check.
func EncodeContent(body any) ([]byte, error) {
	if c, is := body.(checked); is {
		if err := c.Check(); err != nil {
			return nil, err
		}
	}
	b, err := encMode.Marshal(body)
	if err == nil {
		var item any // the library writes any text, and reads only what is UTF-8
		err = decMode.Unmarshal(b, &item)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.InvalidArgument, "body_ill_formed", "the event's content cannot be encoded", "give text in UTF-8")
	}
	return b, nil
}

// checked is a body with bounds of its own.
type checked interface{ Check() error }

// JoinBody puts a nonce of BodyNonceSize bytes before content. Empty content
// becomes the empty map.
func JoinBody(nonce, content []byte) ([]byte, error) {
	if len(nonce) != BodyNonceSize {
		return nil, malformed("body_nonce", "a body starts with 16 random bytes")
	}
	if len(content) == 0 {
		content = []byte{0xa0}
	}
	if len(nonce)+len(content) > MaxBody {
		return nil, malformed("body_size", "a body has at most 512 KiB")
	}
	return append(append(make([]byte, 0, len(nonce)+len(content)), nonce...), content...), nil
}

// BodyHash returns what a header names its body by.
func BodyHash(body []byte) ID { return sha256.Sum256(body) }

// DecodeBody reads a body into the struct of its type (see NewBody). Reason
// body_ill_formed: it changes no verdict, and is shown as such.
func DecodeBody(t Type, body []byte) (any, error) {
	into := NewBody(t)
	if into == nil {
		return nil, fault.New(fault.Unimplemented, "type_unknown", "this program does not know events of type "+string(t), "use a newer one")
	}
	if len(body) < BodyNonceSize+1 || len(body) > MaxBody {
		return nil, malformed("body_ill_formed", "the body's size is out of bounds")
	}
	err := strict(body[BodyNonceSize:], into)
	if c, is := into.(checked); is && err == nil {
		err = c.Check()
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.InvalidArgument, "body_ill_formed", "the body is not of its type's form", "show it as ill-formed")
	}
	return into, nil
}
