package mover

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// sparseFrom is the size from which holes are looked for.
const sparseFrom = 32 << 10

// attributesOf returns what kopia would not keep of the entry at path, without a name.
func attributesOf(path string, info os.FileInfo) (attributes, error) {
	xattrs, err := readXattrs(path)
	a := attributes{Xattrs: xattrs}
	st, known := info.Sys().(*syscall.Stat_t)
	if !known || !info.Mode().IsRegular() {
		return a, err
	}
	if st.Nlink > 1 {
		a.Link = fmt.Sprintf("%x-%x", st.Dev, st.Ino)
	}
	// Blocks are counted in units of 512 bytes everywhere. Fewer of them may also mean
	// that the file system compresses.
	if info.Size() >= sparseFrom && st.Blocks*512 < info.Size() {
		a.Sparse = hasHole(path, info.Size())
	}
	return a, err
}

// hasHole does not report errors: a file that cannot be opened is met again when its
// content is read.
func hasHole(path string, size int64) bool {
	f, err := openNoFollow(path)
	if err != nil {
		return false
	}
	hole, err := f.Seek(0, unix.SEEK_HOLE)
	return errors.Join(err, f.Close()) == nil && hole < size
}

// readXattrs returns the attributes that belong to the data. A file that is gone
// meanwhile has none.
func readXattrs(path string) (map[string][]byte, error) {
	names, err := grow(func(buf []byte) (int, error) { return unix.Llistxattr(path, buf) })
	if ignorable(err) {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "llistxattr", Path: path, Err: err}
	}
	var all map[string][]byte
	for name := range bytes.SplitSeq(names, []byte{0}) {
		if !ofData(string(name)) {
			continue
		}
		value, err := grow(func(buf []byte) (int, error) { return unix.Lgetxattr(path, string(name), buf) })
		if ignorable(err) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "lgetxattr " + string(name), Path: path, Err: err}
		}
		if all == nil {
			all = map[string][]byte{}
		}
		all[string(name)] = value
	}
	return all, nil
}

// ofData tells whether an attribute belongs to the data. SELinux labels and the like
// belong to the volume and the node: whoever mounts it sets them.
func ofData(name string) bool {
	if strings.HasPrefix(name, "trusted.overlay.") {
		return false
	}
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.") ||
		name == "security.capability" || isACL(name)
}

func isACL(name string) bool { return strings.HasPrefix(name, "system.posix_acl_") }

// ignorable errors say that there are no attributes: the file system or the entry has
// none, or is gone, or we may not see them.
func ignorable(err error) bool {
	return errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENODATA) || errors.Is(err, os.ErrNotExist) ||
		errors.Is(err, os.ErrPermission)
}

// grow calls read with a buffer that is large enough; the size may change meanwhile.
func grow(read func([]byte) (int, error)) ([]byte, error) {
	buf := make([]byte, 256)
	for {
		n, err := read(buf)
		if err == nil {
			return buf[:n], nil
		}
		if !errors.Is(err, unix.ERANGE) {
			return nil, err
		}
		if n, err = read(nil); err != nil {
			return nil, err
		}
		buf = make([]byte, max(n, 2*len(buf)))
	}
}

// setXattrs sets the access control lists, or everything else.
func setXattrs(path string, all map[string][]byte, lists bool) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if isACL(name) != lists || !ofData(name) {
			continue
		}
		if err := unix.Lsetxattr(path, name, all[name], 0); err != nil {
			errs = append(errs, &os.PathError{Op: "lsetxattr " + name, Path: path, Err: err})
		}
	}
	return errors.Join(errs...)
}
