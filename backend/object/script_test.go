package object

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"atelier.dev/atelier/backend/event"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts print anew")

// story runs a script of testdata/branches: one command a line, and what it
// prints indented below it. Authors have seen all that their branch shows.
//
//	fork NAME from BRANCH
//	write NAME on BRANCH [to FIELD]...
//	checkpoint NAME on BRANCH
//	promote NAME from BRANCH into BRANCH at CHECKPOINT by STRATEGY [choosing FIELD=EVENT]...
//	abandon BRANCH
//	undo NAME on BRANCH of EVENT
//	show [at CHECKPOINT]
type story struct {
	*grove
	branches []event.ID
	states   map[event.ID]State
	on       map[event.ID]event.ID // of a checkpoint, the branch
	cuts     map[event.ID]ids
	said     []Compensation
	moved    []Displacement
}

func TestStoriesOfBranches(t *testing.T) {
	files, err := filepath.Glob("testdata/branches/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatal(len(files), "stories were found", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			main := named("main")
			s := &story{newGrove(t), []event.ID{main}, map[event.ID]State{main: BranchOpen}, map[event.ID]event.ID{}, map[event.ID]ids{}, nil, nil}
			var told strings.Builder
			for line := range strings.Lines(string(text)) {
				if strings.HasPrefix(line, "    ") {
					continue
				}
				told.WriteString(line)
				for _, said := range s.run(strings.Fields(line)) {
					fmt.Fprintf(&told, "    %s\n", strings.TrimRight(said, " "))
				}
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(told.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if told.String() != string(text) {
				t.Errorf("it is told as\n%s", told.String())
			}
		})
	}
}

func (s *story) run(words []string) []string {
	s.t.Helper()
	if len(words) == 0 || words[0] == "#" {
		return nil
	}
	given := func(n int) event.ID { return named(words[n]) }
	switch words[0] {
	case "fork":
		s.branches = append(s.branches, s.fork(words[1], given(3), s.saw(given(3), s.all()), s.all()))
		s.states[given(1)] = BranchOpen
	case "write":
		s.work(words[1], given(3), fieldsIn(words[4:])...)
	case "undo":
		s.said = append(s.said, Compensation{s.work(words[1], given(3)).ID, []event.ID{given(5)}})
	case "checkpoint":
		s.on[given(1)], s.cuts[given(1)] = given(3), s.all()
	case "abandon":
		s.states[given(1)] = BranchAbandoned
	case "promote":
		return s.promote(words)
	case "show":
		cut := s.all()
		if len(words) == 3 {
			cut = s.cuts[given(2)]
		}
		return s.show(cut)
	default:
		s.t.Fatalf("there is no command %q", words)
	}
	return nil
}

func fieldsIn(words []string) (at []Place) {
	for n := 0; n+1 < len(words); n += 2 {
		at = append(at, Place{named("doc"), words[n+1]})
	}
	return at
}

// promote gathers the facts of a promotion as of now, rules it and joins.
func (s *story) promote(words []string) []string {
	name, source, target, k, strategy := words[1], named(words[3]), named(words[5]), named(words[7]), words[9]
	p := Promotion{Source: source, Target: target, Checkpoint: k, Strategy: Strategy(strategy), ProposedOn: s.on[k], HoldsSource: source == named("main") || s.cuts[k][source],
		SourceState: Stated{s.states[source], source}, TargetState: Stated{s.states[target], target}, CheckpointState: Stated{"finalized", k}}
	for n := 11; n < len(words); n += 2 {
		field, by, _ := strings.Cut(words[n], "=")
		p.Choices = append(p.Choices, Write{Place{named("doc"), field}, named(by)})
	}
	from, into := ids{}, s.saw(target, s.all())
	if p.HoldsSource {
		from = s.saw(source, s.cuts[k])
	}
	for _, e := range s.events {
		if into[e.ID] && !from[e.ID] && !Everywhere(e.Header.Type) {
			p.Ahead = append(p.Ahead, e.ID)
		}
	}
	var err error
	if p.Differs, err = Differences(projection{s.grove, from}, projection{s.grove, into}, s.grove); err != nil {
		s.t.Fatal(err)
	}
	ruling := p.Rule()
	if len(ruling.Refusals) > 0 {
		var said []string
		for _, f := range ruling.Refusals {
			said = append(said, fmt.Sprintf("refused: %s %s: %s", f.Reason, s.called(f), f.Message))
		}
		return said
	}
	s.join(name, source, target, from.and(into), s.cuts[k])
	if source != named("main") {
		s.states[source] = BranchMerged
	}
	s.moved = append(s.moved, Displacement{named(name), ruling.Writes, ruling.Displaced})
	said := []string{"done"}
	for _, w := range ruling.Writes {
		said = append(said, fmt.Sprintf("writes %s=%s", w.Field, s.names[w.Event]))
		s.wrote[named(name)] = append(s.wrote[named(name)], w.Place)
	}
	for _, w := range ruling.Displaced {
		said = append(said, fmt.Sprintf("displaces %s=%s", w.Field, s.names[w.Event]))
	}
	return said
}

// called names the facts and fields of a refusal.
func (s *story) called(f Refusal) string {
	var names []string
	for _, id := range f.Events {
		for _, e := range slices.Concat(slices.Collect(maps.Keys(s.names)), slices.Collect(maps.Keys(s.on))) {
			if e == id {
				names = append(names, s.name(id))
			}
		}
	}
	for _, at := range f.Places {
		names = append(names, at.Field)
	}
	slices.Sort(names)
	return "(" + strings.Join(slices.Compact(names), " ") + ")"
}

// values are what stands at a field. The value of a promotion is that of the event
// it chose.
func (s *story) values(stands projection, field string) (all []string) {
	for _, id := range stands.Standing(named("doc"), field) {
		for n := 0; n < len(s.moved); n++ {
			if s.moved[n].Record != id {
				continue
			}
			at := slices.IndexFunc(s.moved[n].Writes, func(w Write) bool { return w.Field == field })
			id, n = s.moved[n].Writes[at].Event, -1
		}
		all = append(all, s.names[id])
	}
	slices.Sort(all)
	return all
}

func (s *story) name(id event.ID) string {
	if name := s.names[id]; name != "" {
		return name
	}
	return "the checkpoint"
}

// show prints what each branch of a cut shows, and how each event of work stands.
func (s *story) show(cut ids) []string {
	var said []string
	for _, branch := range s.branches {
		if branch != named("main") && !cut[branch] {
			continue
		}
		shown, line := s.shown(branch, cut), fmt.Sprintf("%-12s", s.names[branch]+":")
		for _, e := range s.events {
			if shown[e.ID] && !Everywhere(e.Header.Type) {
				line += " " + s.names[e.ID]
			}
		}
		said = append(said, line)
		stands := projection{s.grove, s.saw(branch, cut)}
		for _, field := range stands.Keys(named("doc")) {
			said = append(said, fmt.Sprintf("  %-10s %s", field, strings.Join(s.values(stands, field), " | ")))
		}
	}
	for _, e := range s.events {
		if cut[e.ID] && !Everywhere(e.Header.Type) {
			said = append(said, fmt.Sprintf("%-12s %s", s.names[e.ID], s.lifecycle(e, cut, s.branches, s.states, s.said, s.moved)))
		}
	}
	return said
}
