package local

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func identify(info fs.FileInfo) (fileID, uint64) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, 1
	}
	return fileID{dev: uint64(stat.Dev), ino: stat.Ino}, uint64(stat.Nlink)
}

// copySpecial makes pipes again. Sockets belong to programs that run, and devices
// to the machine.
func copySpecial(info fs.FileInfo, to string) error {
	if info.Mode()&fs.ModeNamedPipe == 0 {
		return os.ErrNotExist
	}
	return unix.Mkfifo(to, 0o600)
}

func copyAttributes(from, to string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("no owner known of " + to)
	}
	if err := os.Lchown(to, int(stat.Uid), int(stat.Gid)); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		if err := unix.Chmod(to, stat.Mode&0o7777); err != nil {
			return err
		}
	}
	if err := copyXattrs(from, to); err != nil {
		return err
	}
	times := []unix.Timespec{unix.Timespec(stat.Atim), unix.Timespec(stat.Mtim)}
	return unix.UtimesNanoAt(unix.AT_FDCWD, to, times, unix.AT_SYMLINK_NOFOLLOW)
}

func copyXattrs(from, to string) error {
	names := make([]byte, 64<<10)
	n, err := unix.Llistxattr(from, names)
	if errors.Is(err, unix.ENOTSUP) || n == 0 && err == nil {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range splitNul(names[:n]) {
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(from, name, value)
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return err
		}
		// Attributes of the kernel's own need root.
		if err := unix.Lsetxattr(to, name, value[:n], 0); err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOTSUP) {
			return err
		}
	}
	return nil
}

func splitNul(data []byte) []string {
	var list []string
	start := 0
	for i, b := range data {
		if b == 0 {
			list = append(list, string(data[start:i]))
			start = i + 1
		}
	}
	return list
}
