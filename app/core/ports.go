package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"atelier.dev/atelier/backend/badgerlog"
	"atelier.dev/atelier/backend/fault"
	"atelier.dev/atelier/backend/git"
	"atelier.dev/atelier/backend/home"
	"atelier.dev/atelier/backend/loginshell"
	"atelier.dev/atelier/backend/shimlink"
	"atelier.dev/atelier/backend/studio"
)

// portsOf gives the studio all of the world that reading needs.
func portsOf(h home.Home, log *badgerlog.Log, report badgerlog.Report, say func(level, message string)) (studio.Ports, error) {
	recorded := spools{filepath.Join(h.Data, "spool")}
	quota, err := quotaOf(h.Data)
	if err != nil {
		return studio.Ports{}, err
	}
	return studio.Ports{Log: log, Auditor: auditor{log, report, true}, Spools: recorded, Quota: quota, Reserve: spoolReserve, Sizes: sizesOf(log),
		Boot: boot(say), Now: time.Now, Random: rand.Reader, Tell: say}, nil
}

// linkShims adds what terminals are started, found and typed into with.
func (d *daemon) linkShims(p *studio.Ports) error {
	self, err := os.Executable()
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "program_missing", "this program cannot find itself", "call it by its whole path")
	}
	if err := os.MkdirAll(filepath.Join(d.home.Data, "spool"), 0o700); err != nil {
		// Reading goes on; a start says what is wrong.
		d.say("error", "the folder of recorded bytes cannot be made: "+err.Error())
	}
	p.Shims = shimlink.New(filepath.Join(filepath.Dir(self), "atelier-shim"), d.stderr, d.umask)
	p.Typist, p.Links, p.Programs = shimlink.NewTypist(), shimlink.NewLinks(d.home.Runtime), shimlink.Programs{}
	p.Repositories = repositories{}
	p.Environments = loginshell.New(loginshell.Me())
	return nil
}

// checkRoom refuses to open a log where it would be killed by a full disk.
func checkRoom(h home.Home) error {
	disk, err := diskOf(h.Data)
	if err != nil {
		return err
	}
	return roomOf(h.Data, disk.Bavail*uint64(disk.Bsize))
}

func roomOf(folder string, free uint64) error {
	if free >= logReserve {
		return nil
	}
	return fault.New(fault.Unknown, "disk_full", fmt.Sprintf("only %d MiB are free on the disk of %s, and the log is not opened with less than %d",
		free>>20, folder, logReserve>>20), "free some space; programs run on and nothing is lost")
}

func diskOf(folder string) (syscall.Statfs_t, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err != nil {
		return disk, fault.Wrap(err, fault.Unavailable, "home_unusable", "cannot ask how full the disk is", "check "+folder)
	}
	return disk, nil
}

// quotaOf is what one terminal may record on the disk of a folder.
func quotaOf(folder string) (uint64, error) {
	disk, err := diskOf(folder)
	if err != nil {
		return 0, err
	}
	return min(quotaMost, disk.Blocks*uint64(disk.Bsize)/quotaShare), nil
}

// boot names the present start of the machine. Where the kernel does not tell,
// every start of the core counts as one: too careful, never too trusting.
func boot(say func(level, message string)) string {
	f, err := os.Open("/proc/sys/kernel/random/boot_id")
	if err == nil {
		defer f.Close()
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(f, bootMax)); err == nil {
			return strings.TrimSpace(string(b))
		}
	}
	say("warn", "the machine does not name its start, so sessions end with this core: "+err.Error())
	return rand.Text()
}

// repositories are git's commits in the studio's words.
type repositories struct{ git.Reader }

func (r repositories) Commits(ctx context.Context, folder string, refs []string, each func(studio.Commit) error) error {
	return r.Reader.Commits(ctx, folder, refs, func(c git.Commit) error { return each(studio.Commit(c)) })
}

// sizesOf tells the sizes of a log in the studio's words.
func sizesOf(log *badgerlog.Log) func() ([]studio.Size, error) {
	return func() ([]studio.Size, error) {
		sizes, err := log.Sizes()
		all := make([]studio.Size, 0, len(sizes))
		for _, s := range sizes {
			all = append(all, studio.Size(s))
		}
		return all, err
	}
}

// auditor is the audit of the log in the studio's words.
type auditor struct {
	log    *badgerlog.Log
	opened badgerlog.Report
	mended bool // at the start what opened tells was mended, else it is as it was
}

func (a auditor) AuditLog(ctx context.Context, progress func(events, seals uint64)) (events, seals uint64, wrong []studio.Problem, err error) {
	r, err := a.log.Audit(ctx, func(done, _ uint64) { progress(done, 0) })
	if err != nil {
		return r.Events, r.Seals, nil, err
	}
	wrong = a.found()
	for _, f := range r.Findings {
		wrong = append(wrong, problem(f.Code, f.Where+": "+f.What))
	}
	if r.More > 0 {
		wrong = append(wrong, problem("more", "there are further findings than those named here"))
	}
	return r.Events, r.Seals, wrong, nil
}

// found tells what a start finds and mends by itself.
func (a auditor) found() (wrong []studio.Problem) {
	tell := func(code, what, is, was string) {
		message, mend := what+" is unreadable, as after a power cut; "+is, "nothing must be done, the history is whole; if power was not lost, look after the disk"
		if a.mended {
			message = what + " was unreadable when the core started, as after a power cut; " + was
		}
		wrong = append(wrong, studio.Problem{Code: code, Message: message, Mend: mend})
	}
	if a.opened.AnchorTorn {
		tell("anchor_slot", "one of two slots of the anchor", "the next start writes it anew", "it has been written anew")
	}
	if a.opened.ValuesCut > 0 {
		tell("values", "the end of what sessions had seen", "the next start drops it", "it is gone")
	}
	return wrong
}

func problem(code, message string) studio.Problem {
	return studio.Problem{Code: code, Message: message, Mend: "keep a copy of the home as it is, and restore it from a backup"}
}
