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
	mans, err := r.find(ctx, which)
	if err != nil {
		return err
	}
	opt := repo.WriteSessionOptions{Purpose: "rescue delete"}
	err = repo.WriteSession(ctx, r.DirectRepository, opt, func(ctx context.Context, w repo.RepositoryWriter) error {
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
	man, err := snapshot.LoadSnapshot(ctx, r.DirectRepository, manifest.ID(which.ID))
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
	ids, err := snapshot.ListSnapshotManifests(ctx, r.DirectRepository, nil, tags)
	if err != nil {
		return nil, err
	}
	var mans []*snapshot.Manifest
	for _, id := range ids { // snapshot.LoadSnapshots drops those it cannot read
		m, err := snapshot.LoadSnapshot(ctx, r.DirectRepository, id)
		if err != nil {
			return nil, err
		}
		if m.IncompleteReason == "" {
			mans = append(mans, m)
		}
	}
	slices.SortFunc(mans, func(a, b *snapshot.Manifest) int { return a.StartTime.ToTime().Compare(b.StartTime.ToTime()) })
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
