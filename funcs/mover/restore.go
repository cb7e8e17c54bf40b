package mover

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/snapshot"
)

// defaultRestoreParallel is the number of files written at once. Restores wait
// for the store more than for the processor.
const defaultRestoreParallel = 8

// Restore implements Repository.
func (r *kopiaRepository) Restore(ctx context.Context, req RestoreRequest) (RestoreResult, error) {
	if !filepath.IsAbs(req.Target) {
		return RestoreResult{}, failure(CodeBadRequest, nil, "the restore path %q is not absolute", req.Target)
	}
	ctx, mark, err := r.use(ctx)
	// Credentials that may only read are enough. Nothing then keeps others from
	// deleting what is read here, which would be an error and no silent loss.
	if err != nil && CodeOf(err) != CodeDenied {
		return RestoreResult{}, err
	}
	defer mark.remove(ctx)
	mans, err := r.find(ctx, req.Selector)
	if err != nil {
		return RestoreResult{}, err
	}
	man := mans[len(mans)-1]
	c := newContents(r.Repository)
	entry, target, err := c.part(ctx, man, req.Target, req.SubPath)
	if err != nil {
		return RestoreResult{}, r.failed(ctx, err, "restore of "+req.Selector.String())
	}
	out := &output{root: target}
	files, closed := r.uncached(ctx)
	c.files = files
	written, err := r.write(ctx, entry, out, req)
	if err := errors.Join(err, closed(context.WithoutCancel(ctx))); err != nil {
		return RestoreResult{}, r.failed(ctx, err, "restore of "+req.Selector.String()+" to "+target)
	}
	return RestoreResult{
		SnapshotID: string(man.ID),
		Path:       target,
		Size:       written.bytes.Load(),
		FileCount:  written.files.Load(),
		Unapplied:  out.unapplied.Load(),
	}, nil
}

// write runs the restore to its end, or until ctx ends.
func (r *kopiaRepository) write(ctx context.Context, entry fs.Entry, out *output, req RestoreRequest) (*restorer, error) {
	if err := os.MkdirAll(filepath.Dir(out.root), 0o755); err != nil {
		return nil, err
	}
	// The root itself may be a link that the user set up, to a mount for example.
	if entry.IsDir() {
		if resolved, err := filepath.EvalSymlinks(out.root); err == nil {
			out.root = resolved
		}
	}
	w := &restorer{repo: r.Repository, packs: r.store, out: out, writers: cmp.Or(req.Parallel, defaultRestoreParallel)}
	figures := func() Progress { return Progress{Restored: w.bytes.Load(), Estimated: sizeOf(entry)} }
	report := newReporter(req.Progress)
	w.report = func() { report.send(figures) }
	if err := w.restore(ctx, entry); err != nil {
		return nil, err
	}
	report.end(figures())
	return w, nil
}

// sizeOf returns how many bytes the files of an entry have; 0 if nobody wrote it down.
func sizeOf(entry fs.Entry) int64 {
	if dir, ok := entry.(*storedDir); ok {
		return dir.total
	}
	return entry.Size()
}

// part returns what to restore, and where its root goes. A sub-path that is the
// snapshot's own path or lies above it restores the whole; one inside restores
// the directory it names.
func (c *contents) part(ctx context.Context, man *snapshot.Manifest, target, subPath string) (fs.Entry, string, error) {
	if man.RootEntry == nil {
		return nil, "", failure(CodeFailed, nil, "the snapshot %s has no content", man.ID)
	}
	root := c.stored(man.RootEntry, attributes{})
	path := man.Source.Path
	if subPath == "" {
		return root, filepath.Join(target, path), nil
	}
	sub := filepath.Clean("/" + subPath)
	if below, ok := relative(sub, path); ok {
		return root, filepath.Join(target, below), nil
	}
	inside, ok := relative(path, sub)
	if !ok {
		return nil, "", failure(CodeNotFound, nil, "the snapshot holds %s, and %s is not in it", path, sub)
	}
	entry, err := descend(ctx, root, inside)
	if errors.Is(err, fs.ErrEntryNotFound) {
		return nil, "", failure(CodeNotFound, nil, "the snapshot of %s has no directory %s", path, sub)
	}
	return entry, target, err
}

// relative returns path without the directory dir, and whether it lies there.
func relative(dir, path string) (string, bool) {
	if path == dir {
		return "", true
	}
	return strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// descend walks down from a directory. Only a directory is a valid end.
func descend(ctx context.Context, from fs.Entry, path string) (fs.Entry, error) {
	entry := from
	for _, name := range strings.Split(path, "/") {
		dir, ok := entry.(fs.Directory)
		if !ok {
			return nil, fs.ErrEntryNotFound
		}
		next, err := dir.Child(ctx, encodeName(name))
		if err != nil {
			return nil, err
		}
		entry = next
	}
	if _, ok := entry.(fs.Directory); !ok {
		return nil, fs.ErrEntryNotFound
	}
	return entry, nil
}
