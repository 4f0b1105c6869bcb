package badgerlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// checkTables verifies the index of every table that the manifest names before
// Badger opens it: Badger panics in a goroutine of its own on a damaged one,
// which nobody can catch. Blocks it verifies itself, whenever it reads one;
// what the manifest does not name is half made, and it removes it.
func checkTables(opt badger.Options) error {
	file, err := os.Open(filepath.Join(opt.Dir, badger.ManifestFilename))
	if errors.Is(err, os.ErrNotExist) {
		return nil // a new store, or one that Badger will refuse
	}
	if err != nil {
		return err
	}
	defer file.Close()
	manifest, _, err := badger.ReplayManifestFile(file, opt.ExternalMagicVersion, opt)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(manifest.Tables)) {
		path := table.NewFilename(id, opt.Dir)
		if err := checkTable(path); err != nil {
			return fmt.Errorf("table %s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

// checkTable reads no more of a table than its end.
func checkTable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	for size := int64(tableEnd); ; size *= 8 {
		size = min(size, info.Size())
		b := make([]byte, size)
		if _, err := file.ReadAt(b, info.Size()-size); err != nil {
			return err
		}
		if err := checkIndex(b); !errors.Is(err, errCut) || size == info.Size() {
			return err
		}
	}
}

var errCut = errors.New("it is cut")

// checkIndex reads a table's end: index, its length 4, checksum, its length 4.
func checkIndex(b []byte) error {
	sum, rest, ok := lastSized(b)
	if !ok {
		return errCut
	}
	index, _, ok := lastSized(rest)
	if !ok || len(index) == 0 { // zeros are an index of no bytes, soundly summed
		return errCut
	}
	var want pb.Checksum
	if err := proto.Unmarshal(sum, &want); err != nil {
		return err
	}
	if want.Algo != pb.Checksum_CRC32C && want.Algo != pb.Checksum_XXHash64 {
		return errors.New("its checksum is of an unknown kind")
	}
	return y.VerifyChecksum(index, &want)
}

func lastSized(b []byte) (last, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n, rest := uint64(binary.BigEndian.Uint32(b[len(b)-4:])), b[:len(b)-4]
	if n > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[uint64(len(rest))-n:], rest[:uint64(len(rest))-n], true
}
