package apiclient

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/fault"
	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
)

// dying is a home whose core reads a call and is gone.
func dying(t *testing.T) Home {
	t.Helper()
	h := Home{Socket: filepath.Join(t.TempDir(), "s")}
	listener, err := net.Listen("unix", h.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn)) // a core that dies has read what it has read
			conn.Close()
		}
	}()
	return h
}

// A call that may have been done is not to be sent again blindly.
func TestOutcomeOfAnUnansweredCall(t *testing.T) {
	c := newClient(dying(t), 0)
	defer c.Close()
	x, ctx := c.Executions, context.Background()
	for reason, calls := range map[string]map[string]error{
		"outcome_unknown": {
			"send":    second(x.Send(ctx, connect.NewRequest(&atelierv1.SendRequest{}))),
			"kill":    second(x.Kill(ctx, connect.NewRequest(&atelierv1.KillRequest{}))),
			"resize":  second(x.Resize(ctx, connect.NewRequest(&atelierv1.ResizeRequest{}))),
			"rename":  second(x.Rename(ctx, connect.NewRequest(&atelierv1.RenameRequest{}))),
			"control": second(x.Control(ctx, connect.NewRequest(&atelierv1.ControlRequest{}))),
		},
		"core_gone": {
			"start": second(x.Start(ctx, connect.NewRequest(&atelierv1.StartRequest{RequestKey: "k"}))),
			"list":  second(x.List(ctx, connect.NewRequest(&atelierv1.ListExecutionsRequest{}))),
		},
	} {
		for name, err := range calls {
			f := fault.Of(err)
			if f == nil || f.Reason != reason || f.Code != fault.Unavailable {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if again := strings.Contains(f.Mend, "send it again"); again == (reason == "outcome_unknown") {
				t.Errorf("%s: %s", name, f.Mend)
			}
		}
	}
}

func second[A any](_ A, err error) error { return err }
