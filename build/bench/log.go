package main

import (
	"context"
	"crypto/ed25519"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
)

// openLog opens the studio's own log in this process, as the core does: synced,
// signed and anchored.
func openLog(folder string) (func() error, func() error, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	recovery, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	log, _, err := badgerlog.Open(context.Background(), badgerlog.Options{Dir: folder, Key: key, RecoveryKey: recovery, Policy: "version: 1\n"})
	if err != nil {
		return nil, nil, err
	}
	genesis := log.Genesis()
	content, err := event.EncodeContent(event.SessionOpened{Label: "measure"})
	if err != nil {
		return nil, nil, err
	}
	draft := event.Draft{
		Type: event.SessionOpenedType, Parents: []event.ID{genesis}, Surface: event.SurfaceSystem,
		Actor:  event.Actor{ID: event.Derived(genesis, "system"), Kind: event.Service},
		Branch: event.Derived(genesis, "main"), Body: content,
	}
	return func() error {
		_, err := log.Append(context.Background(), draft)
		return err
	}, log.Close, nil
}
