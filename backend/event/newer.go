package event

import (
	"crypto/sha256"

	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/fault"
)

// placing are the keys that mean in every version what they mean in version 1:
// those that give an event its place, and tell what it is about.
var placing = [...]uint64{2, 3, 4, 5, 6, 7, 8, 9, 13, 15, 16, 19, 21}

// ReadAny is ReadHeader for whoever keeps events without judging them: of a header
// of a newer version it reads the keys that place it. Then SchemaVersion tells
// that the rest was not read: who acted, when and what the facts are.
func ReadAny(h *Header, b []byte) (ID, error) {
	id, err := ReadHeader(h, b)
	if !fault.Is(err, "schema_newer") {
		return id, err
	}
	if err := readPlace(h, b); err != nil {
		return ID{}, err
	}
	return sha256.Sum256(b), nil
}

func readPlace(h *Header, b []byte) error {
	var all map[uint64]cbor.RawMessage
	if err := decMode.Unmarshal(b, &all); err != nil {
		return malformed("encoding", "these bytes are not in the one allowed form")
	}
	version := reader{rest: all[1]}
	h.SchemaVersion = version.some()
	for _, key := range placing {
		if item, has := all[key]; has {
			if err := readItem(h, key, item); err != nil {
				return err
			}
		}
	}
	return checkPlace(h)
}

func readItem(h *Header, key uint64, item []byte) error {
	r := reader{rest: item}
	if key <= 10 {
		r.frame(h, key)
	} else {
		r.author(h, key)
	}
	return r.err
}

// checkPlace holds what is read of a newer header to the rules of its place.
func checkPlace(h *Header) error {
	switch {
	case h.Class != Causal && h.Class != Control:
		return malformed("class", "the consistency class is unknown")
	case h.BodyHash.IsZero():
		return malformed("body_hash", "the hash of the body is absent")
	case h.Workspace.IsZero():
		return malformed("workspace", "the workspace is absent")
	case h.Basis.Record.IsZero():
		return malformed("basis", "the control basis is absent")
	case (h.Class == Control) != (h.Replica == Chain(h.Workspace[:])):
		return malformed("replica", "control records, and they alone, lie on the workspace's chain")
	case h.Type == WorkspaceCreatedType:
		return malformed("genesis", "a workspace of a newer version is not begun here")
	}
	return checkOrder(h)
}
