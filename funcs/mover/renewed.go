package mover

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/s3"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// renewedOptions are what opens a repository in S3 with keys that expire.
type renewedOptions struct {
	S3 s3.Options `json:"s3"`
	// Profile says where the keys come from.
	Profile *compat.Profile `json:"profile"`
}

// renewed is a store in S3 whose keys expire while it is open, as those of a role do.
// kopia's store keeps the keys it was opened with, so this one opens another with new
// keys in time. Those who still use the old one are not disturbed.
type renewed struct {
	blob.DefaultProviderImplementation
	opt  *renewedOptions
	keys aws.CredentialsProvider

	mu      sync.Mutex
	current blob.Storage
	token   string // of the keys of current
}

func openRenewed(ctx context.Context, opt *renewedOptions) (blob.Storage, error) {
	keys, err := store.S3Credentials(ctx, opt.Profile)
	if err != nil {
		return nil, &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	r := &renewed{opt: opt, keys: keys}
	if _, err := r.now(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// now returns the store with keys that hold.
func (r *renewed) now(ctx context.Context) (blob.Storage, error) {
	keys, err := r.keys.Retrieve(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		code := CodeDenied
		if isNetwork(err) {
			code = CodeUnreachable
		}
		return nil, &Error{Code: code, Text: err.Error()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if token := keys.AccessKeyID + keys.SessionToken; r.current == nil || r.token != token {
		opt := r.opt.S3
		opt.AccessKeyID, opt.SecretAccessKey, opt.SessionToken = keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken
		st, err := openS3(ctx, &opt)
		if err != nil {
			return nil, err
		}
		r.current, r.token = st, token
	}
	return r.current, nil
}

// GetBlob implements blob.Storage.
func (r *renewed) GetBlob(ctx context.Context, id blob.ID, offset, length int64, output blob.OutputBuffer) error {
	st, err := r.now(ctx)
	if err != nil {
		return err
	}
	return st.GetBlob(ctx, id, offset, length, output)
}

// GetMetadata implements blob.Storage.
func (r *renewed) GetMetadata(ctx context.Context, id blob.ID) (blob.Metadata, error) {
	st, err := r.now(ctx)
	if err != nil {
		return blob.Metadata{}, err
	}
	return st.GetMetadata(ctx, id)
}

// ListBlobs implements blob.Storage.
func (r *renewed) ListBlobs(ctx context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	st, err := r.now(ctx)
	if err != nil {
		return err
	}
	return st.ListBlobs(ctx, prefix, each)
}

// PutBlob implements blob.Storage.
func (r *renewed) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, opt blob.PutOptions) error {
	st, err := r.now(ctx)
	if err != nil {
		return err
	}
	return st.PutBlob(ctx, id, data, opt)
}

// DeleteBlob implements blob.Storage.
func (r *renewed) DeleteBlob(ctx context.Context, id blob.ID) error {
	st, err := r.now(ctx)
	if err != nil {
		return err
	}
	return st.DeleteBlob(ctx, id)
}

// ConnectionInfo implements blob.Storage.
func (r *renewed) ConnectionInfo() blob.ConnectionInfo {
	return blob.ConnectionInfo{Type: renewedS3, Config: r.opt}
}

// DisplayName implements blob.Storage.
func (r *renewed) DisplayName() string { return "S3: " + r.opt.S3.BucketName }
