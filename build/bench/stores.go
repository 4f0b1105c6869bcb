package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
)

// bodySize is the body of one event in bytes. Our log stores a header with it,
// of some 350 bytes; the others store the body alone.
const bodySize = 512

// A store is a peer that keeps events. It is opened in a fresh folder each round.
type store struct {
	name string
	// grouped marks figures that stand beside: many events share a commit that the
	// program which writes them has to form itself.
	grouped bool
	open    func(folder string) (*opened, error)
}

// opened is a store at work.
type opened struct {
	// put makes one event of a writer durable and returns when it is.
	put func(writer int) error
	// count tells how many events the store itself says it holds.
	count func() (uint64, error)
	// synced is what the open store says of itself: that put waits for the disk.
	synced bool
	flags  string // with the exact version
	close  func() error
}

var stores = []store{
	{"atelier's log", false, openOurs},
	{"NATS JetStream", false, openJetStream},
	{"SQLite, one commit an event", false, openSQLite},
	{"bbolt, one commit an event", false, openBolt},
	{"SQLite, grouped by its writer", true, openGroupedSQLite},
	{"bbolt, Batch", true, openBatchBolt},
}

func randomBody() []byte {
	body := make([]byte, bodySize)
	_, _ = rand.Read(body)
	return body
}

// moduleVersion is the version of a module that this program was built with.
func moduleVersion(path string) string {
	if info, known := debug.ReadBuildInfo(); known {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "of unknown version"
}

// openOurs opens the log as the core does. Each writer is a session that makes a
// piece of work and then edits it: synced, signed, indexed and anchored.
func openOurs(folder string) (*opened, error) {
	o, err := logOptions(folder)
	if err != nil {
		return nil, err
	}
	log, _, err := badgerlog.Open(context.Background(), o)
	if err != nil {
		return nil, err
	}
	body, err := summaryOf(bodySize)
	if err != nil {
		return nil, err
	}
	all := make([]*author, writers)
	for n := range all {
		if all[n], err = openAuthor(log, nil); err != nil {
			return nil, err
		}
		if _, err := all[n].create("work"); err != nil {
			return nil, err
		}
	}
	return &opened{
		put:    func(writer int) error { return all[writer].edit(body) },
		count:  func() (uint64, error) { return log.Count(), nil },
		synced: true, // no option of the log puts it out of sync
		flags:  "Badger " + moduleVersion("github.com/dgraph-io/badger/v4") + ", groups of up to 512, seals of up to 1,024",
		close:  log.Close,
	}, nil
}

// summaryOf is the content of a body that has size bytes with its nonce.
func summaryOf(size int) ([]byte, error) {
	size -= event.BodyNonceSize
	encode := func(letters int) ([]byte, error) {
		return event.EncodeContent(event.Change{Set: map[string]event.Value{"summary": event.Text(strings.Repeat("w", letters))}})
	}
	frame, err := encode(size)
	if err != nil {
		return nil, err
	}
	content, err := encode(2*size - len(frame))
	if err == nil && len(content) != size {
		err = fmt.Errorf("a body of %d bytes was wanted, and has %d", size, len(content))
	}
	return content, err
}

// openJetStream runs a server in this process, with one stream in files that are
// synced at every write, and a connection for each publisher.
func openJetStream(folder string) (*opened, error) {
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: folder, SyncAlways: true, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		return nil, fmt.Errorf("the NATS server is not ready after %s", patience)
	}
	var streams []jetstream.JetStream
	for range writers {
		c, err := nats.Connect("", nats.InProcessServer(s))
		if err != nil {
			return nil, err
		}
		js, err := jetstream.New(c)
		if err != nil {
			return nil, err
		}
		streams = append(streams, js)
	}
	stream, err := streams[0].CreateStream(context.Background(), jetstream.StreamConfig{
		Name: "events", Subjects: []string{"events"}, Storage: jetstream.FileStorage, Replicas: 1})
	if err != nil {
		return nil, err
	}
	body := randomBody()
	return &opened{
		put: func(writer int) error {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_, err := streams[writer].Publish(ctx, "events", body)
			return err
		},
		count: func() (uint64, error) {
			info, err := stream.Info(context.Background())
			if err != nil {
				return 0, err
			}
			return info.State.Msgs, nil
		},
		synced: s.JetStreamConfig().SyncAlways,
		flags:  "nats-server " + server.VERSION + " in this process, one stream, file store, sync always, synchronous publish",
		close: func() error {
			for _, js := range streams {
				js.Conn().Close()
			}
			s.Shutdown()
			s.WaitForShutdown()
			return nil
		},
	}, nil
}

// inFolder is a file of a store's own.
func inFolder(folder, name string) string { return filepath.Join(folder, name) }

// rateStore lets all writers put events for a while, and returns how many a
// second became durable. What was acknowledged must be there.
func rateStore(o *opened, lasts time.Duration) (float64, error) {
	before, err := o.count()
	if err != nil {
		return 0, err
	}
	done, took, err := putAll(o, lasts)
	if err != nil {
		return 0, err
	}
	held, err := o.count()
	if err != nil {
		return 0, err
	}
	if held -= before; held != done {
		return 0, fmt.Errorf("%d events were acknowledged, and the store holds %d", done, held)
	}
	return float64(done) / took.Seconds(), nil
}
