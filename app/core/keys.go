package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
	"atelier.dev/atelier/backend/keyfile"
	"atelier.dev/atelier/backend/studio"
)

// keys are what a log is opened with.
type keys struct {
	replica  ed25519.PrivateKey
	recovery ed25519.PublicKey // nil when the home has its log already
}

func keyPath(h home.Home, name string) string { return filepath.Join(h.Data, "keys", name) }

func hasLog(h home.Home) (bool, error) {
	_, err := os.Stat(filepath.Join(h.Data, "log"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fault.Wrap(err, fault.PermissionDenied, "home_denied", "cannot look at the log of this home", "check the owner and mode of "+h.Data)
	}
	return true, nil
}

// giveKeys loads the keys of a home, and makes those of a new one. A home that
// has a log and no key is never given another: its chain would fork.
func giveKeys(h home.Home) (keys, error) {
	old, err := hasLog(h)
	if err != nil || old {
		k, failed := loadKeys(h)
		return k, errors.Join(err, failed)
	}
	if err := os.MkdirAll(filepath.Join(h.Data, "keys"), 0o700); err != nil {
		return keys{}, fault.Wrap(err, fault.Unavailable, "key_unwritable", "cannot make the folder of keys", "check the disk and "+h.Data)
	}
	replica, err := loadOrCreate(keyPath(h, "replica.key"))
	if err != nil {
		return keys{}, err
	}
	recovery, err := loadOrCreate(keyPath(h, "recovery.key"))
	if err != nil {
		return keys{}, err
	}
	return keys{replica, recovery.Public().(ed25519.PublicKey)}, nil
}

func loadKeys(h home.Home) (keys, error) {
	replica, err := keyfile.Load(keyPath(h, "replica.key"))
	return keys{replica: replica}, err
}

// loadOrCreate goes on with a key that an interrupted first start has left.
func loadOrCreate(path string) (ed25519.PrivateKey, error) {
	key, err := keyfile.Load(path)
	if fault.Is(err, "key_absent") {
		return keyfile.Create(path, rand.Reader)
	}
	return key, err
}

// findings are what doctor says of the home itself.
func (d *daemon) findings() []studio.Finding {
	path := keyPath(d.home, "recovery.key")
	if _, err := os.Lstat(path); err != nil {
		return []studio.Finding{{Name: "recovery-key", Level: "ok", Message: "the recovery key is not kept on this machine"}}
	}
	return []studio.Finding{{Name: "recovery-key", Level: "warning", Message: "the recovery key lies only here: " + path,
		Mend: "copy it off this machine to a safe place, then remove it here"}}
}
