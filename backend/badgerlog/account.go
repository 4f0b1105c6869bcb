package badgerlog

import (
	"encoding/binary"
	"errors"

	"github.com/dgraph-io/badger/v4"
)

// The account of retention lies in the store, under keys of the kind d:
//
//	d 0   what was dropped: bodies and bytes as varints, then 1 if the disk still
//	      holds some of it, else 0
//	d 1   nothing, and only while room is given back
const (
	accountNumber = 0
	flushNumber   = 1
)

// dropped is what retention dropped: how many bodies, and their bytes.
type dropped struct{ bodies, bytes uint64 }

func (d dropped) and(more dropped) dropped {
	return dropped{d.bodies + more.bodies, d.bytes + more.bytes}
}

// account is what a log has dropped since it began. Whoever uses it holds orderMu.
type account struct {
	dropped
	owed bool // the disk still holds some of it
}

func (a account) entry() entry {
	b, owed := binary.AppendUvarint(binary.AppendUvarint(nil, a.bodies), a.bytes), byte(0)
	if a.owed {
		owed = 1
	}
	return entry{Key: number('d', accountNumber), Value: append(b, owed)}
}

// readAccount reads what was dropped before this log was opened.
func (l *Log) readAccount() error {
	b, err := l.get(number('d', accountNumber))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return openFault(err)
	}
	bodies, n := binary.Uvarint(b)
	bytes, m := binary.Uvarint(b[max(n, 0):])
	if n <= 0 || m <= 0 || len(b) != n+m+1 || b[n+m] > 1 {
		return dataLoss("account_damaged", "the account of what retention dropped is damaged")
	}
	l.dropped = account{dropped{bodies, bytes}, b[n+m] == 1}
	return nil
}
