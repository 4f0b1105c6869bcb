// Package sim holds the worlds with faults that tests run in.
//
// Disk is a FUSE file system that keeps written and durable bytes apart. Its
// rules of a power cut: a file has the bytes of its last fsync; a new file has
// a name once it or its folder was synced; a rename or removal holds once the
// folder was synced; folders themselves are durable when made.
//
// Files may be mapped: the kernel hands over a mapped page at the latest when
// it is synced, before the fsync, so what was not handed over was not durable.
// The program under test must run in another process than the Disk, or a page
// fault could wait for a server that the garbage collector holds.
package sim

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const page = 4096

// Disk is a mounted file system. All methods may be called at any time.
type Disk struct {
	server *fuse.Server
	mu     sync.Mutex
	names  map[string]*file // durable names
	free   uint64
	writes syscall.Errno
	syncs  syscall.Errno
	reads  syscall.Errno
	blocks uint64
}

// Mount mounts an empty disk. It fails loudly where FUSE is missing.
func Mount(dir string) (*Disk, error) {
	d := &Disk{names: map[string]*file{}, free: 1 << 40}
	server, err := fs.Mount(dir, &folder{disk: d}, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true, FsName: "atelier-sim", Name: "sim"}})
	d.server = server
	return d, err
}

// Unmount ends the file system; every process must have closed its files.
func (d *Disk) Unmount() error { return d.server.Unmount() }

// FailWrites makes every later write fail with errno; 0 mends it.
func (d *Disk) FailWrites(errno syscall.Errno) { d.mu.Lock(); d.writes = errno; d.mu.Unlock() }

// FailSyncs makes every later sync fail with errno; 0 mends it.
func (d *Disk) FailSyncs(errno syscall.Errno) { d.mu.Lock(); d.syncs = errno; d.mu.Unlock() }

// FailReads makes every later read fail with errno; 0 mends it. It stands for a
// full disk under a mapped file: the first touch of a page without a place on the
// disk then ends the process by SIGBUS.
func (d *Disk) FailReads(errno syscall.Errno) { d.mu.Lock(); d.reads = errno; d.mu.Unlock() }

// SetFree sets the free bytes that the disk tells.
func (d *Disk) SetFree(n uint64) { d.mu.Lock(); d.free = n; d.mu.Unlock() }

// Cut returns what a power cut at this instant would leave: path to bytes.
func (d *Disk) Cut() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := map[string][]byte{}
	for name, f := range d.names {
		left[name] = append([]byte(nil), f.durable...)
	}
	return left
}

// Restore writes what a cut left into an ordinary folder.
func Restore(left map[string][]byte, dir string) error {
	for name, b := range left {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

type folder struct {
	fs.Inode
	disk *Disk
}

type file struct {
	fs.Inode
	disk    *Disk
	data    []byte
	durable []byte
	dirty   map[int]bool
	mode    uint32
}

func (f *folder) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode = 0o700
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	out.Mtime = f.disk.blocks
	return 0
}

func (f *folder) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	out.Bsize, out.Frsize = page, page
	out.Blocks, out.Bfree, out.Bavail = 1<<30, f.disk.free/page, f.disk.free/page
	return 0
}

func (f *folder) Mkdir(ctx context.Context, _ string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	out.Mode = 0o700
	return f.NewInode(ctx, &folder{disk: f.disk}, fs.StableAttr{Mode: fuse.S_IFDIR}), 0
}

func (f *folder) Create(ctx context.Context, _ string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	f.disk.mu.Lock()
	f.disk.blocks++
	f.disk.mu.Unlock()
	n := &file{disk: f.disk, dirty: map[int]bool{}, mode: mode & 0o777}
	out.Mode, out.Nlink = n.mode, 1 // without a name it could not be linked
	return f.NewInode(ctx, n, fs.StableAttr{Mode: fuse.S_IFREG}), nil, 0, 0
}

// Link gives a file another name; both hold once their folders were synced.
func (f *folder) Link(_ context.Context, target fs.InodeEmbedder, _ string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n, is := target.(*file)
	if !is {
		return nil, syscall.EPERM
	}
	f.disk.blocks++
	out.Mode, out.Size, out.Nlink = n.mode, uint64(len(n.data)), 1
	return n.EmbeddedInode(), 0
}

func (f *folder) Unlink(context.Context, string) syscall.Errno {
	f.disk.mu.Lock()
	f.disk.blocks++
	f.disk.mu.Unlock()
	return 0
}

func (f *folder) Rmdir(context.Context, string) syscall.Errno { return 0 }

func (f *folder) Rename(context.Context, string, fs.InodeEmbedder, string, uint32) syscall.Errno {
	f.disk.mu.Lock()
	f.disk.blocks++
	f.disk.mu.Unlock()
	return 0
}

// Fsync of a folder makes its names, and the lack of names, durable.
func (f *folder) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	at, children := f.Path(nil), f.Children()
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.syncs != 0 {
		return f.disk.syncs
	}
	for name := range f.disk.names {
		if dir := filepath.Dir(name); dir == at || dir == "." && at == "" {
			delete(f.disk.names, name)
		}
	}
	for name, child := range children {
		if n, ok := child.Operations().(*file); ok {
			f.disk.names[filepath.Join(at, name)] = n
		}
	}
	return 0
}

func (f *file) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	out.Mode, out.Size, out.Nlink = f.mode, uint64(len(f.data)), 1
	return 0
}

func (f *file) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		if f.disk.writes != 0 {
			return f.disk.writes
		}
		f.resize(int(size))
	}
	if mode, ok := in.GetMode(); ok {
		f.mode = mode & 0o777
	}
	out.Mode, out.Size, out.Nlink = f.mode, uint64(len(f.data)), 1
	return 0
}

func (f *file) resize(size int) {
	old := len(f.data)
	if size <= cap(f.data) {
		f.data = f.data[:size]
	} else {
		f.data = append(f.data, make([]byte, size-old)...)
	}
	if size > old {
		clear(f.data[old:])
	}
	for p := min(old, size) / page; p <= max(old, size)/page; p++ {
		f.dirty[p] = true
	}
}

func (f *file) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

func (f *file) Read(_ context.Context, _ fs.FileHandle, into []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.reads != 0 {
		return nil, f.disk.reads
	}
	n := 0
	if at < int64(len(f.data)) {
		n = copy(into, f.data[at:])
	}
	return fuse.ReadResultData(into[:n]), 0
}

func (f *file) Write(_ context.Context, _ fs.FileHandle, b []byte, at int64) (uint32, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.writes != 0 {
		return 0, f.disk.writes
	}
	if end := int(at) + len(b); end > len(f.data) {
		f.resize(end)
	}
	copy(f.data[at:], b)
	for p := int(at) / page; p <= (int(at)+len(b)-1)/page; p++ {
		f.dirty[p] = true
	}
	return uint32(len(b)), 0
}

func (f *file) Flush(context.Context, fs.FileHandle) syscall.Errno { return 0 }

// Fsync makes the file's bytes durable, and its name where it has none yet.
func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	name := f.Path(nil)
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.syncs != 0 {
		return f.disk.syncs
	}
	if len(f.durable) > len(f.data) {
		f.durable = f.durable[:len(f.data)]
	}
	f.durable = append(f.durable, make([]byte, len(f.data)-len(f.durable))...)
	for p := range f.dirty {
		if from := p * page; from < len(f.data) {
			to := min(from+page, len(f.data))
			copy(f.durable[from:to], f.data[from:to])
		}
	}
	clear(f.dirty)
	if _, there := f.disk.names[name]; !there && name != "" && !f.named() { // one that was removed has none
		f.disk.names[name] = f
	}
	return 0
}

func (f *file) named() bool {
	for _, n := range f.disk.names {
		if n == f {
			return true
		}
	}
	return false
}
