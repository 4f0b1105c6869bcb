package badgerlog

import (
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/dgraph-io/badger/v4"

	"atelier.dev/atelier/backend/event"
)

// Size is what one kind of thing takes: how many there are, and their bytes.
type Size struct {
	Kind  string
	Count uint64
	Bytes uint64
}

// held counts what was learnt. Whoever uses it holds orderMu.
type held struct{ events, headers, bodies, bodyBytes uint64 }

func (h *held) add(e *event.Event) {
	h.events++
	h.headers += uint64(len(e.Bytes))
	if len(e.Body) > 0 {
		h.bodies++
		h.bodyBytes += uint64(len(e.Body))
	}
}

// Sizes tells what the log holds by kind, and last what files take on the disk:
// those of the store, with what it has not thrown away yet, and caches.
func (l *Log) Sizes() ([]Size, error) {
	l.orderMu.RLock()
	h := l.held
	l.orderMu.RUnlock()
	all := []Size{{"headers", h.events, h.headers}, {"bodies", h.bodies, h.bodyBytes}}
	for _, part := range []struct {
		kind string
		key  byte
	}{{"seals", 's'}, {"certificates", 'c'}} {
		one, err := l.sizeOf(part.kind, part.key)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return append(all, filesIn("store", filepath.Join(l.o.Dir, "log")), filesIn("caches", l.cacheDir())), nil
}

// sizeOf counts the values under one kind of key, without reading them.
func (l *Log) sizeOf(kind string, key byte) (Size, error) {
	s := Size{Kind: kind}
	err := l.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{key}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			s.Count++
			s.Bytes += uint64(it.Item().ValueSize())
		}
		return nil
	})
	return s, err
}

// filesIn sums what the files of a folder take on the disk. One that goes away
// meanwhile takes nothing.
func filesIn(kind, dir string) Size {
	s := Size{Kind: kind}
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, gone error) error {
		if gone != nil || d.IsDir() {
			return nil //nolint:nilerr // what has gone takes nothing
		}
		if info, err := d.Info(); err == nil {
			s.Count++
			if st, is := info.Sys().(*syscall.Stat_t); is {
				s.Bytes += uint64(st.Blocks) * 512
			}
		}
		return nil
	})
	return s
}
