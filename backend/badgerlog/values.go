package badgerlog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"atelier.dev/atelier/backend/fault"
)

// values is an append-only file of keys and values: CRC-32 4, key length 4,
// value length 4, key, value. It is written before SaveState returns but never
// synced: it survives a killed core, and a power cut may take its tail.
type values struct {
	mu   sync.Mutex
	file *os.File
	all  map[string][]byte
}

// openValues reads what was saved, and tells how many bytes at the end are no
// whole records. Those are dropped.
func openValues(path string) (v *values, cut int, err error) {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, 0, err
	}
	v = &values{all: map[string][]byte{}}
	end := v.read(old)
	if v.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600); err != nil {
		return nil, 0, err
	}
	cut = len(old) - end
	if end > compactValues {
		end = 0
	}
	if end == len(old) {
		return v, cut, nil
	}
	if err := v.file.Truncate(int64(end)); err != nil || end > 0 {
		return v, cut, err
	}
	for _, key := range slices.Sorted(maps.Keys(v.all)) {
		if _, err := v.file.Write(frameValue(key, v.all[key])); err != nil {
			return v, cut, err
		}
	}
	return v, cut, nil
}

// read takes whole records and returns where they end.
func (v *values) read(b []byte) int {
	at := 0
	for len(b)-at >= 12 {
		k, n := uint64(binary.BigEndian.Uint32(b[at+4:])), uint64(binary.BigEndian.Uint32(b[at+8:]))
		end := uint64(at) + 12 + k + n
		if end > uint64(len(b)) || crc32.ChecksumIEEE(b[at+4:end]) != binary.BigEndian.Uint32(b[at:]) {
			return at
		}
		v.set(string(b[at+12:at+12+int(k)]), slices.Clone(b[at+12+int(k):end]))
		at = int(end)
	}
	return at
}

func (v *values) set(key string, value []byte) {
	if len(value) == 0 {
		delete(v.all, key)
		return
	}
	v.all[key] = value
}

func frameValue(key string, value []byte) []byte {
	b := make([]byte, 4, 12+len(key)+len(value))
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	b = append(append(b, key...), value...)
	binary.BigEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

func (v *values) close() { v.file.Close() }

// SaveState keeps a small value outside the events; an empty value removes the
// key. It is written before it returns, in the order of the calls, not synced.
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
	if _, err := v.file.Write(frameValue(key, value)); err != nil {
		return l.failed(err)
	}
	v.set(key, slices.Clone(value))
	return nil
}

// LoadState returns what SaveState kept under key, or nil.
func (l *Log) LoadState(key string) []byte {
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	return slices.Clone(l.values.all[key])
}
