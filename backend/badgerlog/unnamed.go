package badgerlog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
)

// Badger's write-ahead log: a frame of walHeader bytes, then entries of meta 1,
// user meta 1, three varints (key length, value length, expiry), key, value and
// CRC-32C. Entries of a transaction bear walInTxn, its end walTxnEnd.
const (
	walHeader = 20
	walInTxn  = 1 << 6
	walTxnEnd = 1 << 7
)

// checkStore refuses, before Badger opens it, a store of which Badger would cut
// or remove what nothing else holds. At Open Badger ends the manifest and each
// write-ahead log at the first entry that is not whole, and removes the tables
// that the manifest does not name. A crash leaves such remains too: the write-ahead
// log, or the tables that were being merged, then hold all that was acknowledged.
func checkStore(opt badger.Options, last point, blank bool) error {
	release, alone, err := lockStore(opt.Dir)
	if err != nil {
		return openFault(err)
	}
	if !alone {
		return nil // of who has it open Badger tells in a moment
	}
	defer release()
	manifest, torn, err := readManifest(opt)
	if errors.Is(err, os.ErrNotExist) {
		return checkNoManifest(opt.Dir, last)
	}
	if err != nil {
		return openFault(err)
	}
	if err := checkTables(opt.Dir, manifest); err != nil {
		return openFault(err)
	}
	s := &remains{broken: torn, kept: map[byte]ranges{}, dropped: map[byte]ranges{}}
	if err := s.read(opt.Dir, manifest); err != nil {
		return openFault(err)
	}
	return s.check(last, blank)
}

// readManifest returns what the manifest says, and whether it ends in the middle.
func readManifest(opt badger.Options) (manifest badger.Manifest, torn bool, err error) {
	file, err := os.Open(filepath.Join(opt.Dir, badger.ManifestFilename))
	if err != nil {
		return manifest, false, err
	}
	defer file.Close()
	manifest, end, err := badger.ReplayManifestFile(file, opt.ExternalMagicVersion, opt)
	if err != nil {
		return manifest, false, err
	}
	info, err := file.Stat()
	return manifest, err == nil && end < info.Size(), err
}

// checkNoManifest lets a store begin. Badger makes the manifest durable before
// any other file gets a byte, and no group is written before.
func checkNoManifest(dir string, last point) error {
	for _, pattern := range []string{"*.sst", "*.mem", "*.vlog"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if info, err := os.Lstat(path); err != nil || info.Size() > 0 {
				return errors.Join(err, dataLoss("manifest_lost", "the store has lost its MANIFEST, which names its tables"))
			}
		}
	}
	if last.Events > 0 && (len(last.Group) == 0 || last.EventsBefore > 0) {
		return dataLoss("tail_lost", "the store is empty, and its anchor says that it was not")
	}
	return nil
}

// remains is what is left of a store, of which Badger would drop a part.
type remains struct {
	broken  bool            // the manifest or a write-ahead log ends in the middle
	kept    map[byte]ranges // numbers of events and seals that stay, by kind of key
	dropped map[byte]ranges // those in tables that no manifest names
	unnamed int
}

// ranges are runs of numbers, each without its end.
type ranges []struct{ from, end uint64 }

func (s *remains) read(dir string, manifest badger.Manifest) error {
	if err := s.readLogs(dir); err != nil {
		return err
	}
	unnamed, err := unnamedTables(dir, manifest)
	if err != nil {
		return err
	}
	if s.unnamed = len(unnamed); s.unnamed == 0 && !s.broken {
		return nil // nothing is dropped
	}
	for id := range manifest.Tables {
		if err := readTable(table.NewFilename(id, dir), s.kept); err != nil {
			return err
		}
	}
	for _, path := range unnamed {
		if checkTable(path) != nil {
			continue // half made
		}
		if err := readTable(path, s.dropped); err != nil {
			return err
		}
	}
	return nil
}

// check wants all that the anchor says, but for a newest group that the anchor
// has itself. Without an anchor it wants what the tables hold.
func (s *remains) check(last point, blank bool) error {
	if s.unnamed == 0 && !s.broken {
		return nil
	}
	events, seals := last.Events, last.Seals
	if len(last.Group) > 0 {
		events, seals = last.EventsBefore, last.SealsBefore
	}
	if blank {
		events, seals = s.dropped['a'].end(), s.dropped['s'].end()
	}
	haveEvents, haveSeals := s.kept['a'].reach(), s.kept['s'].reach()
	if haveEvents >= events && haveSeals >= seals {
		return nil
	}
	return dataLoss("tail_lost", fmt.Sprintf("the store's MANIFEST and its write-ahead log lead to %d events and %d seals, and there were %d and %d; %d tables have no name in it; nothing was changed",
		haveEvents, haveSeals, events, seals, s.unnamed))
}

// reach is how far runs lead from 0 without a gap.
func (r ranges) reach() (at uint64) {
	slices.SortFunc(r, func(a, b struct{ from, end uint64 }) int { return cmp.Compare(a.from, b.from) })
	for _, run := range r {
		if run.from > at {
			break
		}
		at = max(at, run.end)
	}
	return at
}

func (r ranges) end() (end uint64) {
	for _, run := range r {
		end = max(end, run.end)
	}
	return end
}

// hold notes what a key of the store has under it.
func hold(into map[byte]ranges, key, value []byte) {
	if len(key) != 9 {
		return // the marker, which lies with genesis
	}
	n, held := binary.BigEndian.Uint64(key[1:]), uint64(min(len(value), 1))
	if key[0] == 'a' {
		held = countRecords(value)
	}
	into[key[0]] = append(into[key[0]], struct{ from, end uint64 }{n, n + held})
}

func unnamedTables(dir string, manifest badger.Manifest) (paths []string, err error) {
	all, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	for _, path := range all {
		id, ok := table.ParseFileID(path)
		if _, named := manifest.Tables[id]; ok && !named {
			paths = append(paths, path)
		}
	}
	return paths, err
}

// readTable reads a table that was found whole.
func readTable(path string, into map[byte]ranges) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	t, err := table.OpenInMemoryTable(b, 0, &table.Options{ChkMode: options.NoVerification})
	if err != nil {
		return err
	}
	it := t.NewIterator(table.NOCACHE)
	for it.Rewind(); it.Valid(); it.Next() {
		hold(into, y.ParseKey(it.Key()), it.ValueCopy().Value)
	}
	return it.Close()
}

func (s *remains) readLogs(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if len(b) < walHeader {
			continue
		}
		rest := readWAL(b[walHeader:], s.kept)
		s.broken = s.broken || bytes.Count(rest, []byte{0}) < len(rest)
	}
	return err
}

// readWAL notes what whole transactions hold and returns what is behind them.
func readWAL(b []byte, into map[byte]ranges) (rest []byte) {
	rest = b
	var txn []walEntry
	for {
		e, after, ok := cutEntry(b)
		if !ok {
			return rest
		}
		b = after
		if e.meta&walTxnEnd == 0 {
			txn = append(txn, e)
		}
		if e.meta&walInTxn != 0 {
			continue
		}
		for _, e := range txn {
			hold(into, y.ParseKey(e.key), e.value)
		}
		rest, txn = b, nil
	}
}

type walEntry struct {
	meta       byte
	key, value []byte
}

func cutEntry(b []byte) (e walEntry, rest []byte, ok bool) {
	at := 2
	var sizes [3]uint64 // key, value, expiry
	for i := range sizes {
		n, used := binary.Uvarint(b[min(at, len(b)):])
		if used <= 0 {
			return e, nil, false
		}
		sizes[i], at = n, at+used
	}
	key, value := sizes[0], sizes[1]
	if key < 8 || key > 1<<16 || value > 1<<32 || uint64(len(b)-at) < key+value+crc32.Size {
		return e, nil, false
	}
	end := at + int(key+value)
	if crc32.Checksum(b[:end], y.CastagnoliCrcTable) != binary.BigEndian.Uint32(b[end:]) {
		return e, nil, false
	}
	return walEntry{b[0], b[at : at+int(key)], b[at+int(key) : end]}, b[end+crc32.Size:], true
}
