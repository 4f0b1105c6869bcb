package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"atelier.dev/atelier/backend/fault"
)

func (p *program) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write what is here into a file that others can read",
		Long:    "Writes a cut into a file that others can check and take in.",
		Example: "atelier export bundle first-cut -o first-cut.bundle",
	}
	cmd.AddCommand(p.exportBundleCommand())
	return group(cmd)
}

const aboutBundles = "A bundle is one file with all events of a cut and what vouches for them. Anybody can check it with\n" +
	"`atelier verify FILE`, without a core or a home. The recorded bytes of terminals are not in it."

func (p *program) exportBundleCommand() *cobra.Command {
	var file string
	var force bool
	cmd := &cobra.Command{
		Use:   "bundle CUT",
		Short: "Write a checkpoint, or any other cut, into one file",
		Long: "Writes a cut into one file: a checkpoint, an event, arrival:N, or now for all that is here.\n\n" +
			aboutBundles,
		Example: "atelier export bundle first-cut -o first-cut.bundle",
		Args:    wants("CUT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.exportBundle(cmd.Context(), args[0], file, force)
		},
		ValidArgsFunction: p.completeObject("checkpoint"),
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "the file to write")
	forceFlag(cmd, &force)
	return required(cmd, "output")
}

func forceFlag(cmd *cobra.Command, force *bool) {
	cmd.Flags().BoolVar(force, "force", false, "replace a file that is there")
}

func (p *program) checkpointExportCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "export CHECKPOINT FILE",
		Short:   "Write a checkpoint into one file",
		Long:    "Writes a checkpoint into one file, as `atelier export bundle` does.\n\n" + aboutBundles,
		Example: "atelier checkpoint export first-cut first-cut.bundle",
		Args:    wants("CHECKPOINT", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.exportBundle(cmd.Context(), args[0], args[1], force)
		},
		ValidArgsFunction: p.completeObject("checkpoint"),
	}
	forceFlag(cmd, &force)
	return cmd
}

func (p *program) exportBundle(ctx context.Context, at, file string, force bool) error {
	path, err := filepath.Abs(file)
	if err != nil || file == "" {
		return fault.New(fault.InvalidArgument, "usage", fmt.Sprintf("%q is no name of a file", file), "name the file to write")
	}
	if _, err := os.Lstat(path); !force && err == nil {
		return fileThere(path)
	}
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, caught := untilSignal(ctx)
	made, err := p.receiveBundle(ctx, s, at, path, force)
	if by := caught(); by != 0 {
		return signalStatus(by)
	}
	if err != nil {
		return err
	}
	if p.json {
		return p.print(append(document{{"file", path}}, documentOf(made).without("data").without("done")...))
	}
	return tellBundle(p.stdout, file, made)
}

// untilSignal lets a signal end what is under way, so that it is cleared away.
// caught returns the signal, 0 for none, and lets signals be as they were.
func untilSignal(ctx context.Context) (until context.Context, caught func() syscall.Signal) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	until, cancel := context.WithCancel(ctx)
	by := make(chan syscall.Signal, 1)
	go func() {
		defer close(by)
		select {
		case s := <-signals:
			if s, is := s.(syscall.Signal); is {
				by <- s
			}
			cancel()
		case <-until.Done():
		}
	}()
	return until, func() syscall.Signal {
		signal.Stop(signals)
		cancel()
		return <-by
	}
}

// receiveBundle writes a bundle beside its place, and puts it there when it is whole
// and on the disk. What fails leaves nothing.
func (p *program) receiveBundle(ctx context.Context, s *studio, at, path string, force bool) (proto.Message, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".atelier-export-*")
	if err != nil {
		return nil, unwritable(path, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	made, err := p.writeBundle(ctx, s, at, f, path)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, unwritable(path, err)
	}
	return made, putInPlace(f.Name(), path, force)
}

// writeBundle writes what the core sends, and returns its last word.
func (p *program) writeBundle(ctx context.Context, s *studio, at string, to io.Writer, path string) (made proto.Message, err error) {
	q := askStream(s, s.Checkpoints.Export)
	q.Msg.At = at
	bar, written := p.progress(), uint64(0)
	defer bar.end()
	err = each(ctx, s.Checkpoints.Export, q, func(m proto.Message) error {
		piece, _ := m.(interface {
			GetData() []byte
			GetDone() bool
		})
		if piece.GetDone() {
			made = m
			return nil
		}
		written += uint64(len(piece.GetData()))
		bar.say("%s written", size(written))
		if _, err := to.Write(piece.GetData()); err != nil {
			return unwritable(path, err)
		}
		return nil
	})
	if err == nil && made == nil {
		err = fault.New(fault.Unavailable, "export_cut", "the core stopped before all was written", "see `atelier core logs`, and try again")
	}
	return made, err
}

// putInPlace gives a whole file its name. Unless it is to be replaced, what has the
// name keeps it, also if it came this moment.
func putInPlace(from, path string, force bool) error {
	var err error
	if force {
		err = os.Rename(from, path)
	} else if err = unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE); errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		err = os.Link(from, path) // a file system that cannot rename so; the other name goes in a moment
	}
	if errors.Is(err, fs.ErrExist) {
		return fileThere(path)
	}
	if err != nil {
		return unwritable(path, err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return unwritable(path, err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return unwritable(path, err)
	}
	return nil
}

func fileThere(path string) error {
	return fault.New(fault.AlreadyExists, "file_exists", "there is a file "+path+" already", "name another, or say --force to replace it")
}

func unwritable(path string, err error) error {
	return fault.Wrap(err, fault.Unknown, "file_unwritable", "cannot write "+path, "see its folder and the disk; nothing of the bundle was left")
}

func tellBundle(w io.Writer, file string, made proto.Message) error {
	var d struct {
		Digest                 string
		Events, Outside, Bytes uint64
	}
	if err := decode(made, &d); err != nil {
		return err
	}
	beside := ""
	if d.Outside > 0 {
		beside = " and " + counted(d.Outside, "header") + " beside it"
	}
	return say(w, "wrote %s: %s of the cut%s, %s, digest %s", file, counted(d.Events, "event"), beside, size(d.Bytes), d.Digest[:min(len(d.Digest), shortID)])
}
