package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

func (b rootBuilder) volumeDir(name string) string {
	return filepath.Join(oldRoot, b.spec.Base, "volumes", name)
}

// makeVolumes binds the volumes that are directories of the host, and writes the
// files of the others into memory: a Secret never gets onto the disk this way.
func (b rootBuilder) makeVolumes() error {
	for _, v := range b.spec.Volumes {
		if err := b.makeVolume(v); err != nil {
			return fmt.Errorf("volume %s: %w", v.Name, err)
		}
	}
	return nil
}

func (b rootBuilder) makeVolume(v volumeSpec) error {
	dir := b.volumeDir(v.Name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if v.Dir != "" {
		return bindTree(filepath.Join(oldRoot, v.Dir), dir)
	}
	for _, f := range v.Files {
		if err := writeVolumeFile(dir, f); err != nil {
			return err
		}
	}
	return nil
}

func writeVolumeFile(dir string, f fileSpec) error {
	path := filepath.Join(dir, f.Path)
	if !below(path, []string{dir}) {
		return fmt.Errorf("path %q leads out of the volume", f.Path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, f.Data, 0o600); err != nil {
		return err
	}
	return os.Chmod(path, os.FileMode(f.Mode))
}

func (b rootBuilder) mountVolumes() error {
	for _, m := range b.spec.Mounts {
		if err := b.mountVolume(m); err != nil {
			return fmt.Errorf("volume %s at %s: %w", m.Volume, m.Target, err)
		}
	}
	return nil
}

func (b rootBuilder) mountVolume(m mountSpec) error {
	fd, isDir, err := openSubPath(b.volumeDir(m.Volume), m.SubPath)
	if err != nil {
		return err
	}
	source := "/proc/self/fd/" + strconv.Itoa(fd)
	err = mountOver(source, m.Target, isDir, m.ReadOnly)
	return errors.Join(err, unix.Close(fd))
}

func (b rootBuilder) makeWorkDir() error {
	if b.spec.WorkDir == "" {
		return nil
	}
	return ensureDir(b.spec.WorkDir)
}

func mountOver(source, target string, isDir, readOnly bool) error {
	ensure := ensureFile
	if isDir {
		ensure = ensureDir
	}
	if err := ensure(target); err != nil {
		return err
	}
	if err := bindTree(source, target); err != nil {
		return err
	}
	if readOnly {
		return makeReadOnly(target)
	}
	return nil
}

// openSubPath opens what is mounted. A symbolic link in the volume must not lead
// to the host's files, so the kernel keeps the walk below the volume.
func openSubPath(dir, sub string) (fd int, isDir bool, err error) {
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false, err
	}
	if sub == "" {
		return root, true, nil
	}
	fd, err = openBelow(root, sub)
	if errors.Is(err, unix.ENOENT) {
		// Kubernetes makes a directory of a subPath that is missing.
		if err = os.MkdirAll(filepath.Join(dir, sub), 0o777); err == nil {
			fd, err = openBelow(root, sub)
		}
	}
	if err := errors.Join(err, unix.Close(root)); err != nil {
		return -1, false, fmt.Errorf("subPath %s: %w", sub, err)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return -1, false, errors.Join(err, unix.Close(fd))
	}
	return fd, stat.Mode&unix.S_IFMT == unix.S_IFDIR, nil
}

func openBelow(root int, sub string) (int, error) {
	return unix.Openat2(root, sub, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	})
}
