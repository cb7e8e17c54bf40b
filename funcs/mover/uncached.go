package mover

import (
	"context"
	"errors"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
)

// indexInMemory is how large the index of a repository may be, in bytes, to be held in
// memory a second time. One of ten million contents is about this size.
const indexInMemory = 256 << 20

// uncached opens the repository once more, without a cache: to look for each small file
// in the cache, and to fail to keep it there, takes kopia longer than to read it. What is
// wrong with that is no reason to fail: then the repository itself is returned.
func (r *kopiaRepository) uncached(ctx context.Context) (_ repo.Repository, closed func(context.Context) error) {
	asIs := func(context.Context) error { return nil }
	if r.store == nil {
		return r.Repository, asIs // A server reads for us.
	}
	if size, err := indexSize(ctx, r.store); err != nil || size > indexInMemory {
		return r.Repository, asIs
	}
	rep, scratch, err := r.connect(ctx, cacheSizes{})
	if err != nil {
		return r.Repository, asIs
	}
	return rep, func(ctx context.Context) error { return errors.Join(rep.Close(ctx), scratch.remove()) }
}

// indexSize returns the size of all indexes, which kopia keeps under these letters.
func indexSize(ctx context.Context, st blob.Storage) (int64, error) {
	var size int64
	for _, prefix := range []blob.ID{"n", "x"} {
		err := st.ListBlobs(ctx, prefix, func(m blob.Metadata) error {
			size += m.Length
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return size, nil
}
