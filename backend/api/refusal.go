package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"

	"connectrpc.com/connect"

	"atelier.dev/atelier/backend/fault"
)

// refuse answers with a fault in the form of a Connect error, which every client
// of ours and every reader of JSON understands.
func refuse(w http.ResponseWriter, err error) {
	f := fault.Of(err)
	refuseWith(w, httpStatus(f.Code), f)
}

func refuseWith(w http.ResponseWriter, status int, f *fault.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(refusalOf(f)) // whoever asked may be gone
}

// refusal is an error of the Connect protocol.
type refusal struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Details []refusalDetail `json:"details"`
}

type refusalDetail struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func refusalOf(f *fault.Error) refusal {
	answer := refusal{Code: f.Code.String(), Message: text(f.Error())}
	if detail, err := connect.NewErrorDetail(faultMessage(f)); err == nil { // it is valid text by now
		answer.Details = []refusalDetail{{detail.Type(), base64.RawStdEncoding.EncodeToString(detail.Bytes())}}
	}
	return answer
}

// httpStatus is the status that the Connect protocol gives a code. It is the
// only such switch.
func httpStatus(c fault.Code) int {
	switch c {
	case fault.Canceled:
		return 499
	case fault.InvalidArgument, fault.OutOfRange, fault.FailedPrecondition:
		return http.StatusBadRequest
	case fault.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case fault.NotFound:
		return http.StatusNotFound
	case fault.AlreadyExists, fault.Aborted:
		return http.StatusConflict
	case fault.PermissionDenied:
		return http.StatusForbidden
	case fault.ResourceExhausted:
		return http.StatusTooManyRequests
	case fault.Unimplemented:
		return http.StatusNotImplemented
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	default:
		return http.StatusInternalServerError
	}
}

// defect is the fault of a panic; its trace is for whoever looks after the core.
func (s *Server) defect(where string, defect any) error {
	s.o.Tell("error", fmt.Sprintf("a defect in %s: %v\n%s", where, defect, debug.Stack()))
	return fault.New(fault.Internal, "defect", "the core has a defect here", "report what `atelier core logs` shows; the core goes on")
}

// sized refuses a message above messageMax before anything works on it, and
// reads what was sent of it so that its sender hears why.
func sized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 && isUnary(mediaType(r)) {
			gather(r)
		}
		if r.ContentLength <= messageMax {
			next.ServeHTTP(w, r)
			return
		}
		_, _ = io.CopyN(io.Discard, r.Body, drainMax) // it may end before, or break
		refuse(w, fault.New(fault.ResourceExhausted, "message_size", "a message to the core has at most 4 MiB",
			"send less: put long arguments into a file and name the file"))
	})
}

func isUnary(media string) bool { return media == "application/json" || media == "application/proto" }

// mediaType is the content type of a request without its parameters.
func mediaType(r *http.Request) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

// gather reads a body that did not say its length, up to one byte too many.
func gather(r *http.Request) {
	b, err := io.ReadAll(io.LimitReader(r.Body, messageMax+1))
	if err != nil {
		return // reading goes on to fail, and is answered for
	}
	r.ContentLength = int64(len(b))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(b), r.Body), r.Body}
}
