package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

// prefixVariable names the prefix key for one call; it goes before the settings.
const prefixVariable = "ATELIER_PREFIX_KEY"

// settings is all that settings.toml may hold: what is not here is misspelt.
type settings struct {
	Attach struct {
		// PrefixKey stands before d (detach) and t (take the keyboard).
		PrefixKey string `toml:"prefix_key"`
	} `toml:"attach"`
}

// knownSettings are the names in settings by section, for who misspells one.
var knownSettings = map[string][]string{"attach": {"prefix_key"}}

func noKey(name string) string { return fmt.Sprintf("there is no prefix key %q", name) }

const someKeys = `ctrl-a to ctrl-z, ctrl-\, ctrl-], ctrl-^ or ctrl-_`

// readSettings reads the settings of a home; there need not be any.
func readSettings(path string) (settings, error) {
	var s settings
	text, err := settingsText(path)
	if err != nil {
		return s, broken(path, "", err)
	}
	err = toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&s)
	var at *toml.DecodeError
	var strange *toml.StrictMissingError
	switch {
	case err == nil:
		return s, badValue(path, text, s)
	case errors.As(err, &strange) && len(strange.Errors) > 0:
		at = &strange.Errors[0]
	case !errors.As(err, &at):
		return s, broken(path, "", err)
	}
	line, _ := at.Position()
	if strange != nil {
		err = misspelt(at.Key(), strings.Split(string(text), "\n")[line-1])
	}
	return s, broken(path, fmt.Sprintf(", line %d", line), err)
}

// badValue names the line of a value that is none.
func badValue(path string, text []byte, s settings) error {
	name := s.Attach.PrefixKey
	if _, known := controlKey(name); known || name == "" {
		return nil
	}
	where := ""
	for n, line := range strings.Split(string(text), "\n") {
		if setting, _, is := strings.Cut(line, "="); is && strings.Contains(setting, "prefix_key") {
			where = fmt.Sprintf(", line %d", n+1)
		}
	}
	return broken(path, where, errors.New(noKey(name)+", only "+someKeys))
}

// settingsText is what the file holds: nothing when there is none, nor a folder
// for it.
func settingsText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		if _, outside := os.Stat(filepath.Dir(path)); outside != nil {
			return nil, nil // the home is not ours to enter: the core says so
		}
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, settingsMax+1))
	if err == nil && len(text) > settingsMax {
		err = fmt.Errorf("it is longer than %s", size(settingsMax))
	}
	return text, err
}

// misspelt names a setting or section that does not exist, and one like it.
func misspelt(key toml.Key, line string) error {
	section, name := key[0], key[len(key)-1]
	what, like := fmt.Sprintf("there is no setting %q", name), ""
	names, known := knownSettings[section]
	switch {
	case known:
		what, like = what+" in ["+section+"]", nearest(name, names)
	case len(key) > 1 || strings.HasPrefix(strings.TrimSpace(line), "["):
		what, like = "there is no section ["+section+"]", nearest(section, keysOf(knownSettings))
	}
	if like != "" {
		what += fmt.Sprintf(", did you mean %s?", like)
	}
	return errors.New(what)
}

func broken(path, where string, err error) error {
	mend := "correct that line, or remove the file"
	if where == "" {
		mend = "see what it is, or remove it"
	}
	return fault.Wrap(err, fault.FailedPrecondition, "settings_broken", "cannot use "+path+where, mend).With("path", path)
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
		return 0, "", fault.New(fault.FailedPrecondition, "settings_broken", noKey(name)+", as "+prefixVariable+" says", "name one of "+someKeys)
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

// needsSettings marks the commands that start nothing while the settings are broken.
const needsSettings = "settings"

// settingsFirst tells of broken settings before a command works: what would start
// or show a program is refused, since it might act on another key than was meant;
// all others go on, or nobody could end one meanwhile.
func (p *program) settingsFirst(cmd *cobra.Command, _ []string) error {
	if ofNoHome(cmd) {
		return nil
	}
	h, err := home.Resolve(p.home)
	if err != nil {
		return nil //nolint:nilerr // the command itself says it
	}
	_, _, err = prefixKey(h.Settings())
	if err == nil || cmd.Annotations[needsSettings] != "" {
		return err
	}
	fmt.Fprintln(p.stderr, "atelier: "+visible(fault.Of(err).Error()))
	return nil
}

// ofNoHome are the commands that read no home, and doctor, which tells it in its list.
func ofNoHome(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "completion", "help", "man", "version", "doctor", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
		return true
	}
	return false
}
