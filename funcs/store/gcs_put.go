package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// gcsChunk is how much of a stream is sent, and kept in memory, at a time. The server
// asks for multiples of 256 KiB.
const gcsChunk = 16 << 20

// statusIncomplete is how the server asks for the rest of an upload.
const statusIncomplete = http.StatusPermanentRedirect

// uploadURL is where new objects go.
func (b *gcsBucket) uploadURL(kind, key string) string {
	query := url.Values{"uploadType": {kind}, "name": {key}, "fields": {"name,size,updated"}}
	return b.base + "/upload/storage/v1/b/" + url.PathEscape(b.name) + "/o?" + query.Encode()
}

// Put uploads a short object in one request, a longer one in chunks.
func (b *gcsBucket) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	r = untilDone(ctx, r)
	first := &bytes.Buffer{}
	end, err := readPart(first, r, b.chunk)
	if err != nil {
		return 0, fmt.Errorf("put %s: read what to upload: %w", key, err)
	}
	if end {
		made, err := b.PutBytes(ctx, key, int64(first.Len()), readerOf(first.Bytes()))
		return made.Size, err
	}
	return b.putChunks(ctx, key, first, r)
}

// PutBytes implements Blobs.
func (b *gcsBucket) PutBytes(ctx context.Context, key string, size int64, content func() io.ReadSeekCloser) (Object, error) {
	resp, err := b.send(ctx, func() (*http.Request, error) {
		return contentRequest(http.MethodPost, b.uploadURL("media", key), content(), size)
	})
	var made gcsObject
	if err := b.decode("put", key, resp, err, &made); err != nil {
		return Object{}, noBucketFor(b.where, err)
	}
	return made.object(), nil
}

// readerOf makes readers of the content, one for each attempt to send it.
func readerOf(content []byte) func() io.ReadSeekCloser {
	return func() io.ReadSeekCloser { return nopCloser{bytes.NewReader(content)} }
}

type nopCloser struct{ io.ReadSeeker }

// Close implements io.Closer.
func (nopCloser) Close() error { return nil }

// contentRequest sends content, and closes it.
func contentRequest(method, address string, content io.ReadCloser, size int64) (*http.Request, error) {
	req, err := http.NewRequest(method, address, content)
	if err != nil {
		return nil, err
	}
	if req.ContentLength = size; size == 0 {
		req.Body = http.NoBody // or its length would count as unknown
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	return req, nil
}

// putChunks uploads a stream of unknown length. Until the last chunk there is no
// object; an upload that is left unfinished is dropped by the server after a week, and
// takes no room in the bucket.
func (b *gcsBucket) putChunks(ctx context.Context, key string, buf *bytes.Buffer, r io.Reader) (int64, error) {
	resp, err := b.send(ctx, func() (*http.Request, error) {
		return contentRequest(http.MethodPost, b.uploadURL("resumable", key), http.NoBody, 0)
	})
	if err := b.check("put", key, resp, err); err != nil {
		return 0, noBucketFor(b.where, err)
	}
	discard(resp.Body)
	u := &gcsUpload{gcsBucket: b, key: key, address: resp.Header.Get("Location")}
	if u.address == "" {
		return 0, fmt.Errorf("put %s in %s: the server does not say where to upload to", key, b.where)
	}
	size, err := u.stream(ctx, buf, r)
	if err != nil {
		u.cancel(ctx)
		return 0, err
	}
	return size, nil
}

// gcsUpload is an object that goes up in chunks.
type gcsUpload struct {
	*gcsBucket
	key     string
	address string
}

// stream sends what is in buf and then the rest of r. The last chunk tells the size.
func (u *gcsUpload) stream(ctx context.Context, buf *bytes.Buffer, r io.Reader) (int64, error) {
	next := &bytes.Buffer{}
	for offset := int64(0); ; buf, next = next, buf {
		end, err := readPart(next, r, u.chunk)
		if err != nil {
			return 0, fmt.Errorf("put %s: read what to upload: %w", u.key, err)
		}
		last := end && next.Len() == 0
		if err := u.send(ctx, offset, buf.Bytes(), last); err != nil {
			return 0, err
		}
		offset += int64(buf.Len())
		if last {
			return offset, nil
		}
	}
}

// send uploads a chunk. The server may take less of it than it was sent.
func (u *gcsUpload) send(ctx context.Context, offset int64, chunk []byte, last bool) error {
	for {
		total := "*"
		if last {
			total = strconv.FormatInt(offset+int64(len(chunk)), 10)
		}
		resp, err := u.gcsBucket.send(ctx, func() (*http.Request, error) {
			req, err := contentRequest(http.MethodPut, u.address, readerOf(chunk)(), int64(len(chunk)))
			if err == nil {
				req.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", offset, offset+int64(len(chunk))-1, total))
			}
			return req, err
		})
		if err == nil && resp.StatusCode == statusIncomplete {
			discard(resp.Body)
			taken, err := u.taken(resp, offset, int64(len(chunk)))
			if err != nil {
				return err
			}
			offset, chunk = offset+taken, chunk[taken:]
			if len(chunk) > 0 {
				continue
			}
			if last {
				return fmt.Errorf("put %s in %s: the server has all of it, and asks for more", u.key, u.where)
			}
			return nil
		}
		if err := u.check("put", u.key, resp, err); err != nil {
			return err
		}
		discard(resp.Body)
		if !last {
			return fmt.Errorf("put %s in %s: the server ended the upload before it was complete", u.key, u.where)
		}
		return nil
	}
}

// taken is how much of the chunk at offset the server has.
func (u *gcsUpload) taken(resp *http.Response, offset, size int64) (int64, error) {
	_, text, ok := strings.Cut(resp.Header.Get("Range"), "-")
	if !ok {
		text = "-1" // it has nothing
	}
	end, err := strconv.ParseInt(text, 10, 64)
	if taken := end + 1 - offset; err == nil && taken > 0 && taken <= size {
		return taken, nil
	}
	return 0, fmt.Errorf("put %s in %s: of the bytes from %d on the server says that it has %q", u.key, u.where, offset, resp.Header.Get("Range"))
}

// cancel ends the upload, also when ctx has ended. If that fails the server drops it
// later.
func (u *gcsUpload) cancel(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer stop()
	if resp, err := u.request(ctx, http.MethodDelete, u.address, nil); err == nil {
		discard(resp.Body)
	}
}
