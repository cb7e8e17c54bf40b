package mover

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"golang.org/x/sync/errgroup"
)

// Measure says what to count of a snapshot. The words are restic's.
type Measure string

// The ways to measure a snapshot. A content is a piece of data as the repository
// stores it: a small file, or a part of a large one.
const (
	// MeasureRestoreSize counts all files, and what they hold.
	MeasureRestoreSize Measure = "restore-size"
	// MeasureFiles counts files that hold the same once.
	MeasureFiles Measure = "files-by-contents"
	// MeasureBlobs counts files as MeasureFiles does, without empty ones. Of each
	// it adds up the contents, those that occur in it repeatedly once.
	MeasureBlobs Measure = "blobs-per-file"
	// MeasureRaw counts contents, those of directories included, each once and in
	// the size in which it is stored.
	MeasureRaw Measure = "raw-data"
)

// Measured is the size of a snapshot.
type Measured struct {
	// Count is that of files, with MeasureRaw that of contents.
	Count int64 `json:"count"`
	// Size in bytes.
	Size int64 `json:"size"`
}

// measureParallel is how many directories are read at once.
const measureParallel = 16

// Measure implements Repository.
func (r *kopiaRepository) Measure(ctx context.Context, which Selector, how Measure) (Measured, error) {
	mans, err := r.find(ctx, which)
	if err != nil {
		return Measured{}, err
	}
	man := mans[len(mans)-1]
	if man.RootEntry == nil {
		return Measured{}, failure(CodeFailed, nil, "the snapshot %s has no content", man.ID)
	}
	g := newGauge(r.Repository)
	count, ok := map[Measure]counter{MeasureFiles: g.files, MeasureBlobs: g.blobs, MeasureRaw: g.raw}[how]
	if how == MeasureRestoreSize {
		s := describe(man)
		return Measured{Count: s.FileCount, Size: s.Size}, nil
	}
	if !ok {
		return Measured{}, failure(CodeBadRequest, nil, "a snapshot cannot be measured as %q", how)
	}
	if err := g.walk(ctx, man.RootEntry, count); err != nil {
		return Measured{}, r.failed(ctx, err, "measuring the "+which.String())
	}
	return g.sum, nil
}

// gauge measures a tree. Its memory grows with the number of different files and
// contents, by about a hundred bytes each.
type gauge struct {
	repo repo.Repository

	mu       sync.Mutex
	seen     map[object.ID]bool  // files and directories
	contents map[content.ID]bool // only those of raw
	sum      Measured
}

func newGauge(rep repo.Repository) *gauge {
	return &gauge{repo: rep, seen: map[object.ID]bool{}, contents: map[content.ID]bool{}}
}

// counter adds an entry that was not seen before to the sum.
type counter func(context.Context, *snapshot.DirEntry) error

// walk calls count for each different entry of the tree, some at once.
func (g *gauge) walk(ctx context.Context, root *snapshot.DirEntry, count counter) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(measureParallel)
	group.Go(func() error { return g.entry(ctx, group, root, count) })
	return group.Wait()
}

// entry counts an entry and all below it. Where no further directory can be read at
// once, it is read here and now.
func (g *gauge) entry(ctx context.Context, group *errgroup.Group, e *snapshot.DirEntry, count counter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !g.first(e) {
		return nil
	}
	if err := count(ctx, e); err != nil || e.Type != snapshot.EntryTypeDirectory {
		return err
	}
	dir, ok := newContents(g.repo).stored(e, attributes{}).(*storedDir)
	if !ok {
		return fmt.Errorf("the directory %s in the repository cannot be read", e.Name)
	}
	below, err := dir.entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range below {
		if e.Type == snapshot.EntryTypeDirectory && group.TryGo(func() error { return g.entry(ctx, group, e, count) }) {
			continue
		}
		if err := g.entry(ctx, group, e, count); err != nil {
			return err
		}
	}
	return nil
}

// first tells whether what the entry holds is met for the first time.
func (g *gauge) first(e *snapshot.DirEntry) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	known := g.seen[e.ObjectID]
	g.seen[e.ObjectID] = true
	return !known
}

func (g *gauge) add(count, size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sum.Count += count
	g.sum.Size += size
}

func (g *gauge) files(_ context.Context, e *snapshot.DirEntry) error {
	if e.Type == snapshot.EntryTypeFile {
		g.add(1, e.FileSize)
	}
	return nil
}

func (g *gauge) blobs(ctx context.Context, e *snapshot.DirEntry) error {
	if e.Type != snapshot.EntryTypeFile || e.FileSize == 0 {
		return nil
	}
	parts, err := g.repo.VerifyObject(ctx, e.ObjectID)
	if err != nil {
		return err
	}
	// The list of the parts of a large file is itself stored, and no part of the file.
	var lists []content.ID
	if list, ok := e.ObjectID.IndexObjectID(); ok {
		if lists, err = g.repo.VerifyObject(ctx, list); err != nil {
			return err
		}
	}
	var size int64
	for _, id := range parts {
		if slices.Contains(lists, id) {
			continue
		}
		info, err := g.repo.ContentInfo(ctx, id)
		if err != nil {
			return err
		}
		size += int64(info.OriginalLength)
	}
	g.add(1, size)
	return nil
}

func (g *gauge) raw(ctx context.Context, e *snapshot.DirEntry) error {
	ids, err := g.repo.VerifyObject(ctx, e.ObjectID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		g.mu.Lock()
		known := g.contents[id]
		g.contents[id] = true
		g.mu.Unlock()
		if known {
			continue
		}
		info, err := g.repo.ContentInfo(ctx, id)
		if err != nil {
			return err
		}
		g.add(1, int64(info.PackedLength))
	}
	return nil
}
