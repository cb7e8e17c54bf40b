package mover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/snapshotfs"
)

// storedDir is a directory in a snapshot. It reads the entries itself because
// kopia replaces the time of a directory by that of its newest file.
type storedDir struct {
	fs.Directory
	content  object.ID
	prefetch *prefetcher
}

// stored returns the entry that is described in a snapshot.
func (p *prefetcher) stored(de *snapshot.DirEntry) fs.Entry {
	switch e := snapshotfs.EntryFromDirEntry(p.repo, de).(type) {
	case fs.Directory:
		return &storedDir{Directory: e, content: de.ObjectID, prefetch: p}
	case fs.File:
		if de.FileSize > smallFile {
			return e
		}
		return &storedFile{File: e, batch: p.add(de)}
	default:
		return e
	}
}

// Iterate implements fs.Directory, in the order of the snapshot.
func (d *storedDir) Iterate(ctx context.Context) (fs.DirectoryIterator, error) {
	entries, err := d.entries(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]fs.Entry, len(entries))
	for i, de := range entries {
		all[i] = d.prefetch.stored(de)
	}
	return fs.StaticIterator(all, nil), nil
}

// Child implements fs.Directory.
func (d *storedDir) Child(ctx context.Context, name string) (fs.Entry, error) {
	entries, err := d.entries(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(de *snapshot.DirEntry) bool { return de.Name == name })
	if i < 0 {
		return nil, fs.ErrEntryNotFound
	}
	return d.prefetch.stored(entries[i]), nil
}

func (d *storedDir) entries(ctx context.Context) (_ []*snapshot.DirEntry, err error) {
	r, err := d.prefetch.repo.OpenObject(ctx, d.content)
	if err != nil {
		return nil, fmt.Errorf("directory %s in the repository: %w", d.Name(), err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var dir snapshot.DirManifest
	if err := json.NewDecoder(r).Decode(&dir); err != nil {
		return nil, fmt.Errorf("directory %s in the repository: %w", d.Name(), err)
	}
	return dir.Entries, nil
}
