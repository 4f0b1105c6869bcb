package badgerlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/event"
)

// The anchor is a file of two slots of slotSize bytes. A slot is: magic 8,
// generation 8, length 4, point in CBOR, SHA-256 of all before it. Generations
// alternate between the slots, so that a torn write leaves the other whole.
// Slots of the first version, which knew no records but genesis, are read still.
const (
	anchorMagic = "ATLANC02"
	firstMagic  = "ATLANC01"
	slotFrame   = len(anchorMagic) + 8 + 4
)

// entry is one key and value of the store.
type entry struct {
	_          struct{} `cbor:",toarray"`
	Key, Value []byte
}

// point is where the log stands after a group.
type point struct {
	_        struct{} `cbor:",toarray"`
	Events   uint64   // events in the store; the next arrival number
	Seals    uint64
	Genesis  event.ID
	Own      event.ID // newest event of the own chain, zero before the first
	LastSeal event.ID
	Group    []entry // what the newest group wrote; empty when large
	// Before are Events and Seals before the newest group.
	EventsBefore, SealsBefore uint64
	OwnCount                  uint64      // the next seq on the own chain
	Control                   event.Basis // the newest record of the control chain
}

// firstPoint is point as the first version wrote it: all but genesis lay on the
// own chain.
type firstPoint struct {
	_                         struct{} `cbor:",toarray"`
	Events                    uint64
	Seals                     uint64
	Genesis                   event.ID
	Own                       event.ID
	LastSeal                  event.ID
	Group                     []entry
	EventsBefore, SealsBefore uint64
}

func (f firstPoint) point() point {
	return point{Events: f.Events, Seals: f.Seals, Genesis: f.Genesis, Own: f.Own, LastSeal: f.LastSeal, Group: f.Group,
		EventsBefore: f.EventsBefore, SealsBefore: f.SealsBefore, OwnCount: max(f.Events, 1) - 1, Control: event.Basis{Record: f.Genesis}}
}

// version is the one under which the store keeps the group that ends here: it
// grows with every group, so that no clock of the store's is needed.
func (p point) version() uint64 { return p.Events + p.Seals }

// size is about what the newest group takes.
func (p point) size() (n int) {
	for _, e := range p.Group {
		n += len(e.Key) + len(e.Value)
	}
	return n
}

type anchor struct {
	file       *os.File
	generation uint64
	syncOff    bool
}

// openAnchor opens or creates the file and reads the newest whole slot. blank
// says that neither slot was ever written; torn that one is unreadable.
func openAnchor(path string, create, syncOff bool) (a *anchor, p point, blank, torn bool, err error) {
	file, err := openRegular(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) && create {
		file, err = replaceFile(path, make([]byte, 2*slotSize))
	}
	if err != nil {
		return nil, p, false, false, err
	}
	a = &anchor{file: file, syncOff: syncOff}
	all := make([]byte, 2*slotSize)
	if n, _ := file.ReadAt(all, 0); n != len(all) {
		file.Close()
		return nil, p, false, false, errors.New("the anchor is shorter than its two slots")
	}
	p, blank, torn, err = a.newest(all)
	if err != nil {
		file.Close()
	}
	return a, p, blank, torn, err
}

func (a *anchor) newest(all []byte) (p point, blank, torn bool, err error) {
	whole, zero := 0, 0
	for i := range 2 {
		slot := all[i*slotSize : (i+1)*slotSize]
		if bytes.Count(slot[:slotFrame], []byte{0}) == slotFrame {
			zero++
			continue
		}
		if bytes.HasPrefix(slot, []byte("ATLANC")) && string(slot[6:8]) > anchorMagic[6:] && string(slot[6:8]) <= "99" {
			return p, false, false, errNewer
		}
		generation, q, ok := readSlot(slot)
		if !ok || generation%2 != uint64(i) {
			continue
		}
		whole++
		if generation > a.generation {
			a.generation, p = generation, q
		}
	}
	if whole == 0 && zero != 2 {
		return p, false, false, errors.New("neither slot of the anchor is whole")
	}
	return p, zero == 2, whole == 1 && (zero == 0 || a.generation > 1), nil
}

func readSlot(slot []byte) (uint64, point, bool) {
	var p point
	magic := string(slot[:8])
	if magic != anchorMagic && magic != firstMagic {
		return 0, p, false
	}
	n := slotFrame + int(binary.BigEndian.Uint32(slot[16:]))
	if n > slotSize-sha256.Size {
		return 0, p, false
	}
	sum := sha256.Sum256(slot[:n])
	if !bytes.Equal(sum[:], slot[n:n+sha256.Size]) {
		return 0, p, false
	}
	if p, is := readPoint(magic, slot[slotFrame:n]); is {
		return binary.BigEndian.Uint64(slot[8:]), p, true
	}
	return 0, p, false
}

func readPoint(magic string, b []byte) (p point, ok bool) {
	if magic == firstMagic {
		var f firstPoint
		err := cbor.Unmarshal(b, &f)
		return f.point(), err == nil
	}
	return p, cbor.Unmarshal(b, &p) == nil
}

// slot returns the bytes of the next generation for p, or nil when the group
// is too large to be kept beside the store.
func (a *anchor) slot(p point) []byte {
	if p.size() > slotGroup {
		return nil
	}
	body, err := cbor.Marshal(p)
	if err != nil || len(body) > slotSize-slotFrame-sha256.Size {
		return nil
	}
	b := append(make([]byte, 0, slotFrame+len(body)+sha256.Size), anchorMagic...)
	b = binary.BigEndian.AppendUint64(b, a.generation+1)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// write writes slot bytes where the newest slot is not, and asks the disk to
// begin with them. They are durable after sync.
func (a *anchor) write(slot []byte) error {
	a.generation++
	if _, err := a.file.WriteAt(slot, int64(a.generation%2)*slotSize); err != nil {
		return err
	}
	if !a.syncOff {
		// Only sync tells whether it worked; this merely saves time.
		_ = unix.SyncFileRange(int(a.file.Fd()), 0, 2*slotSize, unix.SYNC_FILE_RANGE_WRITE)
	}
	return nil
}

func (a *anchor) sync() error {
	if a.syncOff {
		return nil
	}
	return unix.Fdatasync(int(a.file.Fd()))
}
