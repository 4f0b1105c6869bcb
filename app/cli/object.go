package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// vantage is the branch and the cut that a command reads at.
type vantage struct{ branch, at string }

// flags adds the options that name a place.
func (w *vantage) flags(cmd *cobra.Command) {
	w.branchFlag(cmd)
	w.atFlag(cmd)
}

func (w *vantage) atFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.at, "at", "", "as of a cut: a checkpoint, an event (what its author had), or arrival:N")
}

func (w *vantage) branchFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.branch, "branch", "", "on this branch (default: main)")
}

// object is what the command line reads of any object.
type object struct {
	ObjectID  string `json:"object_id"`
	Kind      string `json:"kind"`
	Lifecycle string `json:"lifecycle"`
	State     string `json:"state"`
	Title     string `json:"title"`
	Name      string `json:"name"`
	// Unread says of fields that cannot be shown why: "gone" for one that was let go.
	Unread    map[string]string `json:"unread"`
	UpdatedAt time.Time         `json:"updated_at"`
	CreatedAt time.Time         `json:"created_at"`
	// Concurrent are the values that stand side by side, by field.
	Concurrent map[string][]struct {
		Value any    `json:"value"`
		Actor string `json:"actor"`
	} `json:"concurrent"`
	fields map[string]any
}

// called is what a person calls the object.
func (o object) called() string {
	switch {
	case o.Title != "":
		return o.Title
	case o.Name != "":
		return o.Name
	}
	return unnamed(o.ObjectID, o.Unread["title"] == "gone" || o.Unread["name"] == "gone")
}

// unnamed stands for the name of what has none, or none any more.
func unnamed(id string, gone bool) string {
	id = id[:min(len(id), shortID)]
	if gone {
		return "(gone) " + id
	}
	return id
}

// shortID is how many letters of an id are shown where there is no name.
const shortID = 8

// marked is the title or state with the sign that another value stands beside it.
func (o object) marked(field, text string) string {
	if n := len(o.Concurrent[field]); n > 1 {
		return fmt.Sprintf("%s  (%d values)", text, n)
	}
	return text
}

// objects reads the list of a kind; the answer comes with it.
func (p *program) objects(ctx context.Context, s *studio, kind, state string, w vantage) ([]object, document, error) {
	q := ask(s, s.Objects.List)
	q.Msg.Kind, q.Msg.State, q.Msg.Branch, q.Msg.At = kind, state, w.branch, w.at
	a, err := do(ctx, s.Objects.List, q)
	if err != nil {
		return nil, nil, err
	}
	d := documentOf(a)
	var all struct{ Objects []object }
	if err := decode(a, &all); err != nil {
		return nil, nil, err
	}
	for n, value := range d.get("objects").([]any) {
		all.Objects[n].fields, _ = value.(map[string]any)
	}
	return all.Objects, d, nil
}

// lists prints the objects of a kind: with --json under the name of the kind.
func (p *program) lists(ctx context.Context, kind string, w vantage, state string, row func([]object) ([]string, [][]string)) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	all, answer, err := p.objects(ctx, s, kind, state, w)
	if err != nil {
		return err
	}
	if p.json {
		return p.print(document{{kind + "s", answer.get("objects")}, {"read_frontier", answer.get("read_frontier")}})
	}
	heads, rows := row(all)
	return table(p.stdout, heads, rows)
}

// changing is one event about an object, as a command line says it.
type changing struct {
	kind, object, why, branch, state string
	set                              map[string]string
	add, remove                      map[string][]string
	done                             string // the sentence that is printed, with %s for what the object is called
}

// changes writes one event, and says so.
func (p *program) changes(ctx context.Context, c changing) error {
	s, err := p.openNew(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	q := ask(s, s.Objects.Change)
	m := q.Msg
	m.Type, m.Object, m.Why, m.Branch, m.State = c.kind, c.object, c.why, c.branch, c.state
	m.Set = map[string]*structpb.Value{}
	for field, text := range c.set {
		m.Set[field] = structpb.NewStringValue(text)
	}
	m.Add, m.Remove = textLists(c.add), textLists(c.remove)
	a, err := do(ctx, s.Objects.Change, q)
	if err != nil {
		return err
	}
	return p.answer(a, func(w io.Writer) error { return sayOf(w, a, "object", c.done) })
}

func textLists(all map[string][]string) map[string]*structpb.ListValue {
	lists := map[string]*structpb.ListValue{}
	for field, texts := range all {
		list := &structpb.ListValue{}
		for _, text := range texts {
			list.Values = append(list.Values, structpb.NewStringValue(text))
		}
		lists[field] = list
	}
	return lists
}

// sayOf writes a sentence about the object that an answer holds.
func sayOf(w io.Writer, answer proto.Message, member, sentence string) error {
	var all map[string]json.RawMessage
	if err := decode(answer, &all); err != nil {
		return err
	}
	var o object
	if err := json.Unmarshal(all[member], &o); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, sentence+"\n", visible(o.called()))
	return err
}

// assignments reads FIELD=VALUE, FIELD+=VALUE and FIELD-=VALUE.
func assignments(cmd *cobra.Command, args []string, into *changing) error {
	into.set, into.add, into.remove = map[string]string{}, map[string][]string{}, map[string][]string{}
	for _, arg := range args {
		field, value, found := strings.Cut(arg, "=")
		switch {
		case !found || strings.Trim(field, "+-") == "":
			return usage(cmd, fmt.Sprintf("%q is not FIELD=VALUE, FIELD+=VALUE or FIELD-=VALUE", arg))
		case strings.HasSuffix(field, "+"):
			field = strings.TrimSuffix(field, "+")
			into.add[field] = append(into.add[field], value)
		case strings.HasSuffix(field, "-"):
			field = strings.TrimSuffix(field, "-")
			into.remove[field] = append(into.remove[field], value)
		default:
			into.set[field] = value
		}
	}
	return nil
}

// group makes a command that is nothing without one of its own: alone it is a
// slip, and an unknown one is told with what is like it.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(cmd, args)
		}
		var names []string
		for _, sub := range cmd.Commands() {
			names = append(names, sub.Name())
		}
		return usage(cmd, cmd.Name()+" needs one of "+strings.Join(names, ", "))
	}
	return cmd
}

// completeObject completes the first argument with what objects of a kind are
// called. It starts no core: a TAB changes nothing.
func (p *program) completeObject(kind string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWait)
		defer cancel()
		s, err := p.openRunning(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer s.Close()
		all, _, err := p.objects(ctx, s, kind, "", vantage{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := make([]string, 0, len(all))
		for _, o := range all {
			names = append(names, cobra.CompletionWithDesc(visible(o.called()), visible(o.State)))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// say writes a line, with text of others made harmless.
func say(w io.Writer, line string, texts ...string) error {
	shown := make([]any, len(texts))
	for n, text := range texts {
		shown[n] = visible(text)
	}
	_, err := fmt.Fprintf(w, line+"\n", shown...)
	return err
}

// required says of options that a command is nothing without them.
func required(cmd *cobra.Command, names ...string) *cobra.Command {
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		for _, name := range names {
			if !cmd.Flags().Changed(name) {
				return usage(cmd, "--"+name+" is missing")
			}
		}
		if before != nil {
			return before(cmd, args)
		}
		return nil
	}
	return cmd
}
