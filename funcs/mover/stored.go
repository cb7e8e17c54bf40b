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
	content object.ID
	from    *contents
	// total is the size of all files below; 0 if it is not known.
	total int64
	// own are the directory's own attributes; list finds them.
	own attributes
}

// storedFile is a file in a snapshot.
type storedFile struct {
	fs.File
	attributes attributes
	content    object.ID
	from       *contents
}

// small tells that the file is worth fetching together with others.
func (f *storedFile) small() bool { return f.Size() <= smallFile }

// storedLink is a symbolic link in a snapshot.
type storedLink struct {
	fs.Symlink
	attributes attributes
}

// attributesIn returns the attributes of an entry in a snapshot.
func attributesIn(e fs.Entry) attributes {
	switch e := e.(type) {
	case *storedDir:
		return e.own
	case *storedFile:
		return e.attributes
	case *storedLink:
		return e.attributes
	}
	return attributes{}
}

// stored returns the entry that is described in a snapshot.
func (c *contents) stored(de *snapshot.DirEntry, a attributes) fs.Entry {
	switch e := snapshotfs.EntryFromDirEntry(c.repo, de).(type) {
	case fs.Directory:
		d := &storedDir{Directory: e, content: de.ObjectID, from: c}
		if s := de.DirSummary; s != nil {
			d.total = s.TotalFileSize
		}
		return d
	case fs.File:
		return &storedFile{File: e, attributes: a, content: de.ObjectID, from: c}
	case fs.Symlink:
		return &storedLink{Symlink: e, attributes: a}
	default:
		return e
	}
}

// list returns the entries of the directory, in the order of the snapshot.
func (d *storedDir) list(ctx context.Context) ([]fs.Entry, error) {
	entries, kept, err := d.described(ctx)
	if err != nil {
		return nil, err
	}
	d.own = kept[itself]
	all := make([]fs.Entry, len(entries))
	for i, de := range entries {
		all[i] = d.from.stored(de, kept[de.Name])
	}
	return all, nil
}

// Child implements fs.Directory.
func (d *storedDir) Child(ctx context.Context, name string) (fs.Entry, error) {
	entries, kept, err := d.described(ctx)
	if err != nil {
		return nil, err
	}
	i := named(entries, name)
	if i < 0 {
		return nil, fs.ErrEntryNotFound
	}
	return d.from.stored(entries[i], kept[name]), nil
}

// described returns the entries of the directory, and what its attributes file, which
// is not among them, says of them.
func (d *storedDir) described(ctx context.Context) ([]*snapshot.DirEntry, map[string]attributes, error) {
	entries, err := d.entries(ctx)
	if err != nil {
		return nil, nil, err
	}
	i := named(entries, attributesName)
	if i < 0 || entries[i].Type != snapshot.EntryTypeFile {
		return entries, nil, nil
	}
	kept, ours, err := d.kept(ctx, entries[i].ObjectID)
	if err != nil || !ours {
		return entries, nil, err
	}
	return slices.Delete(entries, i, i+1), kept, nil
}

func (d *storedDir) kept(ctx context.Context, id object.ID) (all map[string]attributes, ours bool, err error) {
	r, err := d.from.repo.OpenObject(ctx, id)
	if err != nil {
		return nil, false, fmt.Errorf("directory %s in the repository: %s: %w", d.Name(), attributesName, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if all, ours, err = readAttributes(r); err != nil {
		err = fmt.Errorf("directory %s in the repository: %w", d.Name(), err)
	}
	return all, ours, err
}

// named returns the place of the entry with the name, or -1.
func named(entries []*snapshot.DirEntry, name string) int {
	return slices.IndexFunc(entries, func(de *snapshot.DirEntry) bool { return de.Name == name })
}

func (d *storedDir) entries(ctx context.Context) (_ []*snapshot.DirEntry, err error) {
	r, err := d.from.repo.OpenObject(ctx, d.content)
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
