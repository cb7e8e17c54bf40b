package mover

import (
	"context"
	"errors"
	"fmt"

	"github.com/kopia/kopia/repo/blob"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// objectOptions are what opens a repository in a store of our own, of the types gcs and
// azure.
type objectOptions struct {
	Profile *compat.Profile `json:"profile"`
	Prefix  string          `json:"prefix"` // of keys, with the slash
}

// objects is such a store as kopia sees it. Objects have the names that kopia gives
// them in the same place.
type objects struct {
	blob.DefaultProviderImplementation
	store.Blobs
	opt *objectOptions
}

func openObjects(ctx context.Context, opt *objectOptions) (blob.Storage, error) {
	blobs, err := store.OpenBlobs(ctx, opt.Profile)
	if err != nil {
		return nil, &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	return &objects{Blobs: blobs, opt: opt}, nil
}

func (o *objects) key(id blob.ID) string { return o.opt.Prefix + string(id) }

// GetBlob implements blob.Storage.
func (o *objects) GetBlob(ctx context.Context, id blob.ID, offset, length int64, output blob.OutputBuffer) error {
	output.Reset()
	if offset < 0 {
		return blob.ErrInvalidRange
	}
	if _, err := o.GetRange(ctx, o.key(id), offset, length, output); err != nil {
		return inKopiasWords(err)
	}
	return blob.EnsureLengthExactly(output.Length(), length)
}

// GetMetadata implements blob.Storage.
func (o *objects) GetMetadata(ctx context.Context, id blob.ID) (blob.Metadata, error) {
	found, err := o.Stat(ctx, o.key(id))
	if err != nil {
		return blob.Metadata{}, inKopiasWords(err)
	}
	return blob.Metadata{BlobID: id, Length: found.Size, Timestamp: found.Modified}, nil
}

// ListBlobs implements blob.Storage.
func (o *objects) ListBlobs(ctx context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	return inKopiasWords(o.List(ctx, o.key(prefix), func(found store.Object) error {
		return each(blob.Metadata{
			BlobID: blob.ID(found.Key[len(o.opt.Prefix):]), Length: found.Size, Timestamp: found.Modified,
		})
	}))
}

// PutBlob implements blob.Storage.
func (o *objects) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, opt blob.PutOptions) error {
	switch {
	case opt.HasRetentionOptions():
		return fmt.Errorf("retention: %w", blob.ErrUnsupportedPutBlobOption)
	case opt.DoNotRecreate:
		return fmt.Errorf("do-not-recreate: %w", blob.ErrUnsupportedPutBlobOption)
	case !opt.SetModTime.IsZero():
		return blob.ErrSetTimeUnsupported
	}
	made, err := o.PutBytes(ctx, o.key(id), int64(data.Length()), data.Reader)
	if err != nil {
		return inKopiasWords(err)
	}
	if opt.GetModTime != nil {
		*opt.GetModTime = made.Modified
	}
	return nil
}

// DeleteBlob implements blob.Storage.
func (o *objects) DeleteBlob(ctx context.Context, id blob.ID) error {
	return o.Delete(ctx, o.key(id))
}

// ConnectionInfo implements blob.Storage.
func (o *objects) ConnectionInfo() blob.ConnectionInfo {
	return blob.ConnectionInfo{Type: fencedObjects, Config: o.opt}
}

// DisplayName implements blob.Storage.
func (o *objects) DisplayName() string {
	return o.opt.Profile.Location.Type + ": " + o.opt.Profile.Location.Bucket
}

// Close implements blob.Storage.
func (o *objects) Close(context.Context) error { return o.Blobs.Close() }

// inKopiasWords makes kopia recognise an error that it knows.
func inKopiasWords(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return blob.ErrBlobNotFound
	case errors.Is(err, store.ErrRange):
		return blob.ErrInvalidRange
	}
	return err
}
