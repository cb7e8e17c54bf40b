package mover

import (
	"context"
	"slices"
	"testing"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/filesystem"
	"github.com/kopia/kopia/repo/blob/s3"
)

// listed is a store with some blobs, of which one was deleted.
type listed struct {
	blob.Storage
	ids     []blob.ID
	deleted blob.ID
}

func (l *listed) ListBlobs(_ context.Context, _ blob.ID, each func(blob.Metadata) error) error {
	for _, id := range l.ids {
		if err := each(blob.Metadata{BlobID: id}); err != nil {
			return err
		}
	}
	return nil
}

func (l *listed) GetMetadata(_ context.Context, id blob.ID) (blob.Metadata, error) {
	if id == "xn0_neighbour" {
		return blob.Metadata{}, blob.ErrBlobNotFound
	}
	return blob.Metadata{BlobID: id}, nil
}

func (l *listed) DeleteBlob(_ context.Context, id blob.ID) error {
	l.deleted = id
	return nil
}

func TestFence(t *testing.T) {
	own := []blob.ID{
		"p00112233445566778899aabbccddeeff", "q00112233445566778899aabbccddeeff-s8ea54eebf84a3429147",
		"s00112233445566778899aabbccddeeff-s8ea54eebf84a3429147", "xn0_851800d4132b7803694129b25303b48a-sd2f56e1a5399f289147-c1",
		"xw1795353790", "kopia.repository", "_log_1", "n0011", "rescue-mark-use-1", "",
	}
	foreign := []blob.ID{
		"payments/kopia.repository", "pa/p00112233445566778899aabbccddeeff", "xn-web/xn0_1", "search-0/q1",
		// As a directory shows them, in which p/012 is the place of another repository.
		"paymentsp00112233445566778899aabbccddeeff", "p012kopia.repository", "p012p3456", "sub",
	}
	st := &listed{ids: slices.Concat(own, foreign, []blob.ID{"xn0_neighbour"})}
	for name, tc := range map[string]struct {
		flat bool
		want []blob.ID
	}{
		"bucket":    {false, append(slices.Clone(own), "xn0_neighbour")},
		"directory": {true, own},
	} {
		all, err := blob.ListAllBlobs(t.Context(), fence(st, tc.flat), "")
		var got []blob.ID
		for _, m := range all {
			got = append(got, m.BlobID)
		}
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: listed %q, %v; want %q", name, got, err, tc.want)
		}
	}
	for _, id := range foreign {
		if err := fence(st, false).DeleteBlob(t.Context(), id); err == nil || st.deleted != "" {
			t.Errorf("%s was deleted: %v", id, err)
		}
	}
	for _, id := range own {
		if err := fence(st, false).DeleteBlob(t.Context(), id); err != nil || st.deleted != id {
			t.Errorf("%s was not deleted: %v", id, err)
		}
	}
}

// closable tells whether it was closed.
type closable struct {
	listed
	closed bool
}

func (c *closable) Close(context.Context) error {
	c.closed = true
	return nil
}

// TestLentStore: kopia gets the store that is lent, of whatever kind it asks for, and
// does not close it.
func TestLentStore(t *testing.T) {
	for _, kind := range []string{fencedDirectory, fencedS3, renewedS3, fencedObjects} {
		ours := &closable{}
		st, err := blob.NewStorage(lend(t.Context(), ours), blob.ConnectionInfo{Type: kind, Config: optionsOf(kind)}, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.DeleteBlob(t.Context(), "xn0_x"); err != nil || ours.deleted != "xn0_x" {
			t.Errorf("%s: deleted %q, %v", kind, ours.deleted, err)
		}
		if err := st.Close(t.Context()); err != nil || ours.closed {
			t.Errorf("%s: closed %v, %v", kind, ours.closed, err)
		}
	}
}

func optionsOf(kind string) any {
	switch kind {
	case fencedDirectory:
		return &filesystem.Options{}
	case fencedS3:
		return &s3.Options{}
	case renewedS3:
		return &renewedOptions{}
	}
	return &objectOptions{}
}
