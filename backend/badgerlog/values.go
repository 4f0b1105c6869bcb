package badgerlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"os"
	"slices"
	"sync"

	"atelier.dev/atelier/backend/fault"
)

// values is an append-only file of keys and values: CRC-32 4, key length 4,
// value length 4, key, value. It is written before SaveState returns but not
// synced: it survives a killed core, and a power cut may take its tail. Once
// most of it is outdated, a new and synced file takes its place.
type values struct {
	mu   sync.Mutex
	path string
	file *os.File
	all  map[string][]byte
	size int // of the file
	live int // what all takes of it
}

// openValues reads what was saved, and tells how many bytes at the end are no
// whole records. Those are dropped, unless the file is only inspected.
func openValues(path string, inspect bool) (v *values, cut int, err error) {
	old, err := readRegular(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, 0, err
	}
	v = &values{path: path, all: map[string][]byte{}}
	v.size = v.read(old)
	cut = len(old) - v.size
	if inspect {
		return v, cut, nil
	}
	if err := dropUnfinished(path); err != nil {
		return nil, 0, err
	}
	if cut > 0 || v.outdated() {
		return v, cut, v.rewrite()
	}
	v.file, err = openRegular(path, os.O_RDWR|os.O_CREATE|os.O_APPEND)
	return v, cut, err
}

// outdated tells whether a new file would be worth it: it then takes at most
// as many bytes as were appended since the last, whatever is kept.
func (v *values) outdated() bool { return v.size > compactValues && v.size > 2*v.live }

// rewrite makes a file of the newest values alone.
func (v *values) rewrite() error {
	whole := make([]byte, 0, v.live)
	for _, key := range slices.Sorted(maps.Keys(v.all)) {
		whole = append(whole, frameValue(key, v.all[key])...)
	}
	file, err := replaceFile(v.path, whole)
	if err != nil {
		return err
	}
	v.close()
	v.file, v.size = file, len(whole)
	return nil
}

// write appends one value, in force when it returns.
func (v *values) write(key string, value []byte) error {
	n, err := v.file.Write(frameValue(key, value))
	if err != nil {
		return err
	}
	v.size += n
	v.set(key, value)
	if v.outdated() {
		return v.rewrite()
	}
	return nil
}

// read takes whole records and returns where they end.
func (v *values) read(b []byte) int {
	at := 0
	for len(b)-at >= valueFrame {
		k, n := uint64(binary.BigEndian.Uint32(b[at+4:])), uint64(binary.BigEndian.Uint32(b[at+8:]))
		end := uint64(at) + valueFrame + k + n
		if end > uint64(len(b)) || crc32.ChecksumIEEE(b[at+4:end]) != binary.BigEndian.Uint32(b[at:]) {
			return at
		}
		content := b[at+valueFrame : end]
		v.set(string(content[:k]), slices.Clone(content[k:]))
		at = int(end)
	}
	return at
}

func (v *values) set(key string, value []byte) {
	if old, kept := v.all[key]; kept {
		v.live -= frameSize(key, old)
		delete(v.all, key)
	}
	if len(value) > 0 {
		v.live += frameSize(key, value)
		v.all[key] = value
	}
}

func frameSize(key string, value []byte) int { return valueFrame + len(key) + len(value) }

func frameValue(key string, value []byte) []byte {
	b := make([]byte, 4, frameSize(key, value))
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	b = append(append(b, key...), value...)
	binary.BigEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

func (v *values) close() {
	if v.file != nil {
		v.file.Close()
	}
}

// SaveState keeps a small value outside the events; an empty value removes the
// key. It is written before it returns, in the order of the calls, not synced.
// A value that is kept already is not written again.
func (l *Log) SaveState(key string, value []byte) error {
	if key == "" || len(key)+len(value) > maxValue {
		return fault.New(fault.InvalidArgument, "value_size", "a saved value has a key and at most 1 MiB", "save less")
	}
	if err := l.refuseIfReadOnly(); err != nil {
		return err
	}
	v := l.values
	v.mu.Lock()
	defer v.mu.Unlock()
	if bytes.Equal(v.all[key], value) {
		return nil
	}
	if err := v.write(key, slices.Clone(value)); err != nil {
		return l.failed(err)
	}
	return nil
}

// LoadState returns what SaveState kept under key, or nil.
func (l *Log) LoadState(key string) []byte {
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	return slices.Clone(l.values.all[key])
}
