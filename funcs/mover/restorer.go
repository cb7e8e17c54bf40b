package mover

import (
	"context"
	"fmt"
	"path"
	"sync/atomic"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/object"
	"golang.org/x/sync/errgroup"
)

const (
	// Files up to smallFile bytes are fetched in batches. Larger ones have so much to
	// read that a request more does not count.
	smallFile = 1 << 20
	// A batch is full with batchFiles files, or with batchBytes bytes to fetch.
	batchFiles = 4096
	batchBytes = 8 << 20
	// batchesFetched is how many batches are fetched while others are written.
	batchesFetched = 2
	// A writer gets this many small files of a folder at once. If several made files in
	// the same folder, they would mostly wait for each other.
	turnFiles = 32
)

// restorer writes a stored tree. One part of it walks through the folders and gathers
// files, others fetch what these hold, others write. Few batches of files are under way
// at once: memory does not grow with the tree.
type restorer struct {
	repo repo.Repository
	// packs is the store of the repository; nil behind a server.
	packs   blob.Storage
	out     *output
	writers int
	// report is called whenever bytes were written.
	report func()

	files, bytes atomic.Int64

	full  chan *batch
	turns chan turn
	open  *batch // what the walk has gathered so far
}

// batch are files that follow each other in the snapshot, and so lie near each other in
// the store.
type batch struct {
	items []item
	small []object.ID
	bytes int64 // of the small ones
}

// item is a file or a link that is to be written.
type item struct {
	path   string
	entry  fs.Entry
	folder *folder
}

// turn is what one writer does in one go.
type turn struct {
	window *window
	items  []item
}

// folder is a directory that is being written. Its attributes come last, because
// writing into it would change them.
type folder struct {
	path   string
	dir    *storedDir
	parent *folder
	left   atomic.Int64 // entries to come, and one while it is being listed
}

// restore writes the entry and all that is below it.
func (r *restorer) restore(ctx context.Context, root fs.Entry) error {
	r.full, r.turns, r.open = make(chan *batch), make(chan turn), &batch{}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(r.full)
		return r.walkAll(ctx, root)
	})
	group.Go(func() error {
		defer close(r.turns)
		return r.fetchAll(ctx)
	})
	for range r.writers {
		group.Go(func() error { return r.writeAll(ctx) })
	}
	return group.Wait()
}

func (r *restorer) walkAll(ctx context.Context, root fs.Entry) error {
	if err := r.walk(ctx, item{entry: root}); err != nil {
		return err
	}
	return r.pass(ctx)
}

// walk makes the folders, and gathers all else.
func (r *restorer) walk(ctx context.Context, it item) error {
	dir, ok := it.entry.(*storedDir)
	if !ok {
		return r.gather(ctx, it)
	}
	entries, err := dir.list(ctx)
	if err != nil {
		return err
	}
	if err := r.out.beginDirectory(it.path); err != nil {
		return err
	}
	f := &folder{path: it.path, dir: dir, parent: it.folder}
	f.left.Store(int64(len(entries)) + 1)
	for _, e := range entries {
		if err := r.walk(ctx, item{path: path.Join(it.path, e.Name()), entry: e, folder: f}); err != nil {
			return err
		}
	}
	return r.leave(f)
}

// leave says that one more entry of the folder is done.
func (r *restorer) leave(f *folder) error {
	for ; f != nil && f.left.Add(-1) == 0; f = f.parent {
		if err := r.out.finishDirectory(f.path, f.dir); err != nil {
			return err
		}
	}
	return nil
}

// gather puts a file or link into the batch, and passes that on when it is full.
func (r *restorer) gather(ctx context.Context, it item) error {
	b := r.open
	b.items = append(b.items, it)
	if f, ok := it.entry.(*storedFile); ok && f.small() {
		b.small = append(b.small, f.content)
		b.bytes += f.Size()
	}
	if len(b.items) < batchFiles && b.bytes < batchBytes {
		return ctx.Err()
	}
	return r.pass(ctx)
}

func (r *restorer) pass(ctx context.Context) error {
	b := r.open
	r.open = &batch{}
	select {
	case r.full <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *restorer) fetchAll(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range batchesFetched {
		group.Go(func() error {
			for b := range r.full {
				if err := r.hand(ctx, b.items, r.fetch(ctx, b)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// fetch brings near what the batch holds. A server has no packs to show: it fills
// kopia's cache instead.
func (r *restorer) fetch(ctx context.Context, b *batch) *window {
	switch {
	case len(b.small) == 0:
		return nil
	case r.packs == nil:
		_, _ = r.repo.PrefetchObjects(ctx, b.small, "")
		return nil
	}
	return openWindow(ctx, r.repo, r.packs, b.small)
}

// hand gives the items to the writers.
func (r *restorer) hand(ctx context.Context, items []item, w *window) error {
	for len(items) > 0 {
		n := turnOf(items)
		select {
		case r.turns <- turn{w, items[:n]}:
		case <-ctx.Done():
			return ctx.Err()
		}
		items = items[n:]
	}
	return nil
}

// turnOf returns how many of the items the next writer gets.
func turnOf(items []item) int {
	n := 1
	for n < len(items) && n < turnFiles && items[n-1].small() && items[n].small() && items[n].folder == items[0].folder {
		n++
	}
	return n
}

func (i item) small() bool {
	f, ok := i.entry.(*storedFile)
	return !ok || f.small()
}

func (r *restorer) writeAll(ctx context.Context) error {
	for t := range r.turns {
		ctx := withWindow(ctx, t.window)
		for _, it := range t.items {
			if err := r.write(ctx, it); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *restorer) write(ctx context.Context, it item) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	switch e := it.entry.(type) {
	case *storedFile:
		r.files.Add(1)
		err = r.out.writeFile(ctx, it.path, e, func(n int64) { r.bytes.Add(n); r.report() })
	case *storedLink:
		err = r.out.writeLink(ctx, it.path, e)
	default:
		err = fmt.Errorf("the snapshot holds %s, which is neither a file nor a directory nor a link: a newer version may be able to restore it", it.path)
	}
	if err != nil {
		return err
	}
	return r.leave(it.folder)
}
