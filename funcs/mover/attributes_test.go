package mover_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rescuecue/rescue/funcs/mover"
)

// setXattr skips the test where the file system has no such attributes.
func setXattr(t *testing.T, path, name string, value []byte) {
	t.Helper()
	err := unix.Lsetxattr(path, name, value, 0)
	if errors.Is(err, unix.ENOTSUP) {
		t.Skipf("%s: the file system has no extended attributes", path)
	}
	must(t, err)
}

func xattr(t *testing.T, path, name string) string {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, err := unix.Lgetxattr(path, name, buf)
	if err != nil {
		t.Errorf("%s: %s: %v", path, name, err)
		return ""
	}
	return string(buf[:n])
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}

// accessList allows user 1234 to read, as `setfacl -m u:1234:r` does.
func accessList() []byte {
	acl := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 6, 1<<32 - 1}, {2, 4, 1234}, {4, 4, 1<<32 - 1}, {0x10, 4, 1<<32 - 1}, {0x20, 0, 1<<32 - 1}} {
		acl = binary.LittleEndian.AppendUint16(acl, e.tag)
		acl = binary.LittleEndian.AppendUint16(acl, e.perm)
		acl = binary.LittleEndian.AppendUint32(acl, e.id)
	}
	return acl
}

// attributedTree has what kopia itself does not keep.
func attributedTree(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "data")
	write(t, filepath.Join(dir, "one"), []byte("one file"))
	write(t, filepath.Join(dir, "below", "other"), []byte("another"))
	must(t, os.Link(filepath.Join(dir, "one"), filepath.Join(dir, "two\xff")))
	must(t, os.Link(filepath.Join(dir, "one"), filepath.Join(dir, "below", "three")))
	setXattr(t, filepath.Join(dir, "below", "other"), "user.note", []byte("a\x00b\xff"))
	setXattr(t, filepath.Join(dir, "below", "other"), "user.empty", nil)
	setXattr(t, filepath.Join(dir, "below", "other"), "system.posix_acl_access", accessList())
	setXattr(t, filepath.Join(dir, "below"), "user.dir", []byte("dir"))
	setXattr(t, dir, "user.root", bytes.Repeat([]byte("r"), 2000))
	must(t, os.Chmod(filepath.Join(dir, "below", "other"), 0o440))
	return dir
}

// TestHardLinksAndAttributes: names of one file are so again, and extended attributes
// are back.
func TestHardLinksAndAttributes(t *testing.T) {
	src := attributedTree(t)
	r := shared(t)
	res := backup(t, r, src, "")
	if res.FileCount != 4 || res.RootSize != 3*8+7 {
		t.Errorf("%d files of %d bytes, want 4 of 31", res.FileCount, res.RootSize)
	}
	want, list := tree(t, src), xattr(t, src+"/below/other", "system.posix_acl_access")
	check := func(root string) {
		t.Helper()
		if diff := cmp.Diff(want, tree(t, root)); diff != "" {
			t.Errorf("restored tree differs (-want +got):\n%s", diff)
		}
		if a, b, c := inode(t, root+"/one"), inode(t, root+"/two\xff"), inode(t, root+"/below/three"); a != b || b != c {
			t.Errorf("the names are files %d, %d and %d", a, b, c)
		}
		other := filepath.Join(root, "below", "other")
		got := []string{
			xattr(t, other, "user.note"), xattr(t, other, "user.empty"), xattr(t, other, "system.posix_acl_access"),
			xattr(t, root+"/below", "user.dir"), xattr(t, root, "user.root")[:3],
		}
		if diff := cmp.Diff([]string{"a\x00b\xff", "", list, "dir", "rrr"}, got); diff != "" {
			t.Errorf("attributes differ (-want +got):\n%s", diff)
		}
	}
	target := t.TempDir()
	sel := mover.Selector{ID: res.SnapshotID}
	got := restore(t, r, mover.RestoreRequest{Selector: sel, Target: target})
	check(got.Path)
	if got.FileCount != res.FileCount || got.Unapplied != 0 {
		t.Errorf("restored: %+v", got)
	}
	restore(t, r, mover.RestoreRequest{Selector: sel, Target: target})
	check(got.Path) // over what is there

	// A part has the names that lie in it.
	part := restore(t, r, mover.RestoreRequest{Selector: sel, Target: t.TempDir(), SubPath: filepath.Join(src, "below")})
	if xattr(t, part.Path, "user.dir") != "dir" || inode(t, part.Path+"/three") == inode(t, part.Path+"/other") {
		t.Errorf("%s is not what it was", part.Path)
	}
}

// TestAttributesChange: a change of nothing but an attribute, of the same length, is seen
// by the next backup.
func TestAttributesChange(t *testing.T) {
	src := filepath.Join(t.TempDir(), "data")
	write(t, filepath.Join(src, "file"), []byte("x"))
	r := shared(t)
	for _, value := range []string{"before", "after!"} {
		setXattr(t, filepath.Join(src, "file"), "user.note", []byte(value))
		id := backup(t, r, src, "").SnapshotID
		got := restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: id}, Target: t.TempDir()})
		if now := xattr(t, filepath.Join(got.Path, "file"), "user.note"); now != value {
			t.Errorf("restored %q, want %q", now, value)
		}
	}
}

// TestSparseFiles: holes are holes again, and zeros that were written stay so.
func TestSparseFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("holes are kept on Linux")
	}
	src := filepath.Join(t.TempDir(), "data")
	const size = 8<<20 + 123
	for i, at := range [][]int64{nil, {0}, {size - 3}, {4095, 1 << 20, 3<<20 + 1}} {
		path := filepath.Join(src, fmt.Sprintf("holes%d", i))
		write(t, path, nil)
		must(t, os.Truncate(path, size))
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		must(t, err)
		for _, off := range at {
			_, err := f.WriteAt([]byte("abc"), off)
			must(t, err)
		}
		must(t, f.Close())
	}
	write(t, filepath.Join(src, "zeros"), make([]byte, size))
	r := shared(t)
	id := backup(t, r, src, "").SnapshotID
	got := restore(t, r, mover.RestoreRequest{Selector: mover.Selector{ID: id}, Target: t.TempDir()})
	if diff := cmp.Diff(tree(t, src), tree(t, got.Path)); diff != "" {
		t.Errorf("restored tree differs (-want +got):\n%s", diff)
	}
	for i := range 4 {
		if used := blocks(t, filepath.Join(got.Path, fmt.Sprintf("holes%d", i))); used > 64<<10 {
			t.Errorf("holes%d uses %d bytes", i, used)
		}
	}
	if used := blocks(t, filepath.Join(got.Path, "zeros")); used < size {
		t.Errorf("the zeros use %d bytes, want all %d", used, size)
	}
}

// blocks is the space that a file takes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
