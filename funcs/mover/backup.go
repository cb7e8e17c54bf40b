package mover

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/upload"
)

const (
	// tagKey is how a tag is kept; the kopia program shows and finds it as
	// --tags backupTag:VALUE.
	tagKey = "tag:backupTag"
	// originKey is how the origin of the data is kept.
	originKey = "tag:origin"
	// pin keeps retention policies off our snapshots: also the one that kopia
	// applies by itself at each checkpoint of a long backup.
	pin = "rescue"
	// checkpointInterval bounds what a killed backup has to upload again.
	checkpointInterval = 5 * time.Minute
)

// Backup implements Repository.
func (r *kopiaRepository) Backup(ctx context.Context, req BackupRequest) (BackupResult, error) {
	path, err := filepath.Abs(req.Path)
	if err != nil || req.Path == "" || !utf8.ValidString(path) {
		return BackupResult{}, failure(CodeBadRequest, err, "%q is not a path that can be backed up", req.Path)
	}
	p := newProgress(req.Progress)
	src := req.Ahead.source()
	src.skipped = p.skip
	root, err := src.open(path)
	if errors.Is(err, os.ErrNotExist) {
		return BackupResult{}, failure(CodeNotFound, nil, "there is nothing at %s to back up", path)
	}
	if err != nil {
		return BackupResult{}, failure(CodeFailed, err, "%s cannot be backed up", path)
	}
	man, err := r.upload(ctx, root, path, req, p)
	if err != nil {
		return BackupResult{}, r.failed(ctx, err, "backup of "+path)
	}
	p.report.end(p.figures())
	return backupResult(man, p), nil
}

// upload stores the tree and saves its manifest. Contents are flushed even when
// it fails, so that the next backup finds them.
func (r *kopiaRepository) upload(ctx context.Context, root fs.Entry, path string, req BackupRequest, p *progress) (*snapshot.Manifest, error) {
	ctx, mark, err := r.use(ctx)
	if err != nil {
		return nil, err
	}
	defer mark.remove(ctx)
	if err := r.awaitClock(ctx); err != nil {
		return nil, err
	}
	var man *snapshot.Manifest
	flush := newFlusher()
	opt := repo.WriteSessionOptions{Purpose: "rescue backup", FlushOnFailure: true, OnUpload: func(n int64) {
		p.uploadedBytes(n)
		flush.uploaded(n)
	}}
	// Flushing must also work after ctx has ended.
	err = repo.WriteSession(context.WithoutCancel(ctx), r.Repository, opt, func(wctx context.Context, w repo.RepositoryWriter) error {
		w = r.flushable(w)
		own := w.ClientOptions()
		info := snapshot.SourceInfo{Host: own.Hostname, UserName: own.Username, Path: path}
		previous, err := previousOf(wctx, w, info, req.Origin)
		if err != nil {
			return err
		}
		small := r.storeSmall(root, w, p)
		u := upload.NewUploader(w)
		u.Progress = p
		u.CheckpointInterval = checkpointInterval
		u.CheckpointLabels = originTags(req.Origin)
		u.DisableIgnoreRules = true
		defer context.AfterFunc(ctx, u.Cancel)()
		defer flush.run(ctx, w)()
		if p.report.enabled() {
			defer estimate(ctx, root, previous, func(size int64) { p.EstimatedDataSize(0, size) })()
		}
		if man, err = u.Upload(wctx, root, backupPolicy(req.Parallel), info, previous...); err != nil {
			return err
		}
		small.addTo(&man.Stats)
		if err := complete(ctx, man, p); err != nil {
			return err
		}
		if err := mark.confirm(wctx); err != nil {
			return err
		}
		p.countUsers(man)
		return save(wctx, w, man, req.tags(), previous)
	})
	return man, err
}

// countUsers makes the snapshot count the user's files alone.
func (p *progress) countUsers(man *snapshot.Manifest) {
	if sum := man.RootEntry.DirSummary; sum != nil {
		sum.TotalFileCount -= p.ownFiles.Load()
		sum.TotalFileSize -= p.ownBytes.Load()
	}
}

// previousOf returns the last complete snapshot of the same data, and what unfinished
// backups have left since.
func previousOf(ctx context.Context, w repo.RepositoryWriter, info snapshot.SourceInfo, origin string) ([]*snapshot.Manifest, error) {
	mans, err := snapshot.ListSnapshots(ctx, w, info)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(mans, func(a, b *snapshot.Manifest) int { return b.StartTime.ToTime().Compare(a.StartTime.ToTime()) })
	var previous []*snapshot.Manifest
	for _, m := range mans { // newest first
		if m.Tags[originKey] != origin {
			continue
		}
		previous = append(previous, m)
		if m.IncompleteReason == "" {
			break
		}
	}
	return previous, nil
}

// complete tells whether the tree was stored as a whole.
func complete(ctx context.Context, man *snapshot.Manifest, p *progress) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if man.IncompleteReason != "" {
		return errors.New(man.IncompleteReason)
	}
	return p.failures()
}

// save writes the manifest, and removes what checkpoints of earlier, unfinished
// backups of the same path left.
func save(ctx context.Context, w repo.RepositoryWriter, man *snapshot.Manifest, tags map[string]string, previous []*snapshot.Manifest) error {
	man.Tags = tags
	man.Pins = []string{pin}
	for _, old := range previous {
		if old.IncompleteReason == "" {
			continue
		}
		if err := w.DeleteManifest(ctx, old.ID); err != nil {
			return err
		}
	}
	_, err := snapshot.SaveSnapshot(ctx, w, man)
	return err
}

func backupResult(man *snapshot.Manifest, p *progress) BackupResult {
	s := describe(man)
	return BackupResult{
		SnapshotID:    s.ID,
		Path:          s.Path,
		RootSize:      s.Size,
		FileCount:     s.FileCount,
		PhysicalSize:  p.uploaded(),
		Skipped:       p.skipped.names,
		SkippedCount:  p.skipped.count,
		Vanished:      p.vanished.names,
		VanishedCount: p.vanished.count,
	}
}

// failed words the end of an operation: that of the context if it ended, and the
// reason why kopia gave up if it did.
func (r *kopiaRepository) failed(ctx context.Context, err error, what string) error {
	var coded *Error
	switch {
	case ctx.Err() != nil && errors.As(context.Cause(ctx), &coded):
		return coded
	case ctx.Err() != nil:
		return failure(CodeCanceled, context.Cause(ctx), "%s was stopped", what)
	case errors.As(err, &coded):
		return err
	case r.broken.get() != nil:
		return failure(CodeFailed, r.broken.get(), "%s failed", what)
	case isNetwork(err):
		return failure(CodeUnreachable, err, "%s lost the store at %s", what, r.location)
	}
	return failure(CodeFailed, err, "%s failed", what)
}

// list joins a few names for a message.
func list(names []string, count int) string {
	text := strings.Join(names, ", ")
	if count > len(names) {
		text += ", …"
	}
	return text
}
