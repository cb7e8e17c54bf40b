package mover

import (
	"context"
	"errors"
	"slices"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/snapshot"
)

// List implements Repository.
func (r *kopiaRepository) List(ctx context.Context) ([]Snapshot, error) {
	mans, err := r.manifests(ctx, nil)
	if err != nil {
		return nil, r.failed(ctx, err, "listing the snapshots")
	}
	found := make([]Snapshot, len(mans))
	for i, m := range mans {
		found[i] = describe(m)
	}
	return found, nil
}

// Find implements Repository.
func (r *kopiaRepository) Find(ctx context.Context, which Selector) (Snapshot, error) {
	mans, err := r.find(ctx, which)
	if err != nil {
		return Snapshot{}, err
	}
	return describe(mans[len(mans)-1]), nil
}

// Delete implements Repository.
func (r *kopiaRepository) Delete(ctx context.Context, which Selector) error {
	ctx, mark, err := r.use(ctx)
	if err != nil {
		return err
	}
	defer mark.remove(ctx)
	mans, err := r.find(ctx, which)
	if err != nil {
		return err
	}
	opt := repo.WriteSessionOptions{Purpose: "rescue delete"}
	err = repo.WriteSession(ctx, r.Repository, opt, func(ctx context.Context, w repo.RepositoryWriter) error {
		for _, m := range mans {
			if err := w.DeleteManifest(ctx, m.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r.failed(ctx, err, "deleting the "+which.String())
	}
	return nil
}

// find returns the complete snapshots that are meant, oldest first, and an error
// if there is none.
func (r *kopiaRepository) find(ctx context.Context, which Selector) ([]*snapshot.Manifest, error) {
	mans, err := r.selected(ctx, which)
	if err != nil {
		return nil, r.failed(ctx, err, "looking for the "+which.String())
	}
	if len(mans) == 0 {
		return nil, failure(CodeNotFound, nil, "the repository at %s has no %s", r.location, which)
	}
	return mans, nil
}

func (r *kopiaRepository) selected(ctx context.Context, which Selector) ([]*snapshot.Manifest, error) {
	if (which.ID == "") == (which.Tag == "") {
		return nil, failure(CodeBadRequest, nil, "a snapshot is named by its ID or by its tag")
	}
	if which.Tag != "" {
		return r.manifests(ctx, map[string]string{tagKey: which.Tag})
	}
	man, err := snapshot.LoadSnapshot(ctx, r.Repository, manifest.ID(which.ID))
	if errors.Is(err, snapshot.ErrSnapshotNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []*snapshot.Manifest{man}, nil
}

// manifests returns the complete snapshots with the given tags, oldest first.
func (r *kopiaRepository) manifests(ctx context.Context, tags map[string]string) ([]*snapshot.Manifest, error) {
	mans, err := loadManifests(ctx, r.Repository, tags)
	if err != nil {
		return nil, err
	}
	mans = slices.DeleteFunc(mans, func(m *snapshot.Manifest) bool { return m.IncompleteReason != "" })
	slices.SortFunc(mans, func(a, b *snapshot.Manifest) int { return a.StartTime.ToTime().Compare(b.StartTime.ToTime()) })
	return mans, nil
}

// loadManifests returns all snapshots with the given tags, also unfinished ones. One
// that cannot be read is an error: snapshot.LoadSnapshots drops it.
func loadManifests(ctx context.Context, rep repo.Repository, tags map[string]string) ([]*snapshot.Manifest, error) {
	ids, err := snapshot.ListSnapshotManifests(ctx, rep, nil, tags)
	if err != nil {
		return nil, err
	}
	mans := make([]*snapshot.Manifest, len(ids))
	for i, id := range ids {
		if mans[i], err = snapshot.LoadSnapshot(ctx, rep, id); err != nil {
			return nil, err
		}
	}
	return mans, nil
}

func describe(m *snapshot.Manifest) Snapshot {
	s := Snapshot{
		ID:    string(m.ID),
		Path:  m.Source.Path,
		Tag:   m.Tags[tagKey],
		Start: m.StartTime.ToTime(),
		End:   m.EndTime.ToTime(),
	}
	if m.RootEntry == nil {
		return s
	}
	s.Size = m.RootEntry.FileSize
	if sum := m.RootEntry.DirSummary; sum != nil {
		s.Size, s.FileCount = sum.TotalFileSize, sum.TotalFileCount
	}
	return s
}
