package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/event"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/home"
	"atelier.dev/atelier/backend/keyfile"
	"atelier.dev/atelier/backend/studio"
)

// audit is what verify prints: the document of the API's Verify.
type audit struct {
	Events       uint64  `json:"events"`
	Seals        uint64  `json:"seals"`
	Executions   uint64  `json:"executions"`
	OutputBytes  uint64  `json:"output_bytes"`
	Problems     []wrong `json:"problems"`
	ReadFrontier []head  `json:"read_frontier"`
	GoneBodies   uint64  `json:"gone_bodies"`
	GoneBytes    uint64  `json:"gone_bytes"`
}

type wrong struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Mend    string `json:"mend"`
}

type head struct {
	Chain   string `json:"chain"`
	Seq     uint64 `json:"seq"`
	EventID string `json:"event_id"`
}

// verify audits a home that no core has open, prints what it found and returns
// the exit status.
func verify(o options, stdout, stderr *os.File) int {
	syscall.Umask(0o077)
	sparing()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d := &daemon{stderr: stderr}
	found, err := d.audit(ctx, o.home)
	if err == nil {
		err = found.print(stdout, o.json)
	}
	if err != nil {
		return failed(err, stderr, o.json)
	}
	if len(found.Problems) > 0 {
		return fault.ExitDataLoss
	}
	return fault.ExitDone
}

func (d *daemon) audit(ctx context.Context, named string) (found audit, err error) {
	if d.home, err = home.Resolve(named); err != nil {
		return found, err
	}
	there, err := hasLog(d.home)
	if err != nil {
		return found, err
	}
	if !there { // nothing is made where nothing was
		return found, fault.New(fault.NotFound, "home_absent", "there is no home at "+d.home.Data, "check --home and ATELIER_HOME")
	}
	lock, err := d.home.LockForAudit()
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := checkRoom(d.home); err != nil {
		return found, err
	}
	k, err := loadKeys(d.home)
	if err != nil {
		return found, err
	}
	log, report, err := badgerlog.Open(ctx, badgerlog.Options{Dir: d.home.Data, Key: k.replica, Random: rand.Reader, Tell: d.say, Inspect: true})
	if err != nil {
		return found, err
	}
	found, err = d.auditLog(ctx, log, report)
	return found, errors.Join(err, log.Close())
}

func (d *daemon) auditLog(ctx context.Context, log *badgerlog.Log, report badgerlog.Report) (found audit, err error) {
	ports, err := portsOf(d.home, log, report, d.say)
	if err != nil {
		return found, err
	}
	ports.Auditor = auditor{log: log, opened: report}
	s, err := studio.OpenForAudit(ctx, ports)
	if err != nil {
		return found, err
	}
	found = audit{Problems: []wrong{}, ReadFrontier: []head{}}
	err = s.Verify(ctx, studio.Caller{}, func(a studio.Audit) error {
		found.add(a)
		return nil
	})
	return found, err
}

func (f *audit) add(a studio.Audit) {
	f.Events, f.Seals, f.Executions, f.OutputBytes = a.Events, a.Seals, a.Executions, a.OutputBytes
	f.GoneBodies, f.GoneBytes = a.GoneBodies, a.GoneBytes
	for _, p := range a.Problems {
		f.Problems = append(f.Problems, wrong(p))
	}
	for _, h := range a.Read {
		f.ReadFrontier = append(f.ReadFrontier, head{chainText(h.Chain), h.Seq, h.ID.String()})
	}
}

// chainText is a PeerID, or the id of the workspace for its control chain.
func chainText(c event.Chain) string {
	if len(c) == len(event.ID{}) {
		return event.ID([]byte(c)).String()
	}
	return keyfile.Text(c)
}

func (f audit) print(w io.Writer, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		return out.Encode(f)
	}
	_, err := fmt.Fprintf(w, "read: %d events, %d seals, %d terminals, %d bytes of output\n", f.Events, f.Seals, f.Executions, f.OutputBytes)
	for _, p := range f.Problems {
		if err == nil {
			_, err = fmt.Fprintf(w, "problem: %s; %s (%s)\n", p.Message, p.Mend, p.Code)
		}
	}
	return err
}

// failed says a fault on the errors, with --json for a program too.
func failed(err error, stderr io.Writer, asJSON bool) int {
	f := fault.Of(err)
	fmt.Fprintln(stderr, "atelier-core: "+f.Error())
	if asJSON {
		details := f.Details
		if details == nil {
			details = map[string]string{}
		}
		// A map of strings always encodes.
		line, _ := json.Marshal(map[string]any{"error": map[string]any{"code": f.Code.String(), "reason": f.Reason,
			"message": f.Message, "mend": f.Mend, "details": details}})
		fmt.Fprintln(stderr, string(line))
	}
	return f.Code.ExitStatus()
}
