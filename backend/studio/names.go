package studio

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// valid makes text that can be kept and shown: what is no UTF-8 is replaced.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// checkName refuses a name that no terminal has.
func checkName(name string) error { return checkLine("a terminal", name) }

// checkLine refuses a name that could not be shown in a line, or not told from an option.
func checkLine(what, name string) error {
	bad := func(why string) error {
		return fault.New(fault.InvalidArgument, "name_bad", what+" cannot be named so: "+why, "give another name")
	}
	switch {
	case strings.TrimSpace(name) == "":
		return bad("the name is empty")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable):
		return bad("it has characters that cannot be shown")
	case utf8.RuneCountInString(name) > nameMax:
		return bad(fmt.Sprintf("it has more than %d characters", nameMax))
	case strings.HasPrefix(name, "-"):
		return bad("it begins with a dash")
	case strings.TrimSpace(name) != name:
		return bad("it begins or ends with a space")
	}
	return nil
}

// unprintable finds controls, and the marks that turn the direction of a line.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Bidi_Control, r)
}

// birthName is the name that a new terminal gets. The caller holds naming.
func (s *Studio) birthName(asked string, l Launch) (string, error) {
	if asked != "" {
		if err := checkName(asked); err != nil {
			return "", err
		}
		return asked, s.free(asked, event.ID{})
	}
	base := nameOf(l)
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		if s.free(name, event.ID{}) == nil {
			return name, nil
		}
	}
}

// free refuses a name that another terminal has.
func (s *Studio) free(name string, but event.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own, known := s.fold.Execution(but); s.fold.NameInUse(name) && !(known && slices.Contains(own.Names(), name)) {
		return fault.New(fault.AlreadyExists, "name_taken", fmt.Sprintf("another terminal is named %q", name), "give another name, or rename that one first")
	}
	return nil
}

// nameOf makes a readable name of command and folder, for example "make-atelier".
func nameOf(l Launch) string {
	words := []string{wordOf(filepath.Base(l.Argv[0])), wordOf(filepath.Base(l.Cwd))}
	name := strings.Trim(strings.Join(words, "-"), "-")
	if name == "" {
		return "terminal"
	}
	return name
}

// wordOf keeps what can stand in a name that is typed on a command line.
func wordOf(text string) string {
	var out strings.Builder
	for _, r := range valid(text) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '.', r == '_', r == '+':
			out.WriteRune(r)
		default:
			out.WriteByte('-')
		}
		if utf8.RuneCountInString(out.String()) >= birthNameMax {
			break
		}
	}
	return strings.Trim(out.String(), "-.")
}

// Rename gives an execution another name. Reasons: name_bad, name_taken,
// execution_unknown, execution_ambiguous.
func (s *Studio) Rename(ctx context.Context, c Caller, ref, name string) (event.ID, Ack, error) {
	se, id, err := s.named(c, ref)
	if err == nil {
		err = checkName(name)
	}
	if err != nil {
		return id, Ack{}, err
	}
	s.naming.Lock()
	defer s.naming.Unlock()
	if err := s.free(name, id); err != nil {
		return id, Ack{}, err
	}
	e, err := s.write(ctx, se, event.Draft{Type: event.ExecutionRenamedType, Affected: []event.ID{id},
		Facts: event.Facts{Fields: []string{"name"}}, Body: encode(&event.ExecutionRenamed{Name: name})}, append(se.basis(id), id)...)
	if err != nil {
		return id, Ack{}, err
	}
	ack, err := s.ack(c, e.ID)
	return id, ack, err
}

// named resolves the object of a command that acts.
func (s *Studio) named(c Caller, ref string) (*session, event.ID, error) {
	se, err := s.acted(c)
	if err != nil {
		return nil, event.ID{}, err
	}
	id, err := s.resolve(ref)
	return se, id, err
}

func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
