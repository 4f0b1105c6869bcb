// Package keyfile keeps the Ed25519 keys of a home in files: the replica's key,
// which is its libp2p identity, and the recovery key, which the first human
// should copy off the machine.
//
// A file holds one line: "atelier-key-1 ", then the 32 bytes of the seed in
// base64. It has mode 0600 and belongs to the user.
package keyfile

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mr-tron/base58"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

const head = "atelier-key-1 "

// maxFile bounds what is read: a key file has 59 bytes.
const maxFile = 256

// Load reads a key. Faults: not_found key_absent; permission_denied key_exposed
// when it is a link, not the user's or readable by others; data_loss
// key_damaged.
func Load(path string) (ed25519.PrivateKey, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.NotFound, "key_absent", "there is no key file "+path, "put it back from a backup")
	case errors.Is(err, syscall.ELOOP):
		return nil, exposed(path, "is a link")
	case err != nil:
		return nil, fault.Wrap(err, fault.PermissionDenied, "key_unreadable", "the key file cannot be read", "check its owner and mode")
	}
	defer f.Close()
	if err := checkFile(path, f, os.Getuid()); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fault.Wrap(err, fault.DataLoss, "key_damaged", "the key file cannot be read", "put it back from a backup")
	}
	text, ok := strings.CutPrefix(strings.TrimSuffix(string(b), "\n"), head)
	seed, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(seed) != ed25519.SeedSize {
		return nil, fault.New(fault.DataLoss, "key_damaged", "the key file "+path+" is damaged", "put it back from a backup")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func checkFile(path string, f *os.File, user int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return exposed(path, "is no regular file")
	case !ok || int(owner.Uid) != user:
		return exposed(path, "belongs to another user")
	case info.Mode().Perm() != 0o600:
		return exposed(path, fmt.Sprintf("has mode %04o", info.Mode().Perm()))
	}
	return nil
}

func exposed(path, why string) error {
	return fault.New(fault.PermissionDenied, "key_exposed", "the key file "+path+" "+why,
		"make sure that nobody else has read it, then `chmod 600` it")
}

// Create makes a key with random bytes and keeps it in a new file: whole and
// synced with its folder, or not there. It never replaces a file: reason
// key_exists.
func Create(path string, random io.Reader) (ed25519.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-")
	if err != nil {
		return nil, unwritable(err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	_, err = tmp.WriteString(head + base64.StdEncoding.EncodeToString(seed) + "\n")
	if err = errors.Join(err, tmp.Chmod(0o600), tmp.Sync()); err != nil {
		return nil, unwritable(err)
	}
	// Link, unlike rename, refuses to replace what is there.
	if err := os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
		return nil, fault.New(fault.AlreadyExists, "key_exists", "there is already a key file "+path, "use it, or move it away first")
	} else if err != nil {
		return nil, unwritable(err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return nil, unwritable(err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func unwritable(err error) error {
	return fault.Wrap(err, fault.Unavailable, "key_unwritable", "the key file cannot be written", "check the folder and the disk")
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// PeerID returns the binary PeerID of a public key: the identity multihash of
// the key's protobuf form, as libp2p defines it.
func PeerID(key ed25519.PublicKey) event.Chain {
	return event.Chain("\x00\x24\x08\x01\x12\x20" + string(key))
}

// Text returns a PeerID in base58btc, for example "12D3KooW…".
func Text(id event.Chain) string { return base58.Encode([]byte(id)) }
