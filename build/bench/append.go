package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	putFor      = 4 * time.Second // each store in each round
	putForQuick = 400 * time.Millisecond
)

// measureAppend has 64 writers append bodies of 512 bytes to our log and to what
// else a program could keep events in, all in this process, each in turn in a
// fresh folder of the same disk. A store that says it does not sync is marked,
// and nothing is compared with it.
func measureAppend(s setting) ([]row, error) {
	rows, with := make([]row, len(stores)), make([]row, len(stores))
	synced := make([]bool, len(stores))
	for round := range s.rounds {
		for n, st := range stores {
			rate, o, err := appendRound(s, st)
			if err != nil {
				return rows, fmt.Errorf("%s, round %d: %w", st.name, round+1, err)
			}
			rows[n].peer, rows[n].unit = st.name, "/s"
			rows[n].values = append(rows[n].values, rate)
			with[n], synced[n] = row{peer: "  " + st.name + ":", note: o.flags}, o.synced
		}
	}
	err := compare(s, rows, stores, synced)
	return slices.Concat(rows, with), err
}

func appendRound(s setting, st store) (rate float64, o *opened, err error) {
	folder, err := os.MkdirTemp(s.work, "d")
	if err != nil {
		return 0, nil, err
	}
	defer os.RemoveAll(folder)
	if o, err = st.open(folder); err != nil {
		return 0, nil, err
	}
	lasts := putFor
	if s.quick {
		lasts = putForQuick
	}
	rate, err = rateStore(o, lasts)
	if closing := o.close(); err == nil {
		err = closing
	}
	return rate, o, err
}

// compare says of the first row whether it is ahead of all that commit each event
// by itself and are durable. The error names who could not be compared with.
func compare(s setting, rows []row, all []store, synced []bool) error {
	ours, ahead := median(rows[0].values), true
	var missing error
	for n, st := range all {
		ratio := ours / median(rows[n].values)
		switch {
		case !synced[n]:
			rows[n].note = "NOT SYNCED, not counted"
			missing = fmt.Errorf("%s does not sync, so that there is nothing to compare with", st.name)
		case st.grouped:
			rows[n].note = fmt.Sprintf("beside: ours is %.2f of it", ratio)
		case n > 0:
			rows[n].note = fmt.Sprintf("ours is %.2f of it", ratio)
			ahead = ahead && ratio > 1
		}
	}
	rows[0].note += s.goal(ahead && missing == nil, "ahead of all that commit each event by itself")
	return missing
}

// putAll has every writer put one event after another for a while. It returns
// how many were acknowledged and how long that took until the last was.
func putAll(o *opened, lasts time.Duration) (uint64, time.Duration, error) {
	var done atomic.Uint64
	failed := make(chan error, writers)
	var all sync.WaitGroup
	start := time.Now()
	for writer := range writers {
		all.Go(func() {
			for time.Since(start) < lasts {
				if err := o.put(writer); err != nil {
					failed <- err
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	select {
	case err := <-failed:
		return 0, 0, err
	default:
		return done.Load(), took, nil
	}
}
