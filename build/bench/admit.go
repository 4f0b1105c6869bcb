package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"runtime"
	"sync"
	"time"
)

const (
	// verified is how many signatures are checked in a round: a second or two.
	verified      = 60_000
	verifiedQuick = 4_000
	// headerSize is what a signature over each event would cover: its header.
	headerSize = 400
)

// measureAdmit sets the least that one signature an event would cost, which is to
// verify it with all cores, beside the admission of another replica's chain.
func measureAdmit(s setting) ([]row, error) {
	n := verified
	if s.quick {
		n = verifiedQuick
	}
	rows := []row{{peer: "one Ed25519 verification an event", unit: "/s"}}
	for range s.rounds {
		rate, err := rateVerify(n)
		if err != nil {
			return rows, err
		}
		rows[0].values = append(rows[0].values, rate)
	}
	rows[0].note = "crypto/ed25519 on all cores, header of 400 bytes"
	return rows, errors.New("the log does not admit another replica's chain yet")
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
