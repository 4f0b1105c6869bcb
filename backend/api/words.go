package api

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/studio"
)

// words turns the studio's nouns into messages.
type words struct {
	// peer gives a replica's chain its text.
	peer func(event.Chain) string
}

// text makes any bytes fit a message: arguments, folders and names of files need
// not be UTF-8, and an answer that cannot be encoded says nothing at all.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func texts(all []string) []string {
	valid := make([]string, len(all))
	for n, s := range all {
		valid[n] = text(s)
	}
	return valid
}

// idText is empty for an absent id.
func idText(id event.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func idTexts(ids []event.ID) []string {
	all := make([]string, len(ids))
	for n, id := range ids {
		all[n] = idText(id)
	}
	return all
}

// chain is a PeerID, or the id of the workspace for its control chain.
func (w words) chain(c event.Chain) string {
	switch {
	case c == "":
		return ""
	case len(c) == len(event.ID{}):
		return event.ID([]byte(c)).String()
	}
	return w.peer(c)
}

func (w words) heads(f studio.Frontier) []*atelierv1.Head {
	heads := make([]*atelierv1.Head, len(f))
	for n, h := range f {
		heads[n] = &atelierv1.Head{Chain: w.chain(h.Chain), Seq: h.Seq, EventId: idText(h.ID)}
	}
	return heads
}

func (w words) ack(a studio.Ack) *atelierv1.Ack {
	return &atelierv1.Ack{AckEventId: idText(a.Event), AckFrontier: w.heads(a.Frontier)}
}

// at is nil for a time that is not known.
func at(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

var actorKinds = map[event.ActorKind]string{event.Human: "human", event.Agent: "agent", event.Service: "service"}

var classes = map[event.Class]string{event.Causal: "causal", event.Control: "control"}

// surfaceOf reads the surface that a client says it is. Only a caller on the
// unix socket may be a command line or a window.
func surfaceOf(word string, owner bool) (event.Surface, error) {
	for _, s := range []event.Surface{event.SurfaceWeb, event.SurfaceAPI, event.SurfaceCLI, event.SurfaceWindow} {
		local := s == event.SurfaceCLI || s == event.SurfaceWindow
		if studio.SurfaceWord(s) == word && (owner || !local) {
			return s, nil
		}
	}
	mend := `say "web" or "api"`
	if owner {
		mend = `say "cli", "window", "web" or "api"`
	}
	return 0, fault.New(fault.InvalidArgument, "surface_unknown", "no client of this listener is a \""+text(word)+"\"", mend)
}
