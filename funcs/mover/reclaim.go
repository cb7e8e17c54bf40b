package mover

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/manifest"
)

// sessionLife is how long kopia programs may leave no sign of life while they work.
const sessionLife = 24 * time.Hour

// ReclaimResult says what became of the space that deleted snapshots had.
type ReclaimResult struct {
	// Freed is how much smaller the repository became, in bytes.
	Freed int64 `json:"freed"`
	// Postponed says why nothing was done; empty if it was.
	Postponed string `json:"postponed,omitempty"`
}

// Reclaim implements Repository.
func (r *kopiaRepository) Reclaim(ctx context.Context) (ReclaimResult, error) {
	direct, ok := r.Repository.(repo.DirectRepository)
	if !ok {
		return ReclaimResult{}, failure(CodeBadRequest, nil, "space is reclaimed by the repository server, not by its users")
	}
	alone, m, err := r.alone(ctx)
	if err != nil {
		return ReclaimResult{}, r.markFailed(ctx, err)
	}
	if m == nil {
		return ReclaimResult{Postponed: "the repository is in use; its space can be reclaimed when it is not"}, nil
	}
	defer m.remove(ctx)
	res, err := r.reclaim(alone, direct)
	if err != nil {
		return ReclaimResult{}, r.failed(alone, err, "reclaiming space in the repository at "+r.location.String())
	}
	return res, nil
}

// alone sets the mark of who reclaims once there is no other mark. The mark is nil if
// that did not come about in time.
func (r *kopiaRepository) alone(ctx context.Context) (context.Context, *mark, error) {
	until := time.Now().Add(r.times.patience)
	for {
		marked, m, err := setMark(ctx, r.store, reclaimMark, r.times)
		if err != nil {
			return ctx, nil, err
		}
		others, err := m.others(marked, useMark, reclaimMark)
		if err == nil && others == 0 {
			return marked, m, nil
		}
		m.remove(ctx)
		if err != nil || time.Now().After(until) {
			return ctx, nil, err
		}
		// Of two who reclaim at once, one gets through.
		if err := pause(ctx, r.times.poll/2+rand.N(r.times.poll)); err != nil {
			return ctx, nil, err
		}
	}
}

// reclaim does the work, under the mark. Only kopia programs can be in the way now:
// they know nothing of marks.
func (r *kopiaRepository) reclaim(ctx context.Context, direct repo.DirectRepository) (ReclaimResult, error) {
	before, err := r.packs(ctx)
	if err != nil {
		return ReclaimResult{}, err
	}
	var postponed string
	opt := repo.WriteSessionOptions{Purpose: "rescue reclaim"}
	err = repo.DirectWriteSession(ctx, direct, opt, func(ctx context.Context, w repo.DirectRepositoryWriter) error {
		if err := w.Refresh(ctx); err != nil {
			return err
		}
		if postponed, err = hindrance(ctx, w); postponed != "" || err != nil {
			return err
		}
		return (&sweeper{w}).sweep(ctx, before)
	})
	if err != nil || postponed != "" {
		return ReclaimResult{Postponed: postponed}, err
	}
	after, err := r.packs(ctx)
	return ReclaimResult{Freed: max(total(before)-total(after), 0)}, err
}

// hindrance says what else keeps space from being reclaimed.
func hindrance(ctx context.Context, w repo.DirectRepositoryWriter) (string, error) {
	owner, err := maintainer(ctx, w)
	if err != nil {
		return "", err
	}
	if owner != "" {
		return "the repository is looked after by kopia as " + owner + ", which reclaims the space at its next full maintenance", nil
	}
	sessions, err := w.ContentManager().ListActiveSessions(ctx)
	if err != nil {
		return "", err
	}
	for _, s := range sessions {
		if s.User != userName && w.Time().Sub(s.CheckpointTime) < sessionLife {
			return "kopia is at work in the repository, as " + s.User + "@" + s.Host, nil
		}
	}
	return "", nil
}

// maintainer returns the user that kopia programs leave the maintenance of the
// repository to, empty if there is none. Repositories made by Rescue have none.
func maintainer(ctx context.Context, w repo.Repository) (string, error) {
	found, err := w.FindManifests(ctx, map[string]string{manifest.TypeLabelKey: "maintenance"})
	if err != nil || len(found) == 0 {
		return "", err
	}
	var params struct {
		Owner string `json:"owner"`
	}
	_, err = w.GetManifest(ctx, manifest.PickLatestID(found), &params)
	if strings.HasPrefix(params.Owner, programUser+"@") {
		return "", err // the program says so by itself, and is never told to do it
	}
	return params.Owner, err
}

// packs returns the sizes of all packs, in bytes.
func (r *kopiaRepository) packs(ctx context.Context) (map[blob.ID]int64, error) {
	sizes := map[blob.ID]int64{}
	for _, prefix := range content.PackBlobIDPrefixes {
		err := r.store.ListBlobs(ctx, prefix, func(m blob.Metadata) error {
			sizes[m.BlobID] = m.Length
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return sizes, nil
}

func total(sizes map[blob.ID]int64) int64 {
	var sum int64
	for _, n := range sizes {
		sum += n
	}
	return sum
}
