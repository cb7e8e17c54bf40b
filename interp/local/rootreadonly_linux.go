package local

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// protectRoot makes all read-only but the volumes, for a container that asked for a
// root file system like that.
func (b rootBuilder) protectRoot() error {
	if !b.spec.ReadOnlyRoot {
		return nil
	}
	writable := []string{"/proc", "/sys", "/dev"}
	for _, m := range b.spec.Mounts {
		writable = append(writable, m.Target)
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	mounts, err := parseMounts(f, writable)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, mount := range mounts {
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		err := unix.MountSetattr(unix.AT_FDCWD, mount, 0, &attr)
		// What this user cannot reach, such as the volumes of a kubelet on this machine,
		// the container cannot reach either.
		if err != nil && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s: %w", mount, err)
		}
	}
	return nil
}
