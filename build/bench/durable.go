package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
)

const (
	// eventBytes is what one small event takes: header, body and hash.
	eventBytes = 450
	// singles are appended one after another in a round.
	singles = 300
	// writers append at once, as many as the group that bare Badger is given.
	writers = 64
	// perWriter is how many each of them appends in a round.
	perWriter = 200
)

// A keeper makes one event durable and returns when it is.
type keeper struct {
	name string
	open func(folder string) (keep func() error, end func() error, err error)
}

// measureDurable compares one event, and 64 writers at once, with the least that
// a disk asks for. No peer runs with sync off.
func measureDurable(s setting) ([]row, error) {
	single := []keeper{
		{"append + fdatasync, one event p50", openAppend},
		{"atelier's log, one event p50", openLog},
	}
	many := []keeper{{"atelier's log, 64 writers", openLog}}
	rows := []row{
		{peer: single[0].name, unit: "µs"}, {peer: single[1].name, unit: "µs"},
		{peer: "bare Badger, synced groups of 64", unit: "/s"}, {peer: many[0].name, unit: "/s"},
	}
	for range s.rounds {
		for n, k := range single {
			p50, err := timeSingles(s.work, k)
			if err != nil {
				return rows, err
			}
			rows[n].values = append(rows[n].values, p50)
		}
		bare, err := rateBadger(s.work)
		if err != nil {
			return rows, err
		}
		rows[2].values = append(rows[2].values, bare)
		ours, err := rateWriters(s.work, many[0])
		if err != nil {
			return rows, err
		}
		rows[3].values = append(rows[3].values, ours)
	}
	one := median(rows[1].values) / median(rows[0].values)
	rows[1].note = goal(one <= 3, "%.2f times the append (goal 2, never above 3)", one)
	all := median(rows[3].values) / median(rows[2].values)
	rows[3].note = goal(all >= 0.6, "%.2f of bare Badger (wanted 0.6)", all)
	opened, err := measureOpens(s)
	return append(rows, opened...), err
}

// measureOpens times how long a core waits for its log, which it reads whole.
func measureOpens(s setting) ([]row, error) {
	var rows []row
	for _, n := range []int{100_000, 1_000_000} {
		took, err := timeOpens(s.work, n, s.rounds)
		if err != nil {
			return rows, err
		}
		r := row{peer: fmt.Sprintf("open a log of %d events", n), unit: "ms", values: took}
		if n == 1_000_000 {
			r.note = goal(median(took) < 2000, "wanted below 2 s")
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func timeSingles(work string, k keeper) (float64, error) {
	folder, err := os.MkdirTemp(work, "d")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	keep, end, err := k.open(folder)
	if err != nil {
		return 0, err
	}
	var times []float64
	for range singles {
		start := time.Now()
		if err := keep(); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Since(start).Nanoseconds())/1e3)
	}
	return quantile(times, 0.5), end()
}

func rateWriters(work string, k keeper) (float64, error) {
	folder, err := os.MkdirTemp(work, "d")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	keep, end, err := k.open(folder)
	if err != nil {
		return 0, err
	}
	failed := make(chan error, writers)
	var all sync.WaitGroup
	start := time.Now()
	for range writers {
		all.Go(func() {
			for range perWriter {
				if err := keep(); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	rate := writers * perWriter / time.Since(start).Seconds()
	select {
	case err := <-failed:
		return 0, err
	default:
		return rate, end()
	}
}

// openAppend is the least: one write of the same bytes and fdatasync.
func openAppend(folder string) (func() error, func() error, error) {
	file, err := os.OpenFile(filepath.Join(folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	record := make([]byte, eventBytes)
	_, _ = rand.Read(record)
	return func() error {
		if _, err := file.Write(record); err != nil {
			return err
		}
		return syscall.Fdatasync(int(file.Fd()))
	}, file.Close, nil
}

// rateBadger writes as many events as 64 writers do, in synced transactions of 64.
func rateBadger(work string) (float64, error) {
	folder, err := os.MkdirTemp(work, "d")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	db, err := badger.Open(badger.DefaultOptions(folder).WithSyncWrites(true).WithLogger(nil))
	if err != nil {
		return 0, err
	}
	record := make([]byte, eventBytes)
	_, _ = rand.Read(record)
	start := time.Now()
	for group := range perWriter {
		err := db.Update(func(txn *badger.Txn) error {
			for n := range writers {
				key := binary.BigEndian.AppendUint64(nil, uint64(group*writers+n))
				if err := txn.Set(key, record); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	rate := writers * perWriter / time.Since(start).Seconds()
	return rate, db.Close()
}
