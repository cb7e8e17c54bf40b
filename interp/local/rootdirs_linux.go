package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The steps below run in the container's root, with the host's at oldRoot.

// mountProc shows the container's own processes. Files through which root could
// change the kernel are read-only.
func (b rootBuilder) mountProc() error {
	if err := ensureDir("/proc"); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("%w; inside another container, its /proc must be unmasked", err)
	}
	for _, name := range []string{"bus", "fs", "irq", "sys", "sysrq-trigger"} {
		path := filepath.Join("/proc", name)
		if err := bindReadOnly(path, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (b rootBuilder) mountSys() error {
	if err := ensureDir("/sys"); err != nil {
		return err
	}
	return bindReadOnly(filepath.Join(oldRoot, "sys"), "/sys")
}

// mountDev gives the few devices that any program expects, and none of the disks.
func (b rootBuilder) mountDev() error {
	if err := ensureDir("/dev"); err != nil {
		return err
	}
	if err := unix.Mount("rescue", "/dev", "tmpfs", unix.MS_NOSUID, "mode=0755"); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		device := filepath.Join(oldRoot, "dev", name)
		if _, err := os.Stat(device); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := bindFile(device, filepath.Join("/dev", name)); err != nil {
			return err
		}
	}
	links := [][2]string{{"/proc/self/fd", "fd"}, {"fd/0", "stdin"}, {"fd/1", "stdout"}, {"fd/2", "stderr"}, {"pts/ptmx", "ptmx"}}
	for _, l := range links {
		if err := os.Symlink(l[0], filepath.Join("/dev", l[1])); err != nil {
			return err
		}
	}
	if err := mountNew("devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620"); err != nil {
		return err
	}
	return mountNew("tmpfs", "/dev/shm", "mode=1777")
}

func mountNew(fstype, dir, options string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("rescue", dir, fstype, unix.MS_NOSUID, options); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

func bindFile(source, target string) error {
	if err := os.WriteFile(target, nil, 0o644); err != nil {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", source, err)
	}
	return nil
}

// hide covers the directories that hold the host's changing and private files
// with empty ones: sockets of daemons, keys, other people's temporary files.
func (b rootBuilder) hide() error {
	modes := map[string]string{"/tmp": "mode=1777", "/var/tmp": "mode=1777", "/run": "mode=0755", "/root": "mode=0700"}
	for _, dir := range append([]string{"/tmp", "/var/tmp", "/run", "/root"}, b.spec.Hide...) {
		options, fixed := modes[dir]
		if !fixed {
			options = "mode=0700"
		}
		if err := ensureDir(dir); err != nil {
			return err
		}
		if err := mountNew("tmpfs", dir, options); err != nil {
			return err
		}
	}
	return nil
}

func (b rootBuilder) setHostname() error {
	if b.spec.Hostname == "" {
		return nil
	}
	if err := unix.Sethostname([]byte(b.spec.Hostname)); err != nil {
		return err
	}
	return b.writeHosts()
}

// writeHosts makes the container's own /etc/hosts.
func (b rootBuilder) writeHosts() error {
	if b.spec.Hosts == "" {
		return nil
	}
	const own = "/run/rescue/hosts"
	if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(own, []byte(b.spec.Hosts), 0o644); err != nil {
		return err
	}
	if err := ensureFile("/etc/hosts"); err != nil {
		return err
	}
	return unix.Mount(own, "/etc/hosts", "", unix.MS_BIND, "")
}

// showProgram puts the running program where PATH finds it.
func (b rootBuilder) showProgram() error {
	if err := os.MkdirAll(binDir, 0o755); err != nil {
		return err
	}
	if b.spec.Program == "" {
		return nil
	}
	program := filepath.Join(binDir, "rescue")
	if err := bindFile(filepath.Join(oldRoot, b.spec.Program), program); err != nil {
		return err
	}
	if err := makeReadOnly(program); err != nil {
		return err
	}
	return os.Symlink("rescue", filepath.Join(binDir, "kando"))
}

// ensureDir makes a directory of the container. Where the host's files are
// read-only, the nearest directory that exists becomes one in memory that shows
// the same entries.
func ensureDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is a file on this machine, not a directory", dir)
		}
		return nil
	}
	err := os.MkdirAll(dir, 0o755)
	if err == nil || !unwritable(err) {
		return err
	}
	if err := replaceDir(nearestDir(dir)); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// ensureFile makes sure that there is a file to mount another one over.
func ensureFile(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	dir := filepath.Dir(path)
	if err := ensureDir(dir); err != nil {
		return err
	}
	err := os.WriteFile(path, nil, 0o644)
	if err == nil || !unwritable(err) {
		return err
	}
	if err := replaceDir(dir); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o644)
}

func unwritable(err error) bool {
	return errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission)
}

func nearestDir(path string) string {
	for {
		path = filepath.Dir(path)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path
		}
	}
}

// replaceDir mounts memory over dir and binds what was there into it.
func replaceDir(dir string) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	const aside = oldRoot + "/dev" // covered: nothing below reads the host's devices any more
	if err := bindTree(real, aside); err != nil {
		return err
	}
	if err := unix.Mount("rescue", real, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount memory over %s: %w", real, err)
	}
	if err := bindEntries(aside, real, nil, bindTree); err != nil {
		return fmt.Errorf("show what is in %s: %w", real, err)
	}
	return unix.Unmount(aside, unix.MNT_DETACH)
}
