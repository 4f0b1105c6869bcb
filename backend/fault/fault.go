// Package fault holds the one form that every error of Atelier takes: a code
// for programs, what went wrong and why for people, and what to do next.
//
// Codes are the sixteen of gRPC and Connect. They go over the wire and into
// exit statuses, so the list is append-only. A Reason is a finer word that
// scripts and tests may match; a code says what kind of failure it is.
package fault

import (
	"errors"
	"fmt"
)

// Code is the kind of a failure.
type Code uint8

// The codes, with the numbers of gRPC. Append only.
const (
	Canceled           Code = 1
	Unknown            Code = 2
	InvalidArgument    Code = 3
	DeadlineExceeded   Code = 4
	NotFound           Code = 5
	AlreadyExists      Code = 6
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	Aborted            Code = 10
	OutOfRange         Code = 11
	Unimplemented      Code = 12
	Internal           Code = 13
	Unavailable        Code = 14
	DataLoss           Code = 15
	Unauthenticated    Code = 16
)

var words = [...]string{
	Canceled: "canceled", Unknown: "unknown", InvalidArgument: "invalid_argument",
	DeadlineExceeded: "deadline_exceeded", NotFound: "not_found", AlreadyExists: "already_exists",
	PermissionDenied: "permission_denied", ResourceExhausted: "resource_exhausted",
	FailedPrecondition: "failed_precondition", Aborted: "aborted", OutOfRange: "out_of_range",
	Unimplemented: "unimplemented", Internal: "internal", Unavailable: "unavailable",
	DataLoss: "data_loss", Unauthenticated: "unauthenticated",
}

// Codes lists every code in the order of its number.
func Codes() []Code {
	all := make([]Code, 0, len(words)-1)
	for c := Canceled; int(c) < len(words); c++ {
		all = append(all, c)
	}
	return all
}

// String returns the code's word, as used in JSON and on the wire.
func (c Code) String() string {
	if c == 0 || int(c) >= len(words) {
		return fmt.Sprintf("code_%d", uint8(c))
	}
	return words[c]
}

// ParseCode returns the code that a word names.
func ParseCode(word string) (Code, bool) {
	for _, c := range Codes() {
		if c.String() == word {
			return c, true
		}
	}
	return 0, false
}

// Error is a failure that can be told to a program and to a person.
type Error struct {
	// Code is the kind of the failure.
	Code Code
	// Reason is a stable finer word, for example "execution_unknown".
	Reason string
	// Message says what went wrong and why, in one sentence without a period.
	Message string
	// Mend says what to do next. It is never empty on a screen.
	Mend string
	// Details are further facts by name, for programs.
	Details map[string]string
	// Cause is the error beneath, or nil.
	Cause error
}

// New returns an error of a code, with its reason, message and mend.
func New(code Code, reason, message, mend string) *Error {
	return &Error{Code: code, Reason: reason, Message: message, Mend: mend}
}

// Wrap is New over a cause, whose text it appends to the message.
func Wrap(cause error, code Code, reason, message, mend string) *Error {
	return &Error{Code: code, Reason: reason, Message: message + ": " + cause.Error(), Mend: mend, Cause: cause}
}

// With returns a copy of e that carries one more detail.
func (e *Error) With(name, value string) *Error {
	more := make(map[string]string, len(e.Details)+1)
	for k, v := range e.Details {
		more[k] = v
	}
	more[name] = value
	c := *e
	c.Details = more
	return &c
}

// Error gives message and mend in the form of the command line.
func (e *Error) Error() string {
	if e.Mend == "" {
		return e.Message
	}
	return e.Message + "; " + e.Mend
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Of returns the fault inside err. An error that is no fault is Internal: the
// place that made it owes its caller a better one.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return &Error{Code: Internal, Reason: "internal", Message: err.Error(),
		Mend: "this is a defect of Atelier: run `atelier core logs` and report what it shows", Cause: err}
}

// Is reports whether err is a fault with this reason.
func Is(err error, reason string) bool {
	var f *Error
	return errors.As(err, &f) && f.Reason == reason
}
