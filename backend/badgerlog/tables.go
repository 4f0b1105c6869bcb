package badgerlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// checkTables verifies the index of every table before Badger opens it: Badger
// panics in a goroutine of its own on a damaged one, which nobody can catch.
// Blocks it verifies itself, whenever it reads one.
func checkTables(dir string) error {
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return err
	}
	for _, path := range tables {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := checkIndex(b); err != nil {
			return fmt.Errorf("table %s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

// checkIndex reads a table's end: index, its length 4, checksum, its length 4.
func checkIndex(b []byte) error {
	sum, rest, ok := lastSized(b)
	if !ok {
		return errors.New("it is cut")
	}
	index, _, ok := lastSized(rest)
	if !ok {
		return errors.New("it is cut")
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
