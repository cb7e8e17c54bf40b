package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// oldRoot is where the host's root is while the container's is built. It goes away
// before the container's first program starts.
const oldRoot = "/.oldroot"

// A rootBuilder makes the root file system of a container, in a mount namespace
// of its own.
type rootBuilder struct {
	spec sandboxSpec
}

// build leaves the calling process in the container's root.
func (b rootBuilder) build() error {
	steps := []struct {
		what string
		do   func() error
	}{
		{"keep the mounts from the host", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"mount memory at " + b.spec.Base, b.mountBase},
		{"build the root", b.buildRoot},
		{"enter the root", b.pivot},
		{"mount /proc", b.mountProc},
		{"mount /sys", b.mountSys},
		{"mount /dev", b.mountDev},
		{"hide directories of the host", b.hide},
		{"set the host name", b.setHostname},
		{"show the program", b.showProgram},
		{"make volumes", b.makeVolumes},
		{"mount volumes", b.mountVolumes},
		{"make the working directory", b.makeWorkDir},
		{"leave the host's root", leaveOldRoot},
		{"make the root read-only", b.protectRoot},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

func (b rootBuilder) newRoot() string { return filepath.Join(b.spec.Base, "root") }

// mountBase gives the place for all that is thrown away.
func (b rootBuilder) mountBase() error {
	if err := unix.Mount("rescue", b.spec.Base, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	for _, dir := range []string{"root", "volumes"} {
		if err := os.Mkdir(filepath.Join(b.spec.Base, dir), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (b rootBuilder) buildRoot() error {
	if b.spec.Mode.Overlay {
		return b.overlayRoot()
	}
	return b.readOnlyRoot()
}

// overlayRoot lays an overlay over each file system of the host that holds files.
func (b rootBuilder) overlayRoot() error {
	mounts, err := fileMounts("/proc/self/mountinfo", b.spec.Base)
	if err != nil {
		return err
	}
	for i, mount := range mounts {
		layer := filepath.Join(b.spec.Base, fmt.Sprintf("layer%d", i))
		if err := b.overlay(layer, mount); err != nil {
			if mount == "/" {
				return err
			}
			// Some file systems cannot be a lower layer. Read-only keeps them whole too.
			if err := bindReadOnly(mount, filepath.Join(b.newRoot(), mount)); err != nil {
				return fmt.Errorf("%s: %w", mount, err)
			}
		}
	}
	return nil
}

func (b rootBuilder) overlay(layer, lower string) error {
	upper, work := filepath.Join(layer, "upper"), filepath.Join(layer, "work")
	info, err := os.Stat(lower)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", lower)
	}
	for _, dir := range []string{upper, work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	// The upper layer's own mode and owner are those of the merged root.
	if err := likeOriginal(upper, info); err != nil {
		return err
	}
	escape := strings.NewReplacer(`\`, `\\`, ":", `\:`, ",", `\,`)
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", escape.Replace(lower), escape.Replace(upper), escape.Replace(work))
	return unix.Mount("rescue", filepath.Join(b.newRoot(), lower), "overlay", 0, options)
}

func likeOriginal(path string, info fs.FileInfo) error {
	if err := os.Chmod(path, info.Mode()); err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return os.Chown(path, int(stat.Uid), int(stat.Gid))
}

// ownDirs are not taken from the host: they get file systems of their own.
var ownDirs = []string{"proc", "sys", "dev", "tmp", "run"}

// readOnlyRoot binds what is in the host's root, read-only, into an empty one.
func (b rootBuilder) readOnlyRoot() error {
	root := b.newRoot()
	if err := unix.Mount("rescue", root, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	return bindEntries("/", root, ownDirs, bindReadOnly)
}

// bindEntries shows in dir, which can be written, what from holds.
func bindEntries(from, dir string, skip []string, bind func(source, target string) error) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if slices.Contains(skip, e.Name()) {
			continue
		}
		if err := bindEntry(from, dir, e, bind); err != nil {
			return err
		}
	}
	return nil
}

func bindEntry(from, dir string, e fs.DirEntry, bind func(source, target string) error) error {
	source, target := filepath.Join(from, e.Name()), filepath.Join(dir, e.Name())
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		link, err := os.Readlink(source)
		if err != nil {
			return err
		}
		return os.Symlink(link, target)
	case e.IsDir():
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
	case e.Type().IsRegular():
		if err := os.WriteFile(target, nil, 0o644); err != nil {
			return err
		}
	default:
		return nil // Sockets, pipes and devices of the host are not for containers.
	}
	return bind(source, target)
}

// bindTree mounts source at target with all that is mounted below it. What was
// read-only stays so.
func bindTree(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s: %w", source, err)
	}
	return nil
}

func bindReadOnly(source, target string) error {
	if err := bindTree(source, target); err != nil {
		return err
	}
	return makeReadOnly(target)
}

func makeReadOnly(target string) error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &attr)
	if errors.Is(err, unix.ENOSYS) {
		return errors.New("the kernel is too old: mount_setattr came with Linux 5.12")
	}
	if err != nil {
		return fmt.Errorf("make %s read-only: %w", target, err)
	}
	return nil
}

func (b rootBuilder) pivot() error {
	root := b.newRoot()
	put := filepath.Join(root, oldRoot)
	if err := os.Mkdir(put, 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, put); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	return unix.Chdir("/")
}

func leaveOldRoot() error {
	if err := unix.Unmount(oldRoot, unix.MNT_DETACH); err != nil {
		return err
	}
	return os.Remove(oldRoot)
}
