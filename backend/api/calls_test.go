package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/gen/atelier/v1/atelierv1connect"
	"atelier.dev/atelier/backend/studio"
)

// E1 over the wire: each class, on each listener.
func TestClassesHoldOverUnixAndTCP(t *testing.T) {
	w := newWorld(t)
	base, _ := w.serve()
	bearer := w.bearer()
	for _, m := range methods() {
		method := string(m.Parent().FullName())[len("atelier.v1."):] + "/" + string(m.Name())
		content, body := "application/json", "{}"
		if m.IsStreamingServer() {
			content, body = "application/connect+json", envelope("{}")
		}
		if method == "ExecutionService/Watch" || method == "CoreService/Serve" {
			body = envelope("x") // admitted ones would hold; refused ones are refused before it is read
		}
		tcp := func(header ...string) answer {
			return ask(t, http.DefaultClient, "POST", base+"api/atelier.v1."+method, body, append(header, "Content-Type", content)...)
		}
		unix := ask(t, w.local, "POST", "http://core/api/atelier.v1."+method, body, "Content-Type", content)
		if a := tcp(); a.status != 401 || a.code != "unauthenticated" {
			t.Errorf("%s without a token: %d %s", method, a.status, a.body)
		}
		class := classOf(m)
		for name, a := range map[string]answer{"TCP": tcp("Authorization", "Bearer "+bearer), "unix": unix} {
			refused := ""
			switch {
			case class == atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_OWNER && name == "TCP":
				refused = "permission_denied"
			case class == atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_ACT && m.Name() != "OpenSession":
				refused = "unauthenticated"
			}
			if got := strings.Contains(a.body, `"code":"`+refused); refused != "" && !got {
				t.Errorf("%s over %s: not %s but %s", method, name, refused, a.body)
			}
			if denied := strings.Contains(a.body, "permission_denied") || strings.Contains(a.body, "unauthenticated"); refused == "" && denied {
				t.Errorf("%s over %s: %s", method, name, a.body)
			}
		}
	}
}

func TestSessionIsRead(t *testing.T) {
	w := newWorld(t)
	if a := w.call("ExecutionService/Kill", `{"execution":"x"}`, SessionHeader, session.String()); a.status != 200 {
		t.Errorf("%+v", a)
	}
	if a := w.call("ExecutionService/Kill", `{"execution":"x"}`, SessionHeader, anID.String()); a.status != 401 || !strings.Contains(a.body, "no such session") {
		t.Errorf("an unknown session: %+v", a)
	}
	if a := w.call("ExecutionService/List", `{}`, SessionHeader, "short"); a.code != "invalid_argument" {
		t.Errorf("no id: %+v", a)
	}
}

// Every write says as which event it is durable: the answer of each method that
// acts on an execution, however many there will be.
func TestEveryWriteIsAcknowledged(t *testing.T) {
	w, methods := newWorld(t), 0
	all := atelierv1.File_atelier_v1_execution_proto.Services().ByName("ExecutionService").Methods()
	for n := range all.Len() {
		if m := all.Get(n); classOf(m) == atelierv1.AuthorizationClass_AUTHORIZATION_CLASS_ACT {
			methods++
			a := w.call("ExecutionService/"+string(m.Name()), `{"execution":"x"}`, SessionHeader, session.String())
			if a.status != 200 || !strings.Contains(a.body, `"ackEventId":"`+anID.String()+`"`) || !strings.Contains(a.body, `"ackFrontier":[{`) {
				t.Errorf("%s answers %+v", m.Name(), a)
			}
		}
	}
	if methods < 7 {
		t.Errorf("only %d methods act", methods)
	}
}

func TestEveryCodeGoesOverTheWire(t *testing.T) {
	w := newWorld(t)
	for _, code := range fault.Codes() {
		w.studio.fail = fault.New(code, "r", "what", "do")
		a := w.call("ExecutionService/Kill", `{"execution":"x"}`, SessionHeader, session.String())
		if a.code != code.String() || a.status != httpStatus(code) {
			t.Errorf("%s: %d %s, ours says %d", code, a.status, a.body, httpStatus(code))
		}
	}
}

func TestTooLargeIsRefusedWithWhatToDo(t *testing.T) {
	w := newWorld(t)
	body := `{"argv":["` + strings.Repeat("a", 10<<20) + `"]}`
	header := []string{"Content-Type", "application/json", SessionHeader, session.String()}
	for name, reader := range map[string]io.Reader{"length": strings.NewReader(body), "chunks": struct{ io.Reader }{strings.NewReader(body)}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://core/api/atelier.v1.ExecutionService/Start", reader)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header[0], header[1])
		r.Header.Set(header[2], header[3])
		resp, err := w.local.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusTooManyRequests || !strings.Contains(string(b), "resource_exhausted") || !strings.Contains(string(b), "send less") {
			t.Errorf("%s: %d %.200s %v", name, resp.StatusCode, b, err)
		}
	}
	if len(w.studio.started) != 0 {
		t.Error("it was started")
	}
	// The control: what fits comes in.
	if a := w.call("ExecutionService/Start", `{"argv":["`+strings.Repeat("a", 4<<20-100)+`"]}`, SessionHeader, session.String()); a.status != 200 {
		t.Errorf("what fits: %d %.200s", a.status, a.body)
	}
}

func TestDefectIsToldAndTheCoreGoesOn(t *testing.T) {
	w := newWorld(t)
	a := w.call("ExecutionService/Wait", `{"execution":"panic"}`)
	if a.status != 500 || a.code != "internal" || strings.Contains(a.body, "planted") {
		t.Errorf("%+v", a)
	}
	if said := w.told(); !strings.Contains(said, "a planted defect") || !strings.Contains(said, "world_test.go") {
		t.Errorf("told %q", said)
	}
	// In the middle of a stream it is the stream's end that says so.
	pieces, err := w.client().Transcript(t.Context(), connect.NewRequest(&atelierv1.TranscriptRequest{Execution: "panic"}))
	if err != nil {
		t.Fatal(err)
	}
	defer pieces.Close()
	if !pieces.Receive() || pieces.Receive() || !strings.Contains(pieces.Err().Error(), "the core has a defect") {
		t.Errorf("a stream: %v", pieces.Err())
	}
	if a := w.call("CoreService/Status", "{}"); a.status != 200 {
		t.Errorf("after it: %+v", a)
	}
}

func (w *world) client() atelierv1connect.ExecutionServiceClient {
	return atelierv1connect.NewExecutionServiceClient(w.local, "http://core/api")
}

func TestStreamEndsWithTheCore(t *testing.T) {
	w := newWorld(t)
	lists, err := w.client().Watch(t.Context(), connect.NewRequest(&atelierv1.ListExecutionsRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	defer lists.Close()
	if !lists.Receive() {
		t.Fatalf("no list: %v", lists.Err())
	}
	<-w.studio.holding
	go w.close()
	if lists.Receive() || connect.CodeOf(lists.Err()) != connect.CodeUnavailable {
		t.Errorf("ended with %v", lists.Err())
	}
}

func TestCallEndsWithItsCaller(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := w.client().Wait(ctx, connect.NewRequest(&atelierv1.WaitRequest{Execution: "hold"}))
		done <- err
	}()
	<-w.studio.holding
	cancel()
	if err := <-done; connect.CodeOf(err) != connect.CodeCanceled {
		t.Errorf("%v", err)
	}
	gone := make(chan struct{})
	go func() { w.server.calls.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(patience):
		t.Error("the call goes on without its caller")
	}
}

func TestStopIsAnswered(t *testing.T) {
	w := newWorld(t)
	if a := w.call("CoreService/Stop", "{}"); a.status != 200 || w.stops != 1 {
		t.Errorf("%+v, %d stops", a, w.stops)
	}
}

func TestNoCallAfterTheEnd(t *testing.T) {
	w := newWorld(t)
	w.close()
	if w.server.begin() {
		t.Error("a call began after Close")
	}
	if err := w.server.ListenLocal(func() error { return nil }); err != nil {
		t.Fatal(err) // it may listen, but answers nothing
	}
	if _, err := w.local.Get("http://core/api/"); err == nil {
		t.Error("it answers after Close")
	}
}

func TestWatchSendsChangesToWhoAsksForThem(t *testing.T) {
	for _, changes := range []bool{true, false} {
		w := newWorld(t)
		w.studio.started = append(w.studio.started, studio.StartRequest{Argv: []string{"sh"}}, studio.StartRequest{Argv: []string{"sh"}})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		lists, err := w.client().Watch(ctx, connect.NewRequest(&atelierv1.ListExecutionsRequest{Changes: changes}))
		if err != nil {
			t.Fatal(err)
		}
		defer lists.Close()
		if !lists.Receive() || lists.Msg().GetPartial() || len(lists.Msg().GetExecutions()) != 2 {
			t.Errorf("first came %v, %v", lists.Msg(), lists.Err())
		}
		if changes && (!lists.Receive() || !lists.Msg().GetPartial() || len(lists.Msg().GetExecutions()) != 1 || len(lists.Msg().GetReadFrontier()) == 0) {
			t.Errorf("then came %v, %v", lists.Msg(), lists.Err())
		}
		<-w.studio.holding
	}
}
