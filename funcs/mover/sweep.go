package mover

import (
	"context"
	"sync"
	"time"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/content/indexblob"
	"github.com/kopia/kopia/repo/manifest"
	"golang.org/x/sync/errgroup"
)

const (
	// wornPercent is how much of a pack must still be in use for it to stay as it is.
	wornPercent = 60
	// sweepParallel is how many packs and contents are handled at once.
	sweepParallel = 8
)

// sweeper deletes what no snapshot refers to. It must have the repository for itself:
// kopia's own maintenance, made for programs that know nothing of each other, takes
// days to do the same.
type sweeper struct {
	repo.DirectRepositoryWriter
}

// sweep does it all. sizes are those of the packs.
func (s *sweeper) sweep(ctx context.Context, sizes map[blob.ID]int64) error {
	used, err := s.used(ctx)
	if err != nil {
		return err
	}
	if err := s.forget(ctx, used); err != nil {
		return err
	}
	if err := s.rewrite(ctx, sizes); err != nil {
		return err
	}
	if err := s.deletePacks(ctx); err != nil {
		return err
	}
	return s.tidyIndex(ctx)
}

// used returns the contents of all snapshots, also of unfinished ones. All must be
// readable, or nothing is deleted.
func (s *sweeper) used(ctx context.Context) (map[content.ID]bool, error) {
	mans, err := loadManifests(ctx, s, nil)
	if err != nil {
		return nil, err
	}
	g := newGauge(s)
	for _, m := range mans {
		if m.RootEntry == nil {
			continue
		}
		if err := g.walk(ctx, m.RootEntry, g.raw); err != nil {
			return nil, err
		}
	}
	return g.contents, nil
}

// forget takes the other contents out of the index, for good. Of what is marked as
// deleted and used all the same, the mark is removed.
func (s *sweeper) forget(ctx context.Context, used map[content.ID]bool) error {
	var gone, back []content.ID
	err := s.ContentReader().IterateContents(ctx, content.IterateOptions{IncludeDeleted: true}, func(c content.Info) error {
		switch {
		case c.ContentID.Prefix() == manifest.ContentPrefix: // the snapshots' descriptions
		case used[c.ContentID] && c.Deleted:
			back = append(back, c.ContentID)
		case !used[c.ContentID] && !c.Deleted:
			gone = append(gone, c.ContentID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range back {
		if err := s.ContentManager().UndeleteContent(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range gone {
		if err := s.ContentManager().DeleteContent(ctx, id); err != nil {
			return err
		}
	}
	if err := s.Flush(ctx); err != nil {
		return err
	}
	// What was stored and deleted within the same second counts as deleted one later.
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	_, err = s.ContentManager().CompactIndexes(ctx, indexblob.CompactOptions{
		AllIndexes:                       true,
		DropDeletedBefore:                s.Time(),
		DisableEventualConsistencySafety: true,
	})
	return err
}

// rewrite copies what is still in use out of packs in which there is little of it.
func (s *sweeper) rewrite(ctx context.Context, sizes map[blob.ID]int64) error {
	worn := map[blob.ID]bool{}
	err := s.ContentReader().IteratePacks(ctx, content.IteratePackOptions{IncludePacksWithOnlyDeletedContent: true}, func(p content.PackInfo) error {
		worn[p.PackID] = p.TotalSize*100 < sizes[p.PackID]*wornPercent
		return nil
	})
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(sweepParallel)
	err = s.ContentReader().IterateContents(groupCtx, content.IterateOptions{IncludeDeleted: true}, func(c content.Info) error {
		if worn[c.PackBlobID] {
			group.Go(func() error { return s.ContentManager().RewriteContent(groupCtx, c.ContentID) })
		}
		return groupCtx.Err()
	})
	if failed := group.Wait(); failed != nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return s.Flush(ctx)
}

// deletePacks deletes the packs that are not in the index, and the markers that killed
// backups have left.
func (s *sweeper) deletePacks(ctx context.Context) error {
	prefixes := append([]blob.ID{content.BlobIDPrefixSession}, content.PackBlobIDPrefixes...)
	var mu sync.Mutex
	var unused []blob.ID
	err := s.ContentManager().IterateUnreferencedPacks(ctx, prefixes, sweepParallel, func(m blob.Metadata) error {
		mu.Lock()
		defer mu.Unlock()
		unused = append(unused, m.BlobID)
		return nil
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepParallel)
	for _, id := range unused {
		group.Go(func() error { return s.BlobStorage().DeleteBlob(ctx, id) })
	}
	return group.Wait()
}

// tidyIndex makes few large index blobs of many small ones, as far as it is due.
func (s *sweeper) tidyIndex(ctx context.Context) error {
	epochs, ok, err := s.ContentManager().EpochManager(ctx)
	if err != nil || !ok {
		return err
	}
	if _, err := epochs.MaybeCompactSingleEpoch(ctx); err != nil {
		return err
	}
	if _, err := epochs.MaybeAdvanceWriteEpoch(ctx); err != nil {
		return err
	}
	if _, err := epochs.MaybeGenerateRangeCheckpoint(ctx); err != nil {
		return err
	}
	if _, err := epochs.CleanupMarkers(ctx); err != nil {
		return err
	}
	_, err = epochs.CleanupSupersededIndexes(ctx)
	return err
}
