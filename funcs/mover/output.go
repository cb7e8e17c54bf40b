package mover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/kopia/kopia/fs"
)

// output writes a restored tree. It replaces files and links that are in the way
// and goes into directories that exist, but never replaces a directory by a file
// and never follows a link.
type output struct {
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

// beginDirectory makes a directory, which stays writable for us until finishDirectory.
func (o *output) beginDirectory(rel string) error {
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

func (o *output) finishDirectory(rel string, d *storedDir) error {
	path, err := o.path(rel)
	if err != nil {
		return err
	}
	return o.setAttributes(path, d, true)
}

// writeFile writes a file, and tells written of its bytes as they come.
func (o *output) writeFile(ctx context.Context, rel string, f *storedFile, written func(int64)) error {
	path, err := o.path(rel)
	if err != nil {
		return err
	}
	link := f.attributes.Link
	if link == "" {
		return o.newFile(ctx, path, f, written)
	}
	known, _ := o.links.LoadOrStore(link, &linked{})
	file := known.(*linked)
	file.mu.Lock()
	defer file.mu.Unlock()
	if file.path != "" {
		return o.linkFile(ctx, file.path, path, f, written)
	}
	file.path = path
	return o.newFile(ctx, path, f, written)
}

// linkFile gives a file that was restored one more name. Where that cannot be, because
// another volume is mounted there for example, it becomes a file of its own.
func (o *output) linkFile(ctx context.Context, existing, path string, f *storedFile, written func(int64)) error {
	if err := removeOld(path); err != nil {
		return err
	}
	if os.Link(existing, path) != nil {
		return o.newFile(ctx, path, f, written)
	}
	written(f.Size())
	return nil
}

func (o *output) newFile(ctx context.Context, path string, f *storedFile, written func(int64)) error {
	w, err := newEmpty(path)
	if err != nil {
		return err
	}
	if err := errors.Join(f.writeTo(ctx, w, written), w.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return o.setAttributes(path, f, true)
}

// newEmpty makes an empty file. One that is in the way is removed first: that frees its
// space, and leaves other hard links to it alone.
func newEmpty(path string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	w, err := os.OpenFile(path, flags, 0o600)
	if !errors.Is(err, os.ErrExist) {
		return w, err
	}
	if err := removeOld(path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, flags, 0o600)
}

// writeLink makes a symbolic link.
func (o *output) writeLink(ctx context.Context, rel string, l *storedLink) error {
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
