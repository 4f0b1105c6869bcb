package badgerlog

import (
	"bytes"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/fxamacker/cbor/v2"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// What a mark says of a chain.
const (
	// forked: its replica signed two histories. Proof is a fraud.
	forked = 1
	// ended: its replica signed an event that is none. The chain ends before Seq.
	// Proof is of the event ID, and Header its bytes unless they are too many.
	ended = 2
	// retired: the own key signed what this log does not have. Seq counts what this
	// log wrote under it, and ID is the last of that.
	retired = 3
	// split: the control chain has two certified records at one index, Seq. Header
	// is the second one's, Proof its certificates.
	split = 4
)

// mark is what a log keeps for ever of a chain that went wrong.
type mark struct {
	_      struct{} `cbor:",toarray"`
	Kind   uint8
	Chain  cbor.ByteString
	Seq    uint64
	ID     event.ID
	Reason string
	Proof  []byte
	Header []byte
}

// marks are those of a log, in the order in which they were made. Only who leads
// the queue adds to them.
type marks struct {
	all     []mark
	forked  map[event.Chain]uint64 // from which seq on there are two histories
	ended   map[event.Chain]mark
	bad     map[event.ID]bool // what was signed and is no event
	retired *mark
	split   *mark
}

func (m *marks) add(one mark) {
	m.all = append(m.all, one)
	chain := event.Chain(one.Chain)
	switch one.Kind {
	case forked:
		if m.forked == nil {
			m.forked = map[event.Chain]uint64{}
		}
		m.forked[chain] = one.Seq
	case ended:
		if m.ended == nil {
			m.ended, m.bad = map[event.Chain]mark{}, map[event.ID]bool{}
		}
		m.bad[one.ID] = true
		m.ended[chain] = one
	case retired:
		m.retired = &one
	case split:
		m.split = &one
	}
}

func (m *marks) isBad(id event.ID) bool { return m.bad[id] }

func (m *marks) isForked(chain event.Chain) bool { _, is := m.forked[chain]; return is }

func encodeMark(one mark) ([]byte, error) { return cbor.Marshal(&one) }

// readMarks reads all marks of the store, which are numbered without a gap.
func (l *Log) readMarks() error {
	return l.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{'q'}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			n := uint64(len(l.marks.all))
			b, err := it.Item().ValueCopy(nil)
			var one mark
			if err == nil {
				err = cbor.Unmarshal(b, &one)
			}
			if err != nil || !bytes.Equal(it.Item().Key(), number('q', n)) {
				return dataLoss("mark_damaged", fmt.Sprintf("mark %d, of a chain that went wrong, is damaged or missing: %v", n, err))
			}
			l.marks.add(one)
		}
		return nil
	})
}

// marked are the marks that are durable.
func (l *Log) marked() []mark {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.told
}

// Frauds returns what proves of replicas that they signed two histories, as it was
// found. Of one chain there is more than one where a later one shows an earlier
// fork. Fault: data_loss.
func (l *Log) Frauds() ([]event.Fraud, error) {
	var all []event.Fraud
	for n, one := range l.marked() {
		if one.Kind != forked {
			continue
		}
		f, err := event.DecodeFraud(one.Proof)
		if err != nil {
			return nil, dataLoss("mark_damaged", fmt.Sprintf("mark %d is damaged: %v", n, err))
		}
		all = append(all, f)
	}
	return all, nil
}

// Conviction proves that a replica signed an event that is none: its chain ends
// before it.
type Conviction struct {
	Proof event.Proof
	// Header has the bytes of the event, none where they are more than a header may have.
	Header []byte
	// Reason says what is malformed.
	Reason string
}

// Convictions returns what proves that chains have ended, as it was found. Fault:
// data_loss.
func (l *Log) Convictions() ([]Conviction, error) {
	var all []Conviction
	for n, one := range l.marked() {
		if one.Kind != ended {
			continue
		}
		p, err := event.DecodeProof(one.Proof)
		if err != nil {
			return nil, dataLoss("mark_damaged", fmt.Sprintf("mark %d is damaged: %v", n, err))
		}
		all = append(all, Conviction{p, one.Header, one.Reason})
	}
	return all, nil
}

// keyRetired says why nothing is written or signed with the own key any more.
func keyRetired() error {
	return fault.New(fault.FailedPrecondition, "key_retired", "this replica's key has signed events that this log does not have: it was restored from an older copy, or another copy of it runs",
		"never write with this key again: begin a second home from a bundle of the workspace, have its replica enrolled, and go on there; this home can still be read")
}
