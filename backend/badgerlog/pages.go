package badgerlog

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
	"golang.org/x/sys/unix"
)

// pages counts what was read of the store's tables. Badger maps them into memory,
// and pages that were touched once count as this process's until something else
// needs the room. So they are given back now and then: the kernel has them still.
type pages struct {
	touched atomic.Int64
	busy    atomic.Bool
}

// touch notes that bytes were read, and gives pages back when they are many.
func (l *Log) touch(bytes int) {
	if l.pages.touched.Add(int64(bytes)) < pagesMost || !l.pages.busy.CompareAndSwap(false, true) {
		return
	}
	l.pages.touched.Store(0)
	err := l.view(func(txn *badger.Txn) error { return giveBack(l.db, txn, l.o.Dir) })
	if l.pages.busy.Store(false); err != nil {
		l.o.Tell("warn", "memory of the store is not given back: "+err.Error())
	}
}

// giveBack gives back the pages of the tables. Advice about memory that was
// unmapped meanwhile would hit what lies there now: so an open iterator holds the
// tables, and those alone are meant that were there before it and after.
func giveBack(db *badger.DB, txn *badger.Txn, dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	before := tablesOf(db, dir)
	it := txn.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	after := tablesOf(db, dir)
	return eachMapping(func(path string, from, to uintptr) error {
		if !before[path] || !after[path] {
			return nil
		}
		if _, _, failed := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); failed != 0 {
			return failed
		}
		return nil
	})
}

func tablesOf(db *badger.DB, dir string) map[string]bool {
	all := map[string]bool{}
	for _, t := range db.Tables() {
		all[table.NewFilename(t.ID, filepath.Join(dir, "log"))] = true
	}
	return all
}

// eachMapping gives each file that is mapped into this process's memory, and from
// where to where.
func eachMapping(fn func(path string, from, to uintptr) error) error {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var from, to uintptr
		_, path, is := strings.Cut(lines.Text(), "/")
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); err != nil || !is {
			continue
		}
		if err := fn("/"+path, from, to); err != nil {
			return err
		}
	}
	return lines.Err()
}
