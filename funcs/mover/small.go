package mover

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/policy"
)

// smallLimit is the size, in bytes, up to which a file counts as small. Each reader holds
// one in memory.
const smallLimit = 1 << 20

// smallFiles stores small files. kopia reads each bit by bit, copies it, and starts a
// goroutine to write it, all of which costs more than the file itself. Here it is read at
// once and written by who has read it. What is stored is the same.
type smallFiles struct {
	writer   repo.RepositoryWriter
	progress *progress
	// buffers are of one byte more than smallLimit, to see that a file has grown.
	buffers sync.Pool
	// count and size are of what was stored, for kopia's statistics.
	count, size atomic.Int64
}

// storeSmall has the small files below root stored so, if they can be. It returns nil if
// not: of a server, kopia would ask about each of these files once more.
func (r *kopiaRepository) storeSmall(root fs.Entry, w repo.RepositoryWriter, p *progress) *smallFiles {
	if r.store == nil {
		return nil
	}
	s := &smallFiles{writer: w, progress: p}
	s.buffers.New = func() any { return new([smallLimit + 1]byte) }
	if e, ok := root.(interface{ from() *source }); ok {
		e.from().small = s
	}
	return s
}

// storeError is a failure to store a file, as opposed to one to read it. kopia wraps it
// in words about something else.
type storeError struct{ err error }

// Error implements error.
func (e *storeError) Error() string { return e.err.Error() }

// Unwrap returns what went wrong.
func (e *storeError) Unwrap() error { return e.err }

// DirEntryOrNil implements snapshot.HasDirEntryOrNil, by which kopia asks each file for an
// entry before it reads the file. With nil, kopia reads it.
func (f *sourceFile) DirEntryOrNil(ctx context.Context) (*snapshot.DirEntry, error) {
	if f.source.small == nil || f.Size() > smallLimit {
		return nil, nil
	}
	return f.source.small.store(ctx, f)
}

// store returns nil for a file that cannot be read, or has grown: kopia tries again, and
// tells.
func (s *smallFiles) store(ctx context.Context, f *sourceFile) (*snapshot.DirEntry, error) {
	buf := s.buffers.Get().(*[smallLimit + 1]byte) //nolint:forcetypeassert // New makes no others
	defer s.buffers.Put(buf)
	n, err := readFile(f.path, buf[:])
	if err != nil || n == len(buf) {
		return nil, nil //nolint:nilerr // see above
	}
	id, err := s.write(ctx, f.name, buf[:n])
	if err != nil {
		return nil, &storeError{err}
	}
	s.progress.HashedBytes(int64(n))
	s.count.Add(1)
	s.size.Add(int64(n))
	return &snapshot.DirEntry{
		Name: f.name, Type: snapshot.EntryTypeFile, Permissions: snapshot.Permissions(f.Mode() & fs.ModBits),
		FileSize: int64(n), ModTime: fs.UTCTimestampFromTime(f.ModTime()),
		UserID: f.Owner().UserID, GroupID: f.Owner().GroupID, ObjectID: id,
	}, nil
}

func (s *smallFiles) write(ctx context.Context, name string, data []byte) (_ object.ID, err error) {
	opt := object.WriterOptions{Description: "FILE:" + name, MetadataCompressor: policy.DefaultPolicy.MetadataCompressionPolicy.MetadataCompressor()}
	if compressible(data) {
		opt.Compressor = compressor
	}
	w := s.writer.NewObjectWriter(ctx, opt)
	defer func() {
		if closed := w.Close(); err == nil && closed != nil {
			err = fmt.Errorf("close: %w", closed)
		}
	}()
	if _, err := w.Write(data); err != nil {
		return object.EmptyID, err
	}
	return w.Result()
}

// addTo adds what was stored to kopia's statistics of the files that were read.
func (s *smallFiles) addTo(stats *snapshot.Stats) {
	if s == nil {
		return
	}
	stats.TotalFileCount += int32(s.count.Load()) //nolint:gosec // kopia's own counter
	stats.TotalFileSize += s.size.Load()
}
