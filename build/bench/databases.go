package main

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"github.com/mattn/go-sqlite3"
	"go.etcd.io/bbolt"
)

const (
	// mostGrouped bounds the events of one commit, as our log does.
	mostGrouped = 512
	// looks is how often the one who groups lets others run before it commits.
	looks = 4
)

const insert = "INSERT INTO events(body) VALUES(?)"

func openDatabase(folder string) (*sql.DB, *opened, error) {
	db, err := sql.Open("sqlite3", "file:"+inFolder(folder, "events.db")+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate")
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1) // all writers wait in one queue for the one connection
	if _, err := db.Exec("CREATE TABLE events(id INTEGER PRIMARY KEY, body BLOB NOT NULL)"); err != nil {
		return nil, nil, err
	}
	var journal string
	var synchronous int
	if err := errors.Join(db.QueryRow("PRAGMA journal_mode").Scan(&journal), db.QueryRow("PRAGMA synchronous").Scan(&synchronous)); err != nil {
		return nil, nil, err
	}
	version, _, _ := sqlite3.Version()
	const full = 2 // as the pragma tells it
	return db, &opened{
		count: func() (n uint64, err error) {
			err = db.QueryRow("SELECT count(*) FROM events").Scan(&n)
			return n, err
		},
		synced: journal == "wal" && synchronous >= full,
		flags:  fmt.Sprintf("SQLite %s by mattn/go-sqlite3 %s, journal %s, synchronous %d", version, moduleVersion("github.com/mattn/go-sqlite3"), journal, synchronous),
		close:  db.Close,
	}, nil
}

func openSQLite(folder string) (*opened, error) {
	db, o, err := openDatabase(folder)
	if err != nil {
		return nil, err
	}
	statement, err := db.Prepare(insert)
	if err != nil {
		return nil, err
	}
	body := randomBody()
	o.put = func(int) error {
		_, err := statement.Exec(body)
		return err
	}
	o.flags += ", one connection, prepared"
	return o, nil
}

// openGroupedSQLite commits for all that wait, as a program could that wants
// more of SQLite than it gives to one event at a time.
func openGroupedSQLite(folder string) (*opened, error) {
	db, o, err := openDatabase(folder)
	if err != nil {
		return nil, err
	}
	waiting := make(chan chan error, mostGrouped)
	body := randomBody()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for first := range waiting {
			group := gather(first, waiting)
			err := commitGroup(db, body, len(group))
			for _, answer := range group {
				answer <- err
			}
		}
	}()
	o.put = func(int) error {
		answer := make(chan error, 1)
		waiting <- answer
		return <-answer
	}
	end := o.close
	o.close = func() error {
		close(waiting)
		<-ended
		return end()
	}
	o.flags += ", one transaction for all that wait"
	return o, nil
}

func gather(first chan error, waiting <-chan chan error) []chan error {
	group := []chan error{first}
	for look := 0; look < looks && len(group) < mostGrouped; {
		select {
		case next, more := <-waiting:
			if !more {
				return group
			}
			group = append(group, next)
		default:
			look++
			runtime.Gosched()
		}
	}
	return group
}

func commitGroup(db *sql.DB, body []byte, n int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	statement, err := tx.Prepare(insert)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	for range n {
		if _, err := statement.Exec(body); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

var bucket = []byte("events")

func openBoltWith(folder string, change func(*bbolt.DB, func(*bbolt.Tx) error) error, how string) (*opened, error) {
	db, err := bbolt.Open(inFolder(folder, "events.bolt"), 0o600, nil)
	if err != nil {
		return nil, err
	}
	db.MaxBatchSize = writers // a batch is begun when all writers are in it
	if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucket); return err }); err != nil {
		return nil, err
	}
	body := randomBody()
	put := func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		n, err := b.NextSequence()
		if err != nil {
			return err
		}
		return b.Put(binary.BigEndian.AppendUint64(nil, n), body)
	}
	return &opened{
		put: func(int) error { return change(db, put) },
		count: func() (n uint64, err error) {
			err = db.View(func(tx *bbolt.Tx) error { n = uint64(tx.Bucket(bucket).Stats().KeyN); return nil })
			return n, err
		},
		synced: !db.NoSync && !db.NoGrowSync,
		flags:  "bbolt " + moduleVersion("go.etcd.io/bbolt") + ", " + how,
		close:  db.Close,
	}, nil
}

func openBolt(folder string) (*opened, error) {
	return openBoltWith(folder, (*bbolt.DB).Update, "Update")
}

func openBatchBolt(folder string) (*opened, error) {
	return openBoltWith(folder, (*bbolt.DB).Batch, fmt.Sprintf("Batch of up to %d", writers))
}
