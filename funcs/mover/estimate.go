package mover

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/snapshot"
)

// estimateAfter is when a backup is long enough for somebody to ask how long it takes.
const estimateAfter = time.Second

// estimate finds out how much there is to back up while that goes on, until the returned
// function is called; found gets the bytes. kopia's own estimate reads everything that
// a backup reads of a directory, attributes included, a second time.
func estimate(ctx context.Context, root fs.Entry, previous []*snapshot.Manifest, found func(int64)) (stop func()) {
	dir, ok := root.(*sourceDir)
	if !ok {
		return func() {} // Of a single file kopia says it.
	}
	if n := len(previous); n > 0 && previous[n-1].IncompleteReason == "" {
		found(describe(previous[n-1]).Size) // near enough, and costs nothing
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if pause(ctx, estimateAfter) != nil {
			return
		}
		if size := sizeBelow(ctx, dir.path); ctx.Err() == nil {
			found(size)
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// sizeBelow adds up the files below a directory. What cannot be read is not counted: the
// backup meets it as well, and says so.
func sizeBelow(ctx context.Context, path string) (sum int64) {
	dir, err := os.Open(path)
	if err != nil {
		return 0
	}
	for ctx.Err() == nil {
		batch, err := dir.ReadDir(readBatch)
		for _, e := range batch {
			sum += sizeOfEntry(ctx, path, e)
		}
		if err != nil || len(batch) == 0 {
			break
		}
	}
	// A directory that was only read loses nothing if closing fails.
	_ = dir.Close()
	return sum
}

// sizeOfEntry is that of a file, or of all below a directory.
func sizeOfEntry(ctx context.Context, parent string, e os.DirEntry) int64 {
	if e.IsDir() {
		return sizeBelow(ctx, filepath.Join(parent, e.Name()))
	}
	if !e.Type().IsRegular() {
		return 0
	}
	info, err := e.Info()
	if err != nil {
		return 0
	}
	return info.Size()
}
