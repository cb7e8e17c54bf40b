package mover

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/object"
	"golang.org/x/sync/errgroup"
)

const (
	// Contents that lie this near to each other in a pack are fetched in one go: what
	// is between them costs less than one more request.
	spanGap = 256 << 10
	// A span is no longer than this, so that several can be fetched at once.
	spanSize = 4 << 20
	// spansAtOnce is how many are fetched at once for one window.
	spansAtOnce = 8
)

// window holds parts of packs in memory: those with the contents that will be read
// next. Without it, each small file costs a request to the store.
type window struct {
	spans map[blob.ID][]*span // by pack, in the order of their places
}

// span is a part of a pack. Without data it could not be fetched.
type span struct {
	pack       blob.ID
	start, end int64
	data       []byte
}

// openWindow fetches the contents of the objects. A failure is not looked at: who reads
// the content meets it again, and reports it.
func openWindow(ctx context.Context, rep repo.Repository, packs blob.Storage, objects []object.ID) *window {
	w := &window{spans: spansOf(ctx, rep, objects)}
	var group errgroup.Group
	group.SetLimit(spansAtOnce)
	for _, spans := range w.spans {
		for _, s := range spans {
			group.Go(func() error {
				var data blobBuffer
				data.Grow(int(s.end-s.start) + bytes.MinRead)
				if packs.GetBlob(ctx, s.pack, s.start, s.end-s.start, &data) == nil {
					s.data = data.Bytes()
				}
				return nil
			})
		}
	}
	_ = group.Wait()
	return w
}

// spansOf returns where the contents of the objects lie.
func spansOf(ctx context.Context, rep repo.Repository, objects []object.ID) map[blob.ID][]*span {
	all := map[blob.ID][]*span{}
	for _, o := range objects {
		id, _, ok := o.ContentID()
		if !ok {
			continue
		}
		info, err := rep.ContentInfo(ctx, id)
		if err != nil || info.PackBlobID == "" {
			continue
		}
		start := int64(info.PackOffset)
		all[info.PackBlobID] = append(all[info.PackBlobID], &span{pack: info.PackBlobID, start: start, end: start + int64(info.PackedLength)})
	}
	for pack, spans := range all {
		all[pack] = joined(spans)
	}
	return all
}

// joined makes one span of those that are near each other.
func joined(spans []*span) []*span {
	slices.SortFunc(spans, func(a, b *span) int { return cmp.Compare(a.start, b.start) })
	out := spans[:1]
	for _, next := range spans[1:] {
		last := out[len(out)-1]
		if end := max(last.end, next.end); next.start-last.end <= spanGap && end-last.start <= spanSize || end == last.end {
			last.end = end
		} else {
			out = append(out, next)
		}
	}
	return out
}

// read writes the part of a pack to out, if the window has it. A nil window has nothing.
func (w *window) read(pack blob.ID, start, length int64, out blob.OutputBuffer) bool {
	if w == nil || length < 0 {
		return false
	}
	spans := w.spans[pack]
	i, found := slices.BinarySearchFunc(spans, start, func(s *span, at int64) int { return cmp.Compare(s.start, at) })
	if !found {
		i--
	}
	if i < 0 || start+length > spans[i].end || spans[i].data == nil {
		return false
	}
	at := start - spans[i].start
	out.Reset()
	_, err := out.Write(spans[i].data[at : at+length])
	return err == nil
}

type windowKey struct{}

// withWindow makes the store look into the window first.
func withWindow(ctx context.Context, w *window) context.Context {
	return context.WithValue(ctx, windowKey{}, w)
}

func windowIn(ctx context.Context) *window {
	w, _ := ctx.Value(windowKey{}).(*window)
	return w
}
