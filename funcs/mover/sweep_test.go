package mover

import (
	"bytes"
	"context"
	"testing"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/manifest"
)

// TestReclaimBringsBack: kopia may mark data as deleted that a backup was just about
// to use.
func TestReclaimBringsBack(t *testing.T) {
	loc := markLocation(t)
	r := quick(t, loc)
	data := noise(1, 1<<20)
	id := stream(t, r, bytes.NewReader(data))
	direct := r.Repository.(repo.DirectRepository)
	err := repo.DirectWriteSession(t.Context(), direct, repo.WriteSessionOptions{}, func(ctx context.Context, w repo.DirectRepositoryWriter) error {
		var all []content.ID
		err := w.ContentReader().IterateContents(ctx, content.IterateOptions{}, func(c content.Info) error {
			if c.ContentID.Prefix() != manifest.ContentPrefix {
				all = append(all, c.ContentID)
			}
			return nil
		})
		for _, id := range all {
			if err := w.ContentManager().DeleteContent(ctx, id); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := r.Reclaim(t.Context()); err != nil || res.Postponed != "" {
		t.Fatalf("%+v, %v", res, err)
	}
	var got bytes.Buffer
	if err := quick(t, loc).ReadStream(t.Context(), id, "/dump", &got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("restored %d of %d bytes, %v", got.Len(), len(data), err)
	}
}

// TestReclaimNeedsAllSnapshots: where one cannot be read, nothing is deleted.
func TestReclaimNeedsAllSnapshots(t *testing.T) {
	r := quick(t, markLocation(t))
	old := stream(t, r, bytes.NewReader(noise(1, 1<<20)))
	stream(t, r, bytes.NewReader(noise(2, 1<<20)))
	if err := r.Delete(t.Context(), Selector{ID: old}); err != nil {
		t.Fatal(err)
	}
	opt := repo.WriteSessionOptions{}
	err := repo.WriteSession(t.Context(), r.Repository, opt, func(ctx context.Context, w repo.RepositoryWriter) error {
		_, err := w.PutManifest(ctx, map[string]string{
			manifest.TypeLabelKey: "snapshot", "hostname": "h", "username": "u", "path": "/",
		}, "not a snapshot")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	before, err := r.packs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res, err := r.Reclaim(t.Context()); err == nil {
		t.Errorf("%+v in spite of a snapshot that cannot be read", res)
	}
	after, err := r.packs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id := range before {
		if _, ok := after[id]; !ok {
			t.Errorf("pack %s was deleted", id)
		}
	}
}
