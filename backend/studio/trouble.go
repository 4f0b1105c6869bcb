package studio

import (
	"errors"
	"fmt"
	"math/bits"

	"atelier.dev/atelier/backend/fault"
)

// The works of a run that may fail and are tried again.
const (
	reaching   = "reaching the process of a terminal"
	opening    = "opening the bytes of a terminal"
	hearing    = "hearing all that a terminal's process saw"
	noting     = "recording what a terminal's process saw"
	outputting = "recording output"
	settling   = "settling a terminal whose process has died"
)

// trouble is why a work failed last, and how often in a row it has.
type trouble struct {
	err   error
	times uint64
}

// hindered keeps why a work fails, for whoever waits for it. The first time, the
// second, the fourth and so on are told: a failure that lasts cannot fill the
// core's log.
func (r *run) hindered(work string, err error) error {
	if r.s.ctx.Err() != nil {
		return err // the end of the core, and not a failure
	}
	r.mu.Lock()
	t := trouble{err, r.troubles[work].times + 1}
	r.troubles[work] = t
	r.mu.Unlock()
	if bits.OnesCount64(t.times) == 1 {
		r.s.tell(fmt.Sprintf("%s (%s, %s)", work, r.id, plural(t.times, "time")), err)
	}
	r.readyNow()
	return err
}

// outcome keeps why a work fails, or forgets why it did.
func (r *run) outcome(work string, err error) error {
	if err != nil {
		return r.hindered(work, err)
	}
	r.managed(work)
	return nil
}

// managed forgets what a work has failed with.
func (r *run) managed(work string) {
	r.mu.Lock()
	delete(r.troubles, work)
	r.mu.Unlock()
}

// trouble is why a work failed last, nil when it did not.
func (r *run) trouble(work string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.troubles[work].err
}

// outOfReach says why there is no link to the shim.
func (r *run) outOfReach() error {
	const mend = "try again; see `atelier doctor` and `atelier core logs`"
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, work := range []string{reaching, opening, settling} {
		if t := r.troubles[work]; t.err != nil {
			if known := (*fault.Error)(nil); errors.As(t.err, &known) {
				return &fault.Error{Code: fault.Unavailable, Reason: "shim_gone", Message: work + " fails: " + known.Message, Mend: known.Mend, Cause: t.err}
			}
			return fault.Wrap(t.err, fault.Unavailable, "shim_gone", work+" fails", mend)
		}
	}
	return fault.New(fault.Unavailable, "shim_gone", "the process that holds this terminal does not answer", mend)
}
