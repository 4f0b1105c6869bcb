package badgerlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// checkTables verifies every table that the manifest names, index and blocks,
// before Badger opens it: on some damage Badger panics in a goroutine of its
// own, at Open or when it compacts, which nobody can catch.
func checkTables(dir string, manifest badger.Manifest) error {
	tables := slices.Sorted(maps.Keys(manifest.Tables))
	wrong := make([]error, len(tables))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), replayAhead) {
		all.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(tables)); n = next.Add(1) - 1 {
				path := table.NewFilename(tables[n], dir)
				if err := checkTable(path); err != nil {
					wrong[n] = fmt.Errorf("table %s: %w", filepath.Base(path), err)
				}
			}
		})
	}
	all.Wait()
	return errors.Join(wrong...)
}

var errCut = errors.New("it is cut")

// checkTable reads blocks, then the index that names them, its length 4, its
// checksum, that one's length 4.
func checkTable(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum, rest, ok := lastSized(b)
	if !ok {
		return errCut
	}
	raw, blocks, ok := lastSized(rest)
	if !ok || len(raw) == 0 { // zeros are an index of no bytes, soundly summed
		return errCut
	}
	if err := verify(raw, sum); err != nil {
		return err
	}
	index := fb.GetRootAsTableIndex(raw, 0)
	for n := range index.OffsetsLength() {
		var at fb.BlockOffset
		if !index.Offsets(&at, n) || uint64(at.Offset())+uint64(at.Len()) > uint64(len(blocks)) {
			return errCut
		}
		if err := checkBlock(blocks[at.Offset():][:at.Len()]); err != nil {
			return fmt.Errorf("block %d: %w", n, err)
		}
	}
	return nil
}

// checkBlock reads a block: entries and their index, checksum, its length 4.
func checkBlock(b []byte) error {
	sum, content, ok := lastSized(b)
	if !ok {
		return errCut
	}
	return verify(content, sum)
}

func verify(content, sum []byte) error {
	var want pb.Checksum
	if err := proto.Unmarshal(sum, &want); err != nil {
		return err
	}
	if want.Algo != pb.Checksum_CRC32C && want.Algo != pb.Checksum_XXHash64 {
		return errors.New("its checksum is of an unknown kind")
	}
	return y.VerifyChecksum(content, &want)
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
