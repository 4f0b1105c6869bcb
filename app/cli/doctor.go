package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
)

// finding is one thing that doctor looked at; level is ok, warning or failed.
type finding struct {
	Name    string `json:"name"`
	Level   string `json:"level"`
	Message string `json:"message"`
	Mend    string `json:"mend"`
}

func (f finding) document() document {
	return document{{"name", f.Name}, {"level", f.Level}, {"message", f.Message}, {"mend", f.Mend}}
}

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Tell what works on this machine and what does not, with the mend",
		Long: "Looks at the programs, the settings, the display and all that the core needs, and says what to do\n" +
			"about what does not work. Exits 1 when something failed.",
		Example: "atelier doctor",
		Args:    wants(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.doctor(cmd.Context()) },
	}
}

func (p *program) doctor(ctx context.Context) error {
	h, err := home.Resolve(p.home)
	if err != nil {
		return err
	}
	p.soon = true
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	a, err := do(ctx, s.Core.Doctor, ask(s, s.Core.Doctor))
	if err != nil {
		return err
	}
	var core struct {
		Findings []finding
		Sizes    []kindSize
	}
	if err := decode(a, &core); err != nil {
		return err
	}
	all := append(ourFindings(h), core.Findings...)
	if p.json {
		list := make([]any, 0, len(all))
		for _, f := range all {
			list = append(list, f.document())
		}
		err = p.print(document{{"findings", list}, {"sizes", documentOf(a).get("sizes")}, {"read_frontier", documentOf(a).get("read_frontier")}})
	} else {
		err = errors.Join(tellFindings(p.stdout, all), tellSizes(p.stdout, core.Sizes))
	}
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.Level == "failed" {
			return fault.New(fault.Unknown, "doctor", "not all works on this machine", "do what stands beside what failed")
		}
	}
	return nil
}

// kindSize is what one kind of thing takes.
type kindSize struct {
	Kind         string
	Count, Bytes uint64
}

// tellSizes says what the home keeps, so that nothing grows unseen.
func tellSizes(w io.Writer, all []kindSize) error {
	rows := make([][]string, 0, len(all))
	for _, s := range all {
		rows = append(rows, []string{s.Kind, fmt.Sprint(s.Count), size(s.Bytes)})
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return table(w, []string{"KEPT", "COUNT", "SIZE"}, rows)
}

// ourFindings are what the command line itself needs.
func ourFindings(h home.Home) []finding {
	var all []finding
	for _, name := range []string{"atelier-core", "atelier-shim", "atelier-window"} {
		if path, err := sibling(name); err != nil {
			all = append(all, found(name, err))
		} else {
			all = append(all, finding{Name: name, Level: "ok", Message: path})
		}
	}
	all = append(all, settingsFinding(h.Settings()))
	for _, name := range []string{"log", "spool"} {
		all = append(all, openFinding(filepath.Join(h.Data, name))...)
	}
	if !hasDisplay(os.Getenv) {
		all = append(all, finding{Name: "window", Level: "warning", Message: "there is no display",
			Mend: "`atelier serve` shows the same in a browser"})
	}
	return all
}

func settingsFinding(path string) finding {
	if _, _, err := prefixKey(path); err != nil {
		return found("settings", err)
	}
	if _, err := os.Lstat(path); err != nil {
		return finding{Name: "settings", Level: "ok", Message: "all as it comes: there is no " + path}
	}
	return finding{Name: "settings", Level: "ok", Message: path}
}

// openFinding tells a folder that others may enter. The one above it is closed, but
// what is copied or moved out of there is open.
func openFinding(path string) []finding {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return nil // one that is missing or unreadable the core tells
	}
	return []finding{{Name: filepath.Base(path) + "-folder", Level: "warning",
		Message: fmt.Sprintf("%s has mode %o: other users may enter it", path, info.Mode().Perm()), Mend: "close it with `chmod 700 " + quoted(path) + "`"}}
}

func found(name string, err error) finding {
	f := fault.Of(err)
	return finding{Name: name, Level: "failed", Message: f.Message, Mend: f.Mend}
}

func tellFindings(w io.Writer, all []finding) error {
	for _, f := range all {
		text := fmt.Sprintf("%-8s %-15s %s", f.Level, f.Name, f.Message)
		if f.Mend != "" && f.Level != "ok" {
			text += "; " + f.Mend
		}
		if _, err := fmt.Fprintln(w, visible(text)); err != nil {
			return err
		}
	}
	return nil
}
