package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	apiresource "k8s.io/apimachinery/pkg/api/resource"
)

func quantity(bytes int64) *apiresource.Quantity {
	return apiresource.NewQuantity(bytes, apiresource.BinarySI)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// replaceTree makes to a copy of the directory from. It is there whole or not at
// all, whatever happens meanwhile.
func replaceTree(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	tmp := to + tempSuffix
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := copyTree(from, tmp); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(tmp, to)
}

// copyTree copies files with their modes, owners, times, links and holes.
func copyTree(from, to string) error {
	c := &treeCopier{links: map[fileID]string{}}
	return c.copy(from, to)
}

// fileID names a file whatever its path.
type fileID struct{ dev, ino uint64 }

type treeCopier struct {
	links map[fileID]string // where the first of a file's hard links was copied to
}

func (c *treeCopier) copy(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if first, copied := c.linked(info, to); copied {
		return os.Link(first, to)
	}
	switch {
	case info.IsDir():
		err = c.copyDir(from, to)
	case info.Mode()&fs.ModeSymlink != 0:
		err = copyLink(from, to)
	case info.Mode().IsRegular():
		err = copyFile(from, to)
	default:
		err = copySpecial(info, to)
	}
	if err != nil {
		return err
	}
	return copyAttributes(from, to, info)
}

func (c *treeCopier) linked(info fs.FileInfo, to string) (first string, copied bool) {
	id, links := identify(info)
	if info.IsDir() || links < 2 {
		return "", false
	}
	if first, copied = c.links[id]; !copied {
		c.links[id] = to
	}
	return first, copied
}

func (c *treeCopier) copyDir(from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err := c.copy(filepath.Join(from, e.Name()), filepath.Join(to, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // It was removed while we read: a snapshot may miss it.
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyLink(from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	return os.Symlink(target, to)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return closing(err, in)
	}
	if err := copySparse(in, out); err != nil {
		err = fmt.Errorf("copy %s: %w", from, err)
		return errors.Join(err, in.Close(), out.Close())
	}
	return errors.Join(in.Close(), out.Close())
}

// copySparse leaves blocks of zeros out, so that holes stay holes.
func copySparse(in io.Reader, out *os.File) error {
	buf := make([]byte, 128<<10)
	size := int64(0)
	for {
		n, err := io.ReadFull(in, buf)
		if n > 0 && !allZero(buf[:n]) {
			if _, err := out.WriteAt(buf[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return out.Truncate(size)
		}
		if err != nil {
			return err
		}
	}
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
