package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"atelier.dev/atelier/backend/fault"
)

// exits is the contract of the manual: one status per code, all sixteen.
var exits = map[string]int{
	"canceled": 1, "unknown": 1, "invalid_argument": 2, "deadline_exceeded": 6,
	"not_found": 3, "already_exists": 5, "permission_denied": 4, "resource_exhausted": 4,
	"failed_precondition": 5, "aborted": 5, "out_of_range": 2, "unimplemented": 2,
	"internal": 1, "unavailable": 6, "data_loss": 7, "unauthenticated": 4,
}

func TestEveryCodeHasWordAndExitStatus(t *testing.T) {
	codes := fault.Codes()
	if len(codes) != len(exits) {
		t.Fatalf("%d codes, the contract has %d", len(codes), len(exits))
	}
	for _, c := range codes {
		back, ok := fault.ParseCode(c.String())
		if !ok || back != c {
			t.Errorf("code %d: word %q does not lead back", c, c)
		}
		if want, ok := exits[c.String()]; !ok || c.ExitStatus() != want {
			t.Errorf("%s exits %d, want %d", c, c.ExitStatus(), want)
		}
	}
}

func TestUnknownCodeIsNamedByNumber(t *testing.T) {
	if _, ok := fault.ParseCode("code_99"); ok {
		t.Error("a code that does not exist was parsed")
	}
	if got := fault.Code(99).String(); got != "code_99" {
		t.Errorf("got %q", got)
	}
}

func TestTextSaysWhatAndWhatToDo(t *testing.T) {
	err := fault.New(fault.NotFound, "execution_unknown", "there is no terminal named build", "see `atelier ps`")
	if got, want := err.Error(), "there is no terminal named build; see `atelier ps`"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrapKeepsCause(t *testing.T) {
	cause := errors.New("no space left on device")
	err := fault.Wrap(cause, fault.Unknown, "read_only", "cannot write the log", "free some space")
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if got, want := err.Error(), "cannot write the log: no space left on device; free some space"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOfFindsTheFaultBeneath(t *testing.T) {
	inner := fault.New(fault.Aborted, "epoch_old", "an older turn", "attach again")
	if got := fault.Of(fmt.Errorf("send: %w", inner)); got != inner {
		t.Errorf("got %v", got)
	}
	if got := fault.Of(errors.New("x")); got.Code != fault.Internal || got.Mend == "" {
		t.Errorf("a plain error became %+v", got)
	}
	if fault.Of(nil) != nil {
		t.Error("no error became a fault")
	}
	if !fault.Is(fmt.Errorf("a: %w", inner), "epoch_old") || fault.Is(inner, "other") {
		t.Error("Is does not read the reason")
	}
}

func TestWithLeavesTheOriginalAlone(t *testing.T) {
	a := fault.New(fault.NotFound, "r", "m", "d")
	b := a.With("name", "build")
	if len(a.Details) != 0 || b.Details["name"] != "build" {
		t.Errorf("a %v, b %v", a.Details, b.Details)
	}
}
