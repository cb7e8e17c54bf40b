package mover

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/filesystem"
	"github.com/kopia/kopia/repo/blob/s3"
)

// The kinds of store, as kopia's configuration names them. The first two are kopia's
// own. All have a fence around.
const (
	fencedDirectory = "rescue-filesystem"
	fencedS3        = "rescue-s3"
	renewedS3       = "rescue-s3-renewed"
	fencedObjects   = "rescue-objects"
)

// kopia opens a store by the name of its kind, from a table of its own.
func init() {
	addStore(fencedDirectory, true, filesystem.New)
	addStore(fencedS3, false, func(ctx context.Context, opt *s3.Options, _ bool) (blob.Storage, error) { return openS3(ctx, opt) })
	addStore(renewedS3, false, func(ctx context.Context, opt *renewedOptions, _ bool) (blob.Storage, error) {
		return openRenewed(ctx, opt)
	})
	addStore(fencedObjects, false, func(ctx context.Context, opt *objectOptions, _ bool) (blob.Storage, error) {
		return openObjects(ctx, opt)
	})
}

// addStore adds a kind of store to the table. Where the context lends one, none is opened.
func addStore[T any](kind string, flat bool, open func(ctx context.Context, opt *T, create bool) (blob.Storage, error)) {
	var none T
	blob.AddSupportedStorage(kind, none, func(ctx context.Context, opt *T, create bool) (blob.Storage, error) {
		if st, ok := ctx.Value(lentKey{}).(blob.Storage); ok {
			return lent{st}, nil
		}
		st, err := open(ctx, opt, create)
		return fence(st, flat), err
	})
}

// lend has kopia use a store that is open instead of opening its own, which takes a few
// requests, and connections of its own.
func lend(ctx context.Context, st blob.Storage) context.Context {
	return context.WithValue(ctx, lentKey{}, st)
}

type lentKey struct{}

// lent is a store that is closed by who has opened it.
type lent struct{ blob.Storage }

// Close implements blob.Storage.
func (lent) Close(context.Context) error { return nil }

// fenced is a store without the blobs of repositories below it. kopia takes all that
// is below its own path for its own: of a repository at a it lists, and when it
// cleans up deletes, what belongs to the one at a/p.
type fenced struct {
	blob.Storage
	// flat says that the names of directories run together in the IDs: the
	// blobs of a/p then look like some of a.
	flat bool
}

func fence(st blob.Storage, flat bool) blob.Storage {
	if st == nil {
		return nil
	}
	return &fenced{Storage: st, flat: flat}
}

// packID is what kopia calls packs and session markers, which are what it deletes.
// Every other ID of kopia has a letter beyond f in front, so that one with the name
// of a directory before it never looks like this.
var packID = regexp.MustCompile(`^[pqs][0-9a-f]{32}(-s[0-9a-f]+)?$`)

// foreign tells of an ID alone that it is not the repository's.
func foreign(id blob.ID) bool {
	text := string(id)
	if strings.Contains(text, "/") {
		return true
	}
	return strings.ContainsAny(text[:min(1, len(text))], "pqs") && !packID.MatchString(text)
}

// ListBlobs implements blob.Storage.
func (f *fenced) ListBlobs(ctx context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	return f.Storage.ListBlobs(ctx, prefix, func(m blob.Metadata) error {
		if foreign(m.BlobID) {
			return nil
		}
		if f.flat && !packID.MatchString(string(m.BlobID)) {
			// What is found under another name than it is listed by lies elsewhere.
			_, err := f.GetMetadata(ctx, m.BlobID)
			if errors.Is(err, blob.ErrBlobNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return each(m)
	})
}

// GetBlob implements blob.Storage. What was fetched ahead is at hand.
func (f *fenced) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	if windowIn(ctx).read(id, offset, length, out) {
		return nil
	}
	return f.Storage.GetBlob(ctx, id, offset, length, out)
}

// PutBlob implements blob.Storage. Who has lost the mark must not write either: an
// index may tell of packs that were cleaned up meanwhile.
func (f *fenced) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, opt blob.PutOptions) error {
	if err := markIn(ctx).check(); err != nil {
		return err
	}
	return f.Storage.PutBlob(ctx, id, data, opt)
}

// DeleteBlob implements blob.Storage.
func (f *fenced) DeleteBlob(ctx context.Context, id blob.ID) error {
	if foreign(id) {
		return fmt.Errorf("%s is not a blob of this repository and is not deleted", id)
	}
	if err := markIn(ctx).check(); err != nil {
		return err
	}
	return f.Storage.DeleteBlob(ctx, id)
}
