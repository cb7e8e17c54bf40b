package mover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/kopia/kopia/fs"
)

const (
	// readBatch is how many entries of a directory are held in memory at once.
	readBatch = 256
	// lookParallel is how many of them are looked at at once: a disk that is far away
	// takes its time for each.
	lookParallel = 8
)

// source is a file system to back up. It is used instead of kopia's own because
// that one takes files named *.kopia-entry for placeholders, and leaves out
// sockets, pipes and devices without a word.
type source struct {
	// skipped gets the path of each entry that has no content to store.
	skipped func(path string)
	// small stores small files; without it kopia does.
	small *smallFiles
	// ahead has what was seen of directories already, by path. It is used once.
	ahead map[string][]seen
	mu    sync.Mutex // of ahead
}

// seen takes what was seen of a directory already.
func (s *source) seen(path string) (all []seen, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, ok = s.ahead[path]
	delete(s.ahead, path)
	return all, ok
}

// open returns the entry at path. A link at the path itself is followed.
func (s *source) open(path string) (fs.Entry, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(resolved)
	if err != nil {
		return nil, err
	}
	e := s.entry(resolved, filepath.Base(path), info)
	if e == nil {
		return nil, fmt.Errorf("%s is neither a directory nor a file", path)
	}
	return e, nil
}

// entry returns nil for what cannot be stored.
func (s *source) entry(path, name string, info os.FileInfo) fs.Entry {
	base := sourceEntry{FileInfo: info, path: path, name: encodeName(name)}
	switch info.Mode().Type() {
	case os.ModeDir:
		return &sourceDir{sourceEntry: base, source: s}
	case os.ModeSymlink:
		return &sourceLink{base}
	case 0:
		return &sourceFile{base, s}
	}
	return nil
}

// sourceEntry is what files, directories and links have in common.
type sourceEntry struct {
	os.FileInfo
	path string
	name string
}

// Name implements fs.Entry; it is the name in the repository.
func (e *sourceEntry) Name() string { return e.name }

// Owner implements fs.Entry.
func (e *sourceEntry) Owner() fs.OwnerInfo { return owner(e.FileInfo) }

// Device implements fs.Entry; it only matters to policies that are not used.
func (e *sourceEntry) Device() fs.DeviceInfo { return fs.DeviceInfo{} }

// LocalFilesystemPath implements fs.Entry.
func (e *sourceEntry) LocalFilesystemPath() string { return e.path }

// Close implements fs.Entry; entries hold nothing open.
func (e *sourceEntry) Close() {}

type sourceFile struct {
	sourceEntry
	source *source
}

func (f *sourceFile) from() *source { return f.source }

// Open implements fs.File.
func (f *sourceFile) Open(context.Context) (fs.Reader, error) {
	file, err := openNoFollow(f.path)
	if err != nil {
		return nil, err
	}
	return &sourceReader{File: file, entry: f}, nil
}

type sourceReader struct {
	*os.File
	entry *sourceFile
}

// Entry implements fs.Reader with what the file is like now.
func (r *sourceReader) Entry() (fs.Entry, error) {
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	now := *r.entry
	now.FileInfo = info
	return &now, nil
}

type sourceLink struct{ sourceEntry }

// Readlink implements fs.Symlink.
func (l *sourceLink) Readlink(context.Context) (string, error) { return os.Readlink(l.path) }

// Resolve implements fs.Symlink. Links are stored, never followed.
func (l *sourceLink) Resolve(context.Context) (fs.Entry, error) {
	return nil, fmt.Errorf("%s: links are not followed", l.path)
}

type sourceDir struct {
	sourceEntry
	source *source
}

func (d *sourceDir) from() *source { return d.source }

// Size implements fs.Entry: what a file system says of directories differs from
// one to the next.
func (d *sourceDir) Size() int64 { return 0 }

// SupportsMultipleIterations implements fs.Directory.
func (d *sourceDir) SupportsMultipleIterations() bool { return true }

// Child implements fs.Directory.
func (d *sourceDir) Child(ctx context.Context, name string) (fs.Entry, error) {
	return fs.IterateEntriesAndFindChild(ctx, d, name)
}

// Iterate implements fs.Directory.
func (d *sourceDir) Iterate(context.Context) (fs.DirectoryIterator, error) {
	if all, ok := d.source.seen(d.path); ok {
		return &sourceIterator{dir: d, batch: all}, nil
	}
	f, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	return &sourceIterator{dir: d, file: f}, nil
}

type sourceIterator struct {
	dir   *sourceDir
	file  *os.File // nil: batch is all there is
	batch []seen
	// kept is what the directory's attributes file will hold.
	kept []attributes
	// ended: the attributes file was given out.
	ended bool
}

// seen is what is known of an entry. One that is gone already has nothing.
type seen struct {
	entry      fs.Entry
	attributes attributes
	skip       string // the path of one that cannot be stored
	err        error
}

// Next implements fs.DirectoryIterator. The attributes file comes last.
func (it *sourceIterator) Next(context.Context) (fs.Entry, error) {
	for !it.ended {
		if err := it.fill(); err != nil {
			return nil, err
		}
		if len(it.batch) == 0 {
			return it.end()
		}
		next := it.batch[0]
		it.batch = it.batch[1:]
		if next.skip != "" {
			it.dir.source.skipped(next.skip)
		}
		it.keep(next.attributes)
		if next.entry != nil || next.err != nil {
			return next.entry, next.err
		}
	}
	return nil, nil
}

// fill makes batch what comes next. It stays empty at the end.
func (it *sourceIterator) fill() error {
	if len(it.batch) > 0 || it.file == nil {
		return nil
	}
	batch, err := it.file.ReadDir(readBatch)
	it.batch = it.dir.lookAll(batch)
	return ignoreEOF(err)
}

// end returns the attributes file, or nil.
func (it *sourceIterator) end() (fs.Entry, error) {
	it.ended = true
	own, err := attributesOf(it.dir.path, it.dir.FileInfo)
	if err != nil {
		return nil, err
	}
	own.Name = itself
	it.keep(own)
	return newAttributesFile(it.dir, it.kept)
}

// keep adds what there is to the attributes file.
func (it *sourceIterator) keep(a attributes) {
	if !a.empty() {
		it.kept = append(it.kept, a)
	}
}

// lookAll looks at some entries of the directory at once, and keeps their order.
func (d *sourceDir) lookAll(batch []os.DirEntry) []seen {
	all := make([]seen, len(batch))
	var group sync.WaitGroup
	for first := range min(lookParallel, len(batch)) {
		group.Go(func() {
			for i := first; i < len(batch); i += lookParallel {
				all[i] = d.look(batch[i])
			}
		})
	}
	group.Wait()
	return all
}

func (d *sourceDir) look(next os.DirEntry) seen {
	info, err := next.Info()
	if errors.Is(err, os.ErrNotExist) {
		return seen{}
	}
	if err != nil {
		return seen{err: err}
	}
	path := filepath.Join(d.path, next.Name())
	e := d.source.entry(path, next.Name(), info)
	if e == nil {
		return seen{skip: path}
	}
	if info.IsDir() {
		return seen{entry: e} // it keeps its own attributes
	}
	a, err := attributesOf(path, info)
	a.Name = e.Name()
	return seen{entry: e, attributes: a, err: err}
}

// Close implements fs.DirectoryIterator.
func (it *sourceIterator) Close() {
	if it.file == nil {
		return
	}
	// A directory that was only read loses nothing if closing fails.
	_ = it.file.Close()
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
