package mover

import (
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kopia/kopia/snapshot/upload"
)

const (
	// reportEvery limits how often progress is reported.
	reportEvery = 500 * time.Millisecond
	// keptNames is how many names of each kind a result carries.
	keptNames = 10
)

// progress collects what kopia reports while it uploads.
type progress struct {
	upload.NullUploadProgress
	report *reporter

	hashed, cached, sent, estimated atomic.Int64
	// ownFiles and ownBytes are those of the attributes files, which are not the user's.
	ownFiles, ownBytes atomic.Int64

	mu       sync.Mutex
	skipped  names
	vanished names
	failed   names
	first    error
}

// names are the first few of many.
type names struct {
	names []string
	count int
}

func (n *names) add(name string) {
	n.count++
	if len(n.names) < keptNames {
		n.names = append(n.names, name)
	}
}

func newProgress(report func(Progress)) *progress {
	return &progress{report: newReporter(report)}
}

// Enabled implements upload.Progress: kopia is not to estimate the size, see estimate.
func (p *progress) Enabled() bool { return false }

// EstimatedDataSize implements upload.Progress.
func (p *progress) EstimatedDataSize(_, totalBytes int64) { p.estimated.Store(totalBytes) }

// HashedBytes implements upload.Progress.
func (p *progress) HashedBytes(n int64) {
	p.hashed.Add(n)
	p.report.send(p.figures)
}

// CachedFile implements upload.Progress.
func (p *progress) CachedFile(rel string, size int64) {
	p.cached.Add(size)
	p.stored(rel, size)
	p.report.send(p.figures)
}

// FinishedHashingFile implements upload.Progress.
func (p *progress) FinishedHashingFile(rel string, size int64) { p.stored(rel, size) }

func (p *progress) stored(rel string, size int64) {
	if path.Base(rel) == attributesName {
		p.ownFiles.Add(1)
		p.ownBytes.Add(size)
	}
}

// uploadedBytes counts what went to the store.
func (p *progress) uploadedBytes(n int64) {
	p.sent.Add(n)
	p.report.send(p.figures)
}

func (p *progress) uploaded() int64 { return p.sent.Load() }

// Error implements upload.Progress. A file that was deleted since its directory
// was read is no error: a moment later it would not have been seen.
func (p *progress) Error(path string, err error, _ bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(err, os.ErrNotExist) {
		p.vanished.add(path)
		return
	}
	p.failed.add(path)
	if stored := (*storeError)(nil); errors.As(err, &stored) {
		err = stored.err
	}
	if p.first == nil {
		p.first = err
	}
}

func (p *progress) skip(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skipped.add(path)
}

// failures returns an error if a file could not be read.
func (p *progress) failures() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed.count == 0 {
		return nil
	}
	return fmt.Errorf("cannot read %d files or directories (%s): %w", p.failed.count, list(p.failed.names, p.failed.count), p.first)
}

func (p *progress) figures() Progress {
	f := Progress{Hashed: p.hashed.Load(), Cached: p.cached.Load(), Uploaded: p.sent.Load(), Estimated: p.estimated.Load()}
	if f.Estimated > 0 {
		// What has grown since it was estimated is at least what was met.
		f.Estimated = max(f.Estimated, f.Hashed+f.Cached)
	}
	return f
}

// reporter calls a function at most every reportEvery, one call at a time.
type reporter struct {
	call func(Progress)
	mu   sync.Mutex
	last time.Time
}

func newReporter(call func(Progress)) *reporter {
	return &reporter{call: call, last: time.Now()}
}

func (r *reporter) enabled() bool { return r.call != nil }

// end reports the last figures, once nothing is under way.
func (r *reporter) end(figures Progress) {
	if r.call == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.call(figures)
}

// send reports the figures unless a report was sent a moment ago or is being sent.
func (r *reporter) send(figures func() Progress) {
	if r.call == nil || !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.last) >= reportEvery {
		r.last = now
		r.call(figures())
	}
}
