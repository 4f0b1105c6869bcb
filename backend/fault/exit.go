package fault

// The exit statuses that scripts rely on.
const (
	ExitDone         = 0
	ExitFailed       = 1
	ExitUsage        = 2
	ExitNotFound     = 3
	ExitDenied       = 4
	ExitPrecondition = 5
	ExitUnavailable  = 6
	ExitDataLoss     = 7
)

// ExitStatus returns the process exit status for a code. It is the only such
// switch: the manual's table is checked against it. A full disk is Unknown: it
// is the system that fails, where ResourceExhausted is a bound that we keep.
func (c Code) ExitStatus() int {
	switch c {
	case InvalidArgument, OutOfRange, Unimplemented:
		return ExitUsage
	case NotFound:
		return ExitNotFound
	case PermissionDenied, ResourceExhausted, Unauthenticated:
		return ExitDenied
	case FailedPrecondition, Aborted, AlreadyExists:
		return ExitPrecondition
	case Unavailable, DeadlineExceeded:
		return ExitUnavailable
	case DataLoss:
		return ExitDataLoss
	default:
		return ExitFailed
	}
}
