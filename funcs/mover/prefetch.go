package mover

import (
	"context"
	"sync"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
)

const (
	// Files up to smallFile bytes are fetched in batches. Larger ones have so
	// much to read that a request more does not count.
	smallFile = 1 << 20
	// A batch is full with batchFiles files, or batchBytes bytes. It must fit
	// into the cache several times.
	batchFiles = 4096
	batchBytes = 32 << 20
	// fewFiles is where fetching whole packs of about 20 MiB begins to pay.
	fewFiles = 32
)

// prefetcher brings the contents of small files into the cache, whole packs at a
// time. Without it, each file costs a request to the store, one after the other:
// 20,000 files take minutes instead of seconds.
type prefetcher struct {
	repo   repo.Repository
	tokens chan struct{} // of those who read chunks ahead
	mu     sync.Mutex
	open   *batch // that takes more files
}

func newPrefetcher(r repo.Repository) *prefetcher {
	return &prefetcher{repo: r, tokens: make(chan struct{}, aheadAll)}
}

// batch is a group of files that are near each other in the snapshot, and so in
// the store.
type batch struct {
	from  *prefetcher
	once  sync.Once
	files []object.ID
	bytes int64
}

// add puts a file into the batch that is open.
func (p *prefetcher) add(de *snapshot.DirEntry) *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil || len(p.open.files) >= batchFiles || p.open.bytes >= batchBytes {
		p.open = &batch{from: p}
	}
	b := p.open
	b.files = append(b.files, de.ObjectID)
	b.bytes += de.FileSize
	return b
}

// take closes the batch and returns its files.
func (p *prefetcher) take(b *batch) []object.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == b {
		p.open = nil
	}
	files := b.files
	b.files = nil
	return files
}

// fetch fills the cache. A failure is not looked at: reading the file will meet
// it again, and report it.
func (b *batch) fetch(ctx context.Context) {
	b.once.Do(func() {
		if files := b.from.take(b); len(files) >= fewFiles {
			_, _ = b.from.repo.PrefetchObjects(ctx, files, "blobs")
		}
	})
}
