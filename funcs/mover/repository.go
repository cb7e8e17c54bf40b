package mover

import (
	"context"
	"time"

	"github.com/rescuecue/rescue/compat"
)

// Repository is an open repository of backups. Its methods may be called
// concurrently. The errors that callers tell apart carry a Code; see CodeOf.
type Repository interface {
	// Backup stores a file or a directory with all that is below it. When ctx
	// ends, what was uploaded so far stays and is reused by the next backup.
	Backup(ctx context.Context, req BackupRequest) (BackupResult, error)
	// Restore writes a snapshot, or a part of it, to a directory.
	Restore(ctx context.Context, req RestoreRequest) (RestoreResult, error)
	// Delete forgets the snapshot of that ID, or all snapshots with that tag.
	// Their data goes when space is next reclaimed.
	Delete(ctx context.Context, which Selector) error
	// List returns the complete snapshots, oldest first.
	List(ctx context.Context) ([]Snapshot, error)
	// Find returns one snapshot: that of the ID, or the newest with the tag.
	Find(ctx context.Context, which Selector) (Snapshot, error)
	// Measure says how large a snapshot is: that of the ID, or the newest with the
	// tag.
	Measure(ctx context.Context, which Selector, how Measure) (Measured, error)
	// Reclaim deletes the data that no snapshot needs. It waits for backups and
	// restores to end, and holds new ones up. If the repository stays in use, it
	// does nothing, and says so.
	Reclaim(ctx context.Context) (ReclaimResult, error)
	// Close releases the repository and removes the local cache.
	Close(ctx context.Context) error
}

// Location says where a repository is and how to get in.
type Location struct {
	// Profile names the store and holds its credentials.
	Profile *compat.Profile
	// Path of the repository in the store: bucket/prefix.
	Path string
	// Password of the repository.
	Password string
	// Namespace is the namespace that the data belongs to. New snapshots are
	// those of rescue@NAMESPACE.
	Namespace string
	// InsecureTLS accepts any certificate of the store, as the profile's
	// skipSSLVerify does.
	InsecureTLS bool
}

// Selector names snapshots. Exactly one of its fields is set.
type Selector struct {
	ID  string `json:"id,omitempty"`
	Tag string `json:"tag,omitempty"`
}

func (s Selector) String() string {
	if s.ID != "" {
		return "snapshot " + s.ID
	}
	return "snapshot with the tag " + s.Tag
}

// BackupRequest says what to store.
type BackupRequest struct {
	// Path of the directory or file. A symbolic link at the path itself is
	// followed, links below it are stored as links.
	Path string
	// Tag to find the snapshot by; it may be empty.
	Tag string
	// Tags are further tags, by name; the kopia program shows them as NAME:VALUE.
	Tags map[string]string
	// Origin names where the data lives, such as a volume. A file counts as
	// unchanged only by a snapshot of the same path and origin.
	Origin string
	// Ahead has looked at Path already; nil is fine.
	Ahead *Ahead
	// Parallel is the number of files read at once; 0 means two more than processors.
	Parallel int
	// Progress is called now and then, never concurrently. It may be nil.
	Progress func(Progress)
}

// BackupResult describes a new snapshot. Sizes are in bytes.
type BackupResult struct {
	SnapshotID string `json:"snapshotID"`
	// Path is the absolute path that the snapshot is stored under.
	Path string `json:"path"`
	// RootSize is the sum of the sizes of all files.
	RootSize int64 `json:"rootSize"`
	// FileCount counts files, without directories and links.
	FileCount int64 `json:"fileCount"`
	// PhysicalSize is what had to be uploaded.
	PhysicalSize int64 `json:"physicalSize"`
	// Skipped names the first few sockets, pipes and devices: they have no
	// content that could be stored. SkippedCount counts them all.
	Skipped      []string `json:"skipped,omitempty"`
	SkippedCount int      `json:"skippedCount,omitempty"`
	// Vanished names the first few files that were deleted while the backup ran.
	Vanished      []string `json:"vanished,omitempty"`
	VanishedCount int      `json:"vanishedCount,omitempty"`
}

// RestoreRequest says what to write where.
type RestoreRequest struct {
	Selector
	// Target is the directory below which the snapshot appears with its full
	// original path: a snapshot of /var/log restored to /mnt is in /mnt/var/log.
	Target string
	// SubPath restores just this original path. Its content goes straight into
	// Target: with the sub-path /var/log/nginx, into /mnt.
	SubPath string
	// Parallel is the number of files written at once; 0 means 8.
	Parallel int
	// Progress is called now and then, never concurrently. It may be nil.
	Progress func(Progress)
}

// RestoreResult describes what was written. Sizes are in bytes.
type RestoreResult struct {
	SnapshotID string `json:"snapshotID"`
	// Path is where the root of what was restored is now.
	Path      string `json:"path"`
	Size      int64  `json:"size"`
	FileCount int64  `json:"fileCount"`
	// Unapplied counts owners, permissions and times that could not be set
	// because the process lacks the rights.
	Unapplied int64 `json:"unapplied,omitempty"`
}

// Snapshot describes a snapshot in a repository. Size is in bytes.
type Snapshot struct {
	ID        string    `json:"id"`
	Path      string    `json:"path"`
	Tag       string    `json:"tag,omitempty"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Size      int64     `json:"size"`
	FileCount int64     `json:"fileCount"`
}

// Progress are the figures of a copy that is under way, in bytes.
type Progress struct {
	// Hashed is what was read, Cached what did not have to be read again,
	// Uploaded what went to the store. A restore has only Restored.
	Hashed   int64 `json:"hashed,omitempty"`
	Cached   int64 `json:"cached,omitempty"`
	Uploaded int64 `json:"uploaded,omitempty"`
	Restored int64 `json:"restored,omitempty"`
	// Estimated is how much there is in all, for a backup what the one before had; 0
	// while it is not known.
	Estimated int64 `json:"estimated,omitempty"`
}
