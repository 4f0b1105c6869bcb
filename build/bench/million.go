package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/object"
)

// A scale is how large the logs are.
type scale struct {
	sizes    []int // events, ascending
	sessions int
	probe    int           // events that are added to each log in each round
	cutsFor  time.Duration // how long a reader asks for objects at old cuts
}

var (
	whole = scale{[]int{10_000, 100_000, 1_000_000}, 1000, 2000, 6 * time.Second}
	small = scale{[]int{1_000, 10_000, 40_000}, 100, 200, time.Second}
)

func scaleOf(s setting) scale {
	if s.quick {
		return small
	}
	return whole
}

// seed fixes who follows whom in every log.
const seed = 20250117

// A site is a folder with a log that a crowd wrote.
type site struct {
	folder string
	size   int
	crowd  *crowd
	log    *badgerlog.Log
	// costs are the seconds that an event took while the log grew, and how many
	// events it had then.
	costs []point
	bytes float64 // of the events
}

// known is what a reader has to know of a site. It lies in the folder.
type known struct {
	Key   []byte     // the seed of the replica's key
	Works []event.ID // one piece of work of each session
}

// measureMillion builds logs of three sizes and looks whether the largest costs
// more: to write, to open, to ask and to keep.
func measureMillion(s setting) ([]row, error) {
	sc := scaleOf(s)
	sites := make([]*site, len(sc.sizes))
	for n, size := range sc.sizes {
		var err error
		if sites[n], err = build(s.work, size, sc); err != nil {
			return nil, err
		}
		defer os.RemoveAll(sites[n].folder)
	}
	rows, err := growthRows(s, sc, sites)
	if err != nil {
		return rows, err
	}
	disk, err := diskRows(s, sites[len(sites)-1])
	rows = append(rows, disk...)
	for _, t := range sites {
		err = errors.Join(err, t.leave())
	}
	if err != nil {
		return rows, err
	}
	read, err := readRows(s, sc, sites)
	rows = append(rows, read...)
	if err == nil {
		err = plotCosts(s, sites, rows, read)
	}
	return rows, err
}

// build has a crowd write a log of some size.
func build(work string, size int, sc scale) (*site, error) {
	folder, err := os.MkdirTemp(work, "m")
	if err != nil {
		return nil, err
	}
	t := &site{folder: folder, size: size}
	o, err := logOptions(t.data())
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(t.data(), 0o700); err != nil {
		return nil, err
	}
	if t.log, _, err = badgerlog.Open(context.Background(), o); err != nil {
		return nil, err
	}
	t.crowd = newCrowd(t.log, seed, sc.sessions)
	if err := t.grow(uint64(size)); err != nil {
		return nil, err
	}
	if err := t.checkValid(sc); err != nil {
		return nil, err
	}
	var k known
	k.Key = o.Key.Seed()
	for _, m := range t.crowd.all {
		k.Works = append(k.Works, m.work)
	}
	b, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	return t, os.WriteFile(filepath.Join(folder, "known.json"), b, 0o600)
}

func (t *site) data() string { return filepath.Join(t.folder, "data") }

// leave closes the log, which keeps its seals and its anchor.
func (t *site) leave() error {
	t.crowd = nil
	return t.log.Close()
}

// buildPatience bounds the writing of one log.
const buildPatience = 15 * time.Minute

// fifth is the fifth root of ten.
const fifth = 1.585

// grow has the crowd write until the log has some events, and keeps what an event
// cost from each fifth part of a power of ten to the next.
func (t *site) grow(to uint64) error {
	from, start, begun := t.log.Count(), time.Now(), time.Now()
	for t.log.Count() < to {
		if err := t.crowd.wave(); err != nil {
			return err
		}
		if time.Since(begun) > buildPatience {
			return fmt.Errorf("%d of %d events were written after %s", t.log.Count(), to, buildPatience)
		}
		if n := t.log.Count(); float64(n) >= fifth*float64(from) || n >= to {
			t.costs = append(t.costs, point{float64(n), time.Since(start).Seconds() / float64(n-from)})
			from, start = n, time.Now()
		}
	}
	return nil
}

// checkValid folds what the crowd wrote, of the smallest log alone since all come
// from one seed: a void event would cost less than what is meant to be measured.
func (t *site) checkValid(sc scale) error {
	if t.size != sc.sizes[0] {
		return nil
	}
	f := object.New(t.log)
	return t.log.Scan(0, func(_ uint64, e event.Event) error {
		j, err := f.Apply(e)
		if err == nil && j.Verdict != object.Valid {
			err = fmt.Errorf("an event of type %s is not valid: %w", e.Header.Type, j.Why)
		}
		return err
	})
}

// growthRows adds the same number of events to each log in turn.
func growthRows(s setting, sc scale, sites []*site) ([]row, error) {
	rows := make([]row, len(sites))
	for range s.rounds {
		for n, t := range sites {
			rows[n].peer, rows[n].unit = fmt.Sprintf("append at %d events", t.size), "µs"
			start, before := time.Now(), t.log.Count()
			for t.log.Count() < before+uint64(sc.probe) {
				if err := t.crowd.wave(); err != nil {
					return rows, err
				}
			}
			rows[n].values = append(rows[n].values, float64(time.Since(start).Nanoseconds())/1e3/float64(t.log.Count()-before))
		}
	}
	last := len(sites) - 1
	ratio := median(rows[last].values) / median(rows[0].values)
	rows[last].note = s.goal(ratio <= growthAllowed, "%.2f times what it costs at %d (must not grow, %.1f allowed for the disk's moods)", ratio, sites[0].size, growthAllowed)
	rows[0].note = fmt.Sprintf("64 writers, %d sessions, wall time an event", sc.sessions)
	return rows, nil
}

// growthAllowed is how far medians of this measure lie apart on a disk that
// others use.
const growthAllowed = 1.1

// diskRows compares what the folder takes on the disk with the bytes of the
// events, while the log is open and idle.
func diskRows(s setting, t *site) ([]row, error) {
	t.bytes = float64(t.crowd.bytes.Load())
	idle, err := settled(t.data())
	if err != nil {
		return nil, err
	}
	mb := row{peer: "bytes of the events", unit: "MB", values: []float64{t.bytes / 1e6}, note: fmt.Sprintf("headers and bodies of %d events", t.log.Count())}
	return []row{mb, {peer: "allocated, log open and idle", unit: "times", values: []float64{idle / t.bytes},
		note: s.goal(idle <= 2*t.bytes, "at most 2 times the bytes of the events")}}, nil
}

const (
	quietFor  = 3 * time.Second  // nothing has changed for so long: it is idle
	quietWait = 60 * time.Second // and is looked at no longer than this
)

// settled waits until a folder's size on the disk does not change, and returns it.
func settled(folder string) (float64, error) {
	last, since, begun := -1.0, time.Now(), time.Now()
	for time.Since(since) < quietFor {
		now, err := allocated(folder)
		if err != nil {
			return 0, err
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(begun) > quietWait {
			return 0, fmt.Errorf("the log still changes its files after %s", quietWait)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return last, nil
}

// allocated is what the files of a folder take on the disk, in bytes. A file that
// goes away meanwhile takes nothing.
func allocated(folder string) (float64, error) {
	total := int64(0)
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		var st syscall.Stat_t
		if err == nil {
			err = syscall.Lstat(path, &st)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		total += st.Blocks * 512 // the unit of st_blocks, whatever the disk's
		return err
	})
	return float64(total), err
}

func keyOf(k known) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Key) }
