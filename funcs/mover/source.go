package mover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kopia/kopia/fs"
)

// readBatch is how many directory entries are held in memory at once.
const readBatch = 256

// source is a file system to back up. It is used instead of kopia's own because
// that one takes files named *.kopia-entry for placeholders, and leaves out
// sockets, pipes and devices without a word.
type source struct {
	// skipped gets the path of each entry that has no content to store.
	skipped func(path string)
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
		return &sourceFile{base}
	}
	s.skipped(path)
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

type sourceFile struct{ sourceEntry }

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
	f, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	return &sourceIterator{dir: d, file: f}, nil
}

type sourceIterator struct {
	dir   *sourceDir
	file  *os.File
	batch []os.DirEntry
	// kept is what the directory's attributes file will hold.
	kept []attributes
	// ended: the attributes file was given out.
	ended bool
}

// Next implements fs.DirectoryIterator. The attributes file comes last.
func (it *sourceIterator) Next(context.Context) (fs.Entry, error) {
	for !it.ended {
		if len(it.batch) == 0 {
			batch, err := it.file.ReadDir(readBatch)
			if err := ignoreEOF(err); err != nil {
				return nil, err
			}
			if len(batch) == 0 {
				return it.end()
			}
			it.batch = batch
		}
		next := it.batch[0]
		it.batch = it.batch[1:]
		e, err := it.entry(next)
		if e != nil || err != nil {
			return e, err
		}
	}
	return nil, nil
}

// end returns the attributes file, or nil.
func (it *sourceIterator) end() (fs.Entry, error) {
	it.ended = true
	if err := it.keep(itself, it.dir.path, it.dir.FileInfo); err != nil {
		return nil, err
	}
	return newAttributesFile(it.dir, it.kept)
}

// keep adds what there is to the attributes file.
func (it *sourceIterator) keep(name, path string, info os.FileInfo) error {
	a, err := attributesOf(path, info)
	if a.Name = name; !a.empty() {
		it.kept = append(it.kept, a)
	}
	return err
}

// entry returns nil for what is gone already or cannot be stored.
func (it *sourceIterator) entry(next os.DirEntry) (fs.Entry, error) {
	info, err := next.Info()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	path := filepath.Join(it.dir.path, next.Name())
	e := it.dir.source.entry(path, next.Name(), info)
	if e == nil || info.IsDir() {
		return e, nil // a directory keeps its own attributes
	}
	return e, it.keep(e.Name(), path, info)
}

// Close implements fs.DirectoryIterator.
func (it *sourceIterator) Close() {
	// A directory that was only read loses nothing if closing fails.
	_ = it.file.Close()
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
