package event

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"atelier.dev/atelier/backend/fault"
)

var base32Text = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String returns the id as 52 characters of lower-case base32.
func (id ID) String() string { return base32Text.EncodeToString(id[:]) }

// IsZero reports whether the id is absent.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads the full text of an id. Only the form that String writes is
// taken, so that one id has one text.
func ParseID(text string) (ID, error) {
	var id ID
	raw, err := base32Text.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return ID{}, badID(text)
	}
	copy(id[:], raw)
	if id.String() != text {
		return ID{}, badID(text)
	}
	return id, nil
}

func badID(text string) error {
	if len(text) > shownIDBytes {
		text = text[:shownIDBytes] + "…"
	}
	return fault.New(fault.InvalidArgument, "id_malformed",
		"\""+text+"\" is not an id", "give the 52 letters and digits of an id, or a part of at least 6 from its start")
}

// PrefixRange returns the lowest and highest id whose text begins with prefix.
// It refuses a prefix shorter than MinPrefix or with a foreign character.
func PrefixRange(prefix string) (low, high ID, err error) {
	if len(prefix) < MinPrefix || len(prefix) > idTextBytes || strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return ID{}, ID{}, badID(prefix)
	}
	for i := range prefix {
		v := byte(strings.IndexByte("abcdefghijklmnopqrstuvwxyz234567", prefix[i]))
		setFive(&low, i, v)
	}
	high = low
	for i := len(prefix) * 5; i < len(high)*8; i++ {
		high[i/8] |= 0x80 >> (i % 8)
	}
	return low, high, nil
}

func setFive(id *ID, at int, v byte) {
	for bit := range 5 {
		pos := at*5 + bit
		if v&(0x10>>bit) != 0 && pos < len(id)*8 {
			id[pos/8] |= 0x80 >> (pos % 8)
		}
	}
}

// Derived returns the id of an object that genesis creates under a fixed name:
// SHA-256 of the genesis id followed by the name ("human", "system", "main").
func Derived(genesis ID, name string) ID {
	return sha256.Sum256(append(genesis[:], name...))
}
