package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

const (
	// verified is how many signatures are checked, and events admitted, in a round: a
	// second or two.
	verified      = 60_000
	verifiedQuick = 4_000
	// headerSize is what a signature over each event would cover: its header.
	headerSize = 400
)

// measureAdmit admits another replica's chain, from its bytes until all of it is
// durable, and sets beside it the least that one signature an event would cost,
// which is to verify it with all cores.
func measureAdmit(s setting) ([]row, error) {
	n := verified
	if s.quick {
		n = verifiedQuick
	}
	p, err := writeForeign(s.work, n)
	if err != nil {
		return nil, err
	}
	rows := []row{{peer: "a chain admitted, events", unit: "/s"}, {peer: "one Ed25519 verification an event", unit: "/s"}}
	for range s.rounds {
		rate, err := rateAdmit(s.work, p)
		if err != nil {
			return rows, err
		}
		rows[0].values = append(rows[0].values, rate)
		if rate, err = rateVerify(n); err != nil {
			return rows, err
		}
		rows[1].values = append(rows[1].values, rate)
	}
	ratio := median(rows[0].values) / median(rows[1].values)
	rows[0].note = fmt.Sprintf("%d events of %d bytes in seals of 1,024; ", p.events, p.bytes/p.events) +
		s.goal(ratio >= 1, "%.2f of the verifications, goal 1, hoped 2", ratio)
	rows[1].note = "crypto/ed25519 on all cores, header of 400 bytes"
	return rows, nil
}

// rateAdmit returns how many events a second a fresh log admits.
func rateAdmit(work string, p *pair) (float64, error) {
	folder, err := os.MkdirTemp(work, "a")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	var took time.Duration
	err = p.admitTo(filepath.Join(folder, "log"), func(admit func() error) error {
		start := time.Now()
		err := admit()
		took = time.Since(start)
		return err
	})
	return float64(p.events) / took.Seconds(), err
}

// rateVerify verifies n signatures over distinct headers, spread over all cores,
// and returns how many a second.
func rateVerify(n int) (float64, error) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return 0, err
	}
	const distinct = 1024
	var headers, signatures [distinct][]byte
	for i := range headers {
		headers[i] = make([]byte, headerSize)
		_, _ = rand.Read(headers[i])
		signatures[i] = ed25519.Sign(key, headers[i])
	}
	cores := runtime.GOMAXPROCS(0)
	failed := make(chan error, cores)
	var all sync.WaitGroup
	start := time.Now()
	for core := range cores {
		all.Go(func() {
			for i := core; i < n; i += cores {
				if !ed25519.Verify(public, headers[i%distinct], signatures[i%distinct]) {
					failed <- errors.New("a signature that was made here is not taken")
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	select {
	case err := <-failed:
		return 0, err
	default:
		return float64(n) / took.Seconds(), nil
	}
}
