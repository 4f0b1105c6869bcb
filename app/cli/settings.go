package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"atelier.dev/atelier/backend/fault"
)

// prefixVariable names the prefix key for one call; it goes before the settings.
const prefixVariable = "ATELIER_PREFIX_KEY"

// settings is what the command line reads of settings.toml. Other surfaces keep
// theirs in the same file.
type settings struct {
	Attach struct {
		// PrefixKey stands before d (detach) and t (take the keyboard).
		PrefixKey string `toml:"prefix_key"`
	} `toml:"attach"`
}

// readSettings reads the settings of a home; there need not be any.
func readSettings(path string) (settings, error) {
	var s settings
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, broken(path, "", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, settingsMax))
	if err != nil {
		return s, broken(path, "", err)
	}
	err = toml.Unmarshal(text, &s)
	var at *toml.DecodeError
	if errors.As(err, &at) {
		line, _ := at.Position()
		return s, broken(path, fmt.Sprintf(", line %d", line), err)
	}
	if err != nil {
		return s, broken(path, "", err)
	}
	return s, nil
}

func broken(path, where string, err error) error {
	return fault.Wrap(err, fault.FailedPrecondition, "settings_broken", "cannot read "+path+where,
		"correct that line, or remove the file").With("path", path)
}

// prefixKey returns the byte that the prefix key sends, and its name.
func prefixKey(path string) (key byte, name string, err error) {
	s, err := readSettings(path)
	if err != nil {
		return 0, "", err
	}
	name = s.Attach.PrefixKey
	if told := os.Getenv(prefixVariable); told != "" {
		name = told
	}
	if name == "" {
		name = `ctrl-\`
	}
	key, known := controlKey(name)
	if !known {
		return 0, "", fault.New(fault.FailedPrecondition, "settings_broken", fmt.Sprintf("there is no prefix key %q", name),
			`use one of ctrl-a to ctrl-z, ctrl-\, ctrl-], ctrl-^ or ctrl-_`)
	}
	return key, "Ctrl-" + name[len("ctrl-"):], nil
}

// controlKey is the byte of a key held with Ctrl.
func controlKey(name string) (byte, bool) {
	letter, is := strings.CutPrefix(strings.ToLower(name), "ctrl-")
	if !is || len(letter) != 1 {
		return 0, false
	}
	c := letter[0] &^ 0x20 // upper case
	if letter[0] < 'a' || letter[0] > 'z' {
		c = letter[0]
	}
	// Ctrl-[ is Escape and Ctrl-@ is empty: neither can be a prefix.
	return c & 0x1f, c >= 'A' && c <= 'Z' || strings.ContainsRune(`\]^_`, rune(c))
}
