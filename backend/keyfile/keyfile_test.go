package keyfile

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

// The Ed25519 private key of the libp2p specification of peer ids, and what
// its rules make of the public half.
func TestPeerIDOfTheSpecificationsKey(t *testing.T) {
	public, _ := hex.DecodeString("1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
	id := PeerID(public)
	if got := hex.EncodeToString([]byte(id)); got != "0024080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e" {
		t.Error(got)
	}
	if got := Text(id); len(got) != 52 || got[:8] != "12D3KooW" {
		t.Error(got)
	}
}

func TestCreateThenLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "replica.key")
	made, err := Create(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	read, err := Load(path)
	if err != nil || !bytes.Equal(made, read) || len(read) != ed25519.PrivateKeySize {
		t.Fatal(err)
	}
	if _, err := Create(path, rand.Reader); !fault.Is(err, "key_exists") {
		t.Error("a key was replaced:", err)
	}
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
		t.Error("litter was left:", list)
	}
}

func TestExposedAndDamagedKeysAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	if _, err := Load(path); !fault.Is(err, "key_absent") {
		t.Error(err)
	}
	if _, err := Create(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(link); !fault.Is(err, "key_exposed") {
		t.Error("a link was followed:", err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := checkFile(path, f, os.Getuid()+1); !fault.Is(err, "key_exposed") {
		t.Error("another user's key was taken:", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); !fault.Is(err, "key_exposed") {
		t.Error("a readable key was taken:", err)
	}
	if err := os.WriteFile(path, []byte("atelier-key-1 AAAA\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); !fault.Is(err, "key_damaged") {
		t.Error("a damaged key was taken:", err)
	}
}
