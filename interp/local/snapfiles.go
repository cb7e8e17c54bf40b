package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A takenSnapshot is what a storage system knows of a snapshot. It is kept beside
// the files, because they outlive their VolumeSnapshotContent when its deletion
// policy is Retain.
type takenSnapshot struct {
	Handle  string `json:"-"`
	Size    int64  `json:"restoreSize"`  // bytes
	Created int64  `json:"creationTime"` // nanoseconds since 1970
}

// keepSnapshot copies the files of a volume.
func (d stateDirs) keepSnapshot(volume, handle string, size int64) (takenSnapshot, error) {
	s := takenSnapshot{Handle: handle, Size: size, Created: time.Now().UnixNano()}
	if err := replaceTree(volume, d.snapshot(handle)); err != nil {
		return s, err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	return s, writeFileAtomically(d.snapshotInfo(handle), data)
}

// findSnapshot looks a handle up as a driver would.
func (d stateDirs) findSnapshot(handle string) (takenSnapshot, error) {
	s := takenSnapshot{Handle: handle}
	if !validHandle(handle) || !isDir(d.snapshot(handle)) {
		return s, fmt.Errorf("there is no snapshot with the handle %q in this state directory; a handle stands in status.snapshotHandle of a VolumeSnapshotContent", handle)
	}
	data, err := os.ReadFile(d.snapshotInfo(handle))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return s, fmt.Errorf("restore or remove snapshot %q: %s: %w", handle, d.snapshotInfo(handle), err)
	}
	return s, nil
}

// removeSnapshot removes the files; that they are gone already is no error.
func (d stateDirs) removeSnapshot(handle string) error {
	if !validHandle(handle) {
		return nil // Nothing has such a handle.
	}
	return errors.Join(removeAll(d.snapshot(handle)), removeAll(d.snapshotInfo(handle)))
}

// snapshotInfo cannot be the name of a snapshot's files: see validHandle.
func (d stateDirs) snapshotInfo(handle string) string { return d.snapshot(handle) + ".json" }

// validHandle keeps a handle, which any user may write, within the directory of
// snapshots. Handles are names of contents that takeSnapshot made.
func validHandle(handle string) bool {
	return strings.HasPrefix(handle, "snapcontent-") && filepath.Base(handle) == handle && !strings.Contains(handle, ".")
}
