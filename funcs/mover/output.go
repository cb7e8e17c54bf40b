package mover

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/restore"
)

// copyBuffer is the size of one read from the repository.
const copyBuffer = 256 << 10

// output writes a restored tree. It replaces files and links that are in the way
// and goes into directories that exist, but never replaces a directory by a file
// and never follows a link.
type output struct {
	// stop is done when the restore is to end. kopia's own context does not end
	// while a large file is being written.
	stop context.Context //nolint:containedctx // the interface has no better place
	root string
	// unapplied counts attributes that could not be set for lack of rights.
	unapplied atomic.Int64
	// links has the first name written of each file that has several.
	links sync.Map
}

// A linked file is written under the first of its names that is met; the others wait
// for that.
type linked struct {
	mu   sync.Mutex
	path string
}

var _ restore.Output = (*output)(nil)

func newOutput(ctx context.Context, root string) *output {
	return &output{stop: ctx, root: root}
}

// Parallelizable implements restore.Output.
func (o *output) Parallelizable() bool { return true }

// Close implements restore.Output.
func (o *output) Close(context.Context) error { return nil }

// FileExists implements restore.Output; it is for incremental restores only.
func (o *output) FileExists(context.Context, string, fs.File) bool { return false }

// SymlinkExists implements restore.Output; it is for incremental restores only.
func (o *output) SymlinkExists(context.Context, string, fs.Symlink) bool { return false }

// WriteDirEntry implements restore.Output; it is for shallow restores only.
func (o *output) WriteDirEntry(context.Context, string, *snapshot.DirEntry, fs.Directory) error {
	return errors.New("shallow restores are not supported")
}

// BeginDirectory implements restore.Output. The directory stays writable for us
// until FinishDirectory.
func (o *output) BeginDirectory(_ context.Context, rel string, _ fs.Directory) error {
	path, err := o.path(rel)
	if err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return os.Mkdir(path, 0o700)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
	}
	if info.Mode().Perm()&0o700 != 0o700 {
		return o.tolerate(os.Chmod(path, info.Mode()|0o700))
	}
	return nil
}

// FinishDirectory implements restore.Output.
func (o *output) FinishDirectory(_ context.Context, rel string, d fs.Directory) error {
	path, err := o.path(rel)
	if err != nil {
		return err
	}
	return o.setAttributes(path, d, true)
}

// WriteFile implements restore.Output.
func (o *output) WriteFile(ctx context.Context, rel string, f fs.File, progress restore.FileWriteProgress) error {
	path, err := o.path(rel)
	if err != nil {
		return err
	}
	link := attributesIn(f).Link
	if link == "" {
		return o.writeFile(ctx, path, f, progress)
	}
	known, _ := o.links.LoadOrStore(link, &linked{})
	file := known.(*linked)
	file.mu.Lock()
	defer file.mu.Unlock()
	if file.path != "" {
		return o.linkFile(ctx, file.path, path, f, progress)
	}
	file.path = path
	return o.writeFile(ctx, path, f, progress)
}

// linkFile gives a file that was restored one more name. Where that cannot be, because
// another volume is mounted there for example, it becomes a file of its own.
func (o *output) linkFile(ctx context.Context, existing, path string, f fs.File, progress restore.FileWriteProgress) error {
	if err := removeOld(path); err != nil {
		return err
	}
	if os.Link(existing, path) != nil {
		return o.writeFile(ctx, path, f, progress)
	}
	progress(f.Size())
	return nil
}

// writeFile removes the old file first: that frees its space, and leaves other hard
// links to it alone.
func (o *output) writeFile(ctx context.Context, path string, f fs.File, progress restore.FileWriteProgress) error {
	if err := removeOld(path); err != nil {
		return err
	}
	r, err := contentOf(ctx, f)
	if err != nil {
		return err
	}
	err = o.copyTo(path, r, attributesIn(f).Sparse, progress)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	return o.setAttributes(path, f, true)
}

func contentOf(ctx context.Context, f fs.File) (io.ReadCloser, error) {
	if stored, ok := f.(*storedFile); ok {
		return stored.read(ctx)
	}
	return f.Open(ctx)
}

func (o *output) copyTo(path string, r io.Reader, sparse bool, progress restore.FileWriteProgress) error {
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	r = &countingReader{Reader: r, stop: o.stop, count: progress}
	buf := make([]byte, copyBuffer)
	if sparse {
		err = copySparse(w, r, buf)
	} else {
		_, err = io.CopyBuffer(onlyWriter{w}, r, buf)
	}
	return errors.Join(err, w.Close())
}

// CreateSymlink implements restore.Output.
func (o *output) CreateSymlink(ctx context.Context, rel string, l fs.Symlink) error {
	path, err := o.path(rel)
	if err != nil {
		return err
	}
	target, err := l.Readlink(ctx)
	if err != nil {
		return err
	}
	if err := removeOld(path); err != nil {
		return err
	}
	if err := os.Symlink(target, path); err != nil {
		return err
	}
	return o.setAttributes(path, l, false)
}

func (o *output) path(rel string) (string, error) {
	rel, err := decodePath(rel)
	if err != nil {
		return "", err
	}
	return filepath.Join(o.root, rel), nil
}

// setAttributes sets owner, permissions and times. The order matters: changing the
// owner clears the set-user-ID bit and capabilities, a file without permissions takes
// no extended attributes, and permissions change an access control list. Links have
// no permissions of their own.
func (o *output) setAttributes(path string, e fs.Entry, mode bool) error {
	owner, xattrs := e.Owner(), attributesIn(e).Xattrs
	if err := o.tolerate(os.Lchown(path, int(owner.UserID), int(owner.GroupID))); err != nil {
		return err
	}
	if err := o.tolerate(setXattrs(path, xattrs, false)); err != nil {
		return err
	}
	if mode {
		if err := o.tolerate(os.Chmod(path, e.Mode()&fs.ModBits)); err != nil {
			return err
		}
	}
	if err := o.tolerate(setXattrs(path, xattrs, true)); err != nil {
		return err
	}
	return o.tolerate(setTimes(path, e.ModTime()))
}

// tolerate counts a lack of rights, or of a file system's abilities, instead of
// failing: data with the wrong owner is better than none. EINVAL is what a user
// namespace says of an owner that it has no number for.
func (o *output) tolerate(err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		o.unapplied.Add(1)
		return nil
	}
	return err
}

// removeOld makes room for a file or link. A directory is left alone, and an
// error.
func removeOld(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return failure(CodeFailed, nil, "%s is a directory now, and a file in the snapshot: remove it and restore again", path)
	}
	return os.Remove(path)
}

// countingReader reports what is read, and ends with its context.
type countingReader struct {
	io.Reader
	stop  context.Context //nolint:containedctx // the reader's life is one call
	count restore.FileWriteProgress
}

// Read implements io.Reader.
func (r *countingReader) Read(p []byte) (int, error) {
	if err := r.stop.Err(); err != nil {
		return 0, err
	}
	n, err := r.Reader.Read(p)
	r.count(int64(n))
	return n, err
}

// onlyWriter hides ReadFrom, so that the copy uses our buffer.
type onlyWriter struct{ io.Writer }
