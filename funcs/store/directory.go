package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/rescuecue/rescue/compat"
)

const (
	// partialDir holds files that are being written.
	partialDir = ".rescue-partial"
	dirMode    = 0o700
	fileMode   = 0o600
	// publishTries is far more often than folders vanish under a Put.
	publishTries = 100
)

// directory is a Store of files. os.Root keeps keys and symbolic links from
// leading out of it.
type directory struct {
	root *os.Root
}

func openDirectory(l compat.Location) (*directory, error) {
	if !filepath.IsAbs(l.Endpoint) {
		return nil, fmt.Errorf("location endpoint %q is not the absolute path of a directory", l.Endpoint)
	}
	if l.Bucket != "" && !fs.ValidPath(l.Bucket) {
		return nil, fmt.Errorf("location bucket %q is not a folder below the endpoint", l.Bucket)
	}
	base, err := os.OpenRoot(l.Endpoint)
	if err != nil {
		return nil, noDirectory(l, err)
	}
	if l.Bucket == "" || l.Bucket == "." {
		return &directory{root: base}, nil
	}
	defer base.Close() // only read from, and the new root does not need it
	if err := base.MkdirAll(l.Bucket, dirMode); err != nil {
		return nil, fmt.Errorf("make the location's folder: %w", err)
	}
	root, err := base.OpenRoot(l.Bucket)
	if err != nil {
		return nil, fmt.Errorf("open the location's folder: %w", err)
	}
	return &directory{root: root}, nil
}

// noDirectory says where the directory of a location may be instead.
func noDirectory(l compat.Location, err error) error {
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("open the location's directory: %w", err)
	case l.Claim != "":
		return fmt.Errorf("the location's directory %s is not here: it is in the claim %s, which only pods that mount it can reach", l.Endpoint, l.Claim)
	}
	return fmt.Errorf("the location's directory %s does not exist; make it first", l.Endpoint)
}

func (d *directory) Close() error { return d.root.Close() }

// checkKey refuses what cannot be the path of a file.
func checkKey(key string) error {
	if !fs.ValidPath(key) || key == "." {
		return fmt.Errorf("key %q is not a path such as a/b/c", key)
	}
	if key == partialDir || strings.HasPrefix(key, partialDir+"/") {
		return fmt.Errorf("key %q is reserved for files that are being written", key)
	}
	return nil
}

// Put writes beside the others first and renames, so that no reader ever sees a
// part of the object.
func (d *directory) Put(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	if err := d.root.MkdirAll(partialDir, dirMode); err != nil {
		return 0, err
	}
	partial := path.Join(partialDir, rand.Text())
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("put %s: %w", key, err), d.remove(partial))
		}
	}()
	if size, err = d.write(partial, untilDone(ctx, r)); err != nil {
		return 0, err
	}
	if err = d.publish(partial, key); err != nil {
		return 0, err
	}
	return size, nil
}

// write makes a file and returns when it is on the disk.
func (d *directory) write(name string, r io.Reader) (int64, error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	return size, errors.Join(err, f.Close())
}

// publish gives a finished file its name. While the folder is made, somebody else
// may delete its last object and the folder with it, which shows as a folder that
// is missing or as one that is there and then is not; so it is tried again.
func (d *directory) publish(partial, key string) error {
	dir := path.Dir(key)
	var err error
	for range publishTries {
		if err = d.root.MkdirAll(dir, dirMode); err == nil {
			err = d.root.Rename(partial, key)
		}
		if err == nil {
			return d.syncDir(dir)
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return err
}

func (d *directory) syncDir(name string) error {
	f, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the object was deleted again
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *directory) Get(ctx context.Context, key string, w io.Writer) (int64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	f, err := d.root.Open(key)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close() // only read from
	n, err := io.Copy(w, untilDone(ctx, f))
	if err != nil {
		return n, fmt.Errorf("get %s: %w", key, err)
	}
	return n, nil
}

func (d *directory) List(ctx context.Context, prefix string, each func(Object) error) error {
	// Without this, a prefix in one folder would walk through all of them.
	start := path.Dir(prefix)
	if prefix == "" || !fs.ValidPath(start) {
		start = "."
	}
	return fs.WalkDir(d.root.FS(), start, func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
			return nil
		case err != nil:
			return err
		case e.IsDir() && skipDir(name, prefix):
			return fs.SkipDir
		case !e.Type().IsRegular() || !strings.HasPrefix(name, prefix):
			return nil
		}
		return listFile(name, e, each)
	})
}

// skipDir is for folders whose objects cannot start with the prefix.
func skipDir(name, prefix string) bool {
	if name == partialDir {
		return true
	}
	return name != "." && !strings.HasPrefix(name+"/", prefix) && !strings.HasPrefix(prefix, name+"/")
}

func listFile(name string, e fs.DirEntry, each func(Object) error) error {
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return each(Object{Key: name, Size: info.Size(), Modified: info.ModTime()})
}

func (d *directory) Delete(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if info, err := d.root.Lstat(key); err == nil && info.IsDir() {
		return nil // a folder is no object
	}
	if err := d.remove(key); err != nil {
		return err
	}
	// Empty folders go too: they are no objects. One that is not empty stays,
	// and removing it fails.
	for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
		if d.root.Remove(dir) != nil {
			break
		}
	}
	return nil
}

// remove deletes a file, if it is there.
func (d *directory) remove(name string) error {
	err := d.root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
