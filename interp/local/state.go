package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/types"
)

// stateDirs are the parts of a state directory.
type stateDirs struct {
	root        string
	objects     string // one YAML file an object
	volumes     string // NAMESPACE/CLAIM: the files of a PersistentVolumeClaim
	snapshots   string // CONTENT: the files of a VolumeSnapshotContent
	pods        string // UID: emptyDir volumes
	logs        string // UID: logs of containers
	objectStore string // the default location of backups
	base        string // empty; containers mount their root on it
	lock        string
}

func openStateDirs(dir string) (stateDirs, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return stateDirs{}, err
	}
	d := stateDirs{
		root:        root,
		objects:     filepath.Join(root, "objects"),
		volumes:     filepath.Join(root, "volumes"),
		snapshots:   filepath.Join(root, "snapshots"),
		pods:        filepath.Join(root, "pods"),
		logs:        filepath.Join(root, "logs"),
		objectStore: filepath.Join(root, "objectstore"),
		base:        filepath.Join(root, "root"),
		lock:        filepath.Join(root, "lock"),
	}
	for _, part := range []string{d.objects, d.volumes, d.snapshots, d.pods, d.logs, d.objectStore, d.base} {
		if err := os.MkdirAll(part, 0o700); err != nil {
			return d, fmt.Errorf("state directory: %w", err)
		}
	}
	// A container that runs as another user comes here through mounts only, and the
	// backups must be open to all of them.
	if err := os.Chmod(d.objectStore, 0o777); err != nil {
		return d, fmt.Errorf("state directory: %w", err)
	}
	// Containers see their paths through symbolic links resolved.
	if d.objectStore, err = filepath.EvalSymlinks(d.objectStore); err != nil {
		return d, fmt.Errorf("state directory: %w", err)
	}
	return d, nil
}

func (d stateDirs) pod(uid types.UID) string     { return filepath.Join(d.pods, string(uid)) }
func (d stateDirs) podLogs(uid types.UID) string { return filepath.Join(d.logs, string(uid)) }

func (d stateDirs) claim(namespace, name string) string {
	return filepath.Join(d.volumes, namespace, name)
}

func (d stateDirs) snapshot(content string) string { return filepath.Join(d.snapshots, content) }

// tidy removes what a killed process left: directories of pods that are gone, and
// copies that were never finished.
func (d stateDirs) tidy(alive map[string]bool) error {
	var errs []error
	for _, dir := range []string{d.pods, d.logs} {
		entries, err := os.ReadDir(dir)
		errs = append(errs, err)
		for _, e := range entries {
			if !alive[e.Name()] {
				errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
			}
		}
	}
	for _, pattern := range []string{filepath.Join(d.volumes, "*", "*"+tempSuffix), filepath.Join(d.snapshots, "*"+tempSuffix)} {
		left, err := filepath.Glob(pattern)
		errs = append(errs, err, removeAll(left...))
	}
	return errors.Join(errs...)
}

// removeIfEmpty tidies a directory that was made for its content.
func removeIfEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		return nil
	}
	return os.Remove(dir)
}
