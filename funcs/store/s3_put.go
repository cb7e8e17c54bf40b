package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// A stream of unknown length is cut into parts, of which S3 takes 10,000. The size
// doubles every so many parts: little memory for the common streams, and room for
// nearly 500 GiB, which is enough, with parts of 128 MiB at the end.
const (
	firstPartSize = 8 << 20
	partsPerSize  = 2000
	maxParts      = 10_000
	// uploaders is how many parts are under way at a time.
	uploaders = 3
	// abortTime limits the clean-up after a failure.
	abortTime = 30 * time.Second
)

// Put uploads a short object in one request, a longer one in parts.
func (b *bucket) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	r = untilDone(ctx, r)
	first := &bytes.Buffer{}
	end, err := readPart(first, r, b.partSize)
	if err != nil {
		return 0, fmt.Errorf("put %s: read what to upload: %w", key, err)
	}
	if end {
		_, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.name, Key: &key, Body: bytes.NewReader(first.Bytes())})
		if err != nil {
			return 0, b.explain("put", key, err)
		}
		return int64(first.Len()), nil
	}
	return b.putParts(ctx, key, first, r)
}

// readPart reads size bytes into buf, or to the end of the stream.
func readPart(buf *bytes.Buffer, r io.Reader, size int) (end bool, err error) {
	buf.Reset()
	buf.Grow(size + bytes.MinRead) // or it would grow to twice that
	_, err = io.CopyN(buf, r, int64(size))
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

func (b *bucket) putParts(ctx context.Context, key string, first *bytes.Buffer, r io.Reader) (int64, error) {
	out, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return 0, b.explain("put", key, err)
	}
	// One buffer more than there are uploads: the one that is being filled.
	u := &upload{bucket: b, key: key, id: out.UploadId, free: make(chan *bytes.Buffer, uploaders+1)}
	for range uploaders {
		u.free <- &bytes.Buffer{}
	}
	if err := u.send(ctx, first, r); err != nil {
		return 0, errors.Join(err, u.abort(ctx))
	}
	return u.size, nil
}

// upload is an object that goes up in parts.
type upload struct {
	*bucket
	key  string
	id   *string
	size int64 // of the parts that were read
	free chan *bytes.Buffer

	mu    sync.Mutex
	parts []types.CompletedPart
}

// send reads and uploads the parts, a few at a time, and puts them together.
func (u *upload) send(ctx context.Context, first *bytes.Buffer, r io.Reader) error {
	group, groupCtx := errgroup.WithContext(ctx)
	readErr := u.readAll(groupCtx, group, first, untilDone(groupCtx, r))
	if err := group.Wait(); err != nil {
		return err
	}
	if readErr != nil {
		return fmt.Errorf("put %s: read what to upload: %w", u.key, readErr)
	}
	return u.complete(ctx)
}

// readAll cuts the rest of the stream into parts. It ends when a part fails, since
// ctx ends then.
func (u *upload) readAll(ctx context.Context, group *errgroup.Group, buf *bytes.Buffer, r io.Reader) error {
	end := false
	for n := 1; ; n++ {
		if n > maxParts {
			return fmt.Errorf("more than %d bytes, which is too much for one object", u.size)
		}
		u.size += int64(buf.Len())
		content := buf
		group.Go(func() error {
			defer func() { u.free <- content }()
			return u.part(ctx, int32(n), content.Bytes())
		})
		if end || ctx.Err() != nil {
			return ctx.Err()
		}
		buf = <-u.free
		var err error
		if end, err = readPart(buf, r, u.partSize<<(n/partsPerSize)); err != nil {
			return err
		}
		if end && buf.Len() == 0 {
			return nil
		}
	}
}

func (u *upload) part(ctx context.Context, n int32, content []byte) error {
	out, err := u.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.name, Key: &u.key, UploadId: u.id, PartNumber: &n, Body: bytes.NewReader(content),
	})
	if err != nil {
		return u.explain("put", u.key, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts = append(u.parts, types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(n)})
	return nil
}

func (u *upload) complete(ctx context.Context) error {
	slices.SortFunc(u.parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	_, err := u.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.name, Key: &u.key, UploadId: u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	if err != nil {
		return u.explain("put", u.key, err)
	}
	return nil
}

// abort frees the parts, also when ctx has ended: they would cost money for ever.
func (u *upload) abort(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	_, err := u.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.name, Key: &u.key, UploadId: u.id})
	if err != nil {
		return u.explain("remove the uploaded parts of", u.key, err)
	}
	return nil
}
