package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// keys are characters that no escape sequence of a redraw holds.
const keys = "#&~"

// strokes are typed in each round: enough for a 99th percentile.
const strokes = 1500

// measureEcho types into a program that sends each byte back, and takes the time
// until the client has written it to its own terminal.
func measureEcho(s setting) ([]row, error) {
	home, err := os.MkdirTemp(s.work, "h")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	defer stopCore(s, home)
	all := peers(s, home)
	half, most := make([]row, len(all)), make([]row, len(all))
	for round := range s.rounds {
		for n, p := range all {
			times, err := timeEcho(p)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", p.name, round+1, err)
			}
			half[n].peer, half[n].unit = p.name+", p50", "µs"
			most[n].peer, most[n].unit = p.name+", p99", "µs"
			half[n].values = append(half[n].values, quantile(times, 0.5))
			most[n].values = append(most[n].values, quantile(times, 0.99))
		}
	}
	for _, rows := range [][]row{half, most} {
		rows[2].note = goal(median(rows[2].values) < median(rows[1].values), "below tmux")
	}
	return slices.Concat(half, most), nil
}

func timeEcho(p peer) ([]float64, error) {
	t, err := p.open("stty raw -echo; " + printed + "; exec cat")
	if err != nil {
		return nil, err
	}
	defer p.end()
	defer t.close()
	if _, err := t.until(ready); err != nil {
		return nil, err
	}
	times := make([]float64, 0, strokes)
	for n := range strokes {
		key := keys[n%len(keys) : n%len(keys)+1]
		start := time.Now()
		if err := t.typed(key); err != nil {
			return nil, err
		}
		if _, err := t.until(key); err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(start).Nanoseconds())/1e3)
		// People do not type in step with the machine's timers.
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
	}
	return times, nil
}
