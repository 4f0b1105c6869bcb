package studio

import (
	"testing"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
)

// A session is named like everything else: by its id, or by letters that only
// its id begins with.
func TestASessionIsNamedByThePartThatOnlyItHas(t *testing.T) {
	w := newWorld(t)
	cli := w.caller(event.SurfaceCLI)
	id, _ := w.run(cli, "x")
	whole := cli.Session.String()
	for _, text := range []string{whole, whole[:event.MinPrefix], whole[:20]} {
		if c, err := w.Caller(text); err != nil || c != cli {
			t.Errorf("%q is %v, %v", text, c.Session, err)
		}
	}
	for text, reason := range map[string]string{
		whole[:event.MinPrefix-1]: "id_malformed", "no id of ours": "id_malformed", whole[:20] + "1": "id_malformed",
		id.String(): "session_unknown", id.String()[:10]: "session_unknown",
	} {
		if _, err := w.Caller(text); !fault.Is(err, reason) {
			t.Errorf("%q: %v, want %s", text, err, reason)
		}
	}
}
