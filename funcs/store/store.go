// Package store keeps objects in the location of a Profile: a bucket of an
// S3-compatible server or of Google Cloud Storage, a container of Azure Blob Storage, or
// a directory.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rescuecue/rescue/compat"
)

var (
	// ErrNotFound says that there is no object under a key.
	ErrNotFound = errors.New("no such object")
	// ErrNoBucket says that the location itself is missing.
	ErrNoBucket = errors.New("it does not exist; make it, or correct the profile's location.bucket")
	// ErrDenied says that the store refuses the Profile's credentials, or what they may
	// do.
	ErrDenied = errors.New("access denied")
	// ErrRange says that an object has no such part.
	ErrRange = errors.New("the object has no such range")
)

// Store keeps objects under keys such as a/b/c. It may be used by several
// goroutines at once.
type Store interface {
	// Put writes an object, in constant memory, and returns its size in bytes. When
	// it fails, the key has what it had before, or nothing.
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
	// Get copies an object to w and returns how many bytes it wrote. If there is no
	// such object the error is ErrNotFound.
	Get(ctx context.Context, key string, w io.Writer) (int64, error)
	// List calls each for every object whose key starts with prefix, in no
	// particular order, and stops at its first error.
	List(ctx context.Context, prefix string, each func(Object) error) error
	// Delete removes an object. It is no error if there is none.
	Delete(ctx context.Context, key string) error
	// Close frees what the Store holds open.
	Close() error
}

// Blobs is a Store that can also hold a repository of snapshots.
type Blobs interface {
	Store
	// PutBytes writes an object of so many bytes in one request. content is called for
	// each attempt, since what read for one that failed may still be reading.
	PutBytes(ctx context.Context, key string, size int64, content func() io.ReadSeekCloser) (Object, error)
	// GetRange copies length bytes from offset on to w, or less at the end of the
	// object; all of it if length is negative. Without such a part the error is
	// ErrRange.
	GetRange(ctx context.Context, key string, offset, length int64, w io.Writer) (int64, error)
	// Stat describes an object. If there is none the error is ErrNotFound.
	Stat(ctx context.Context, key string) (Object, error)
}

// Object is an entry of a Store.
type Object struct {
	Key      string
	Size     int64 // in bytes
	Modified time.Time
}

// Open returns the Store of a Profile's location. Keys are those within the
// bucket: the Profile's prefix is not added here, but by Key.
func Open(ctx context.Context, p *compat.Profile) (Store, error) {
	if p == nil {
		return nil, errors.New("there is no profile, and so no location")
	}
	switch p.Location.Type {
	case compat.LocationS3:
		return openS3(ctx, p)
	case compat.LocationFilesystem:
		return openDirectory(p.Location)
	case compat.LocationGCS, compat.LocationAzure:
		return OpenBlobs(ctx, p)
	case compat.LocationKopia:
		return nil, errors.New("a location of type kopia holds no objects; use one of type s3Compliant, gcs, azure or filesystem")
	}
	return nil, fmt.Errorf("location type %q is not known; it is s3Compliant, gcs, azure or filesystem", p.Location.Type)
}

// OpenBlobs is Open for the types gcs and azure.
func OpenBlobs(ctx context.Context, p *compat.Profile) (Blobs, error) {
	switch p.Location.Type {
	case compat.LocationGCS:
		return openGCS(ctx, p)
	case compat.LocationAzure:
		return openAzure(ctx, p)
	}
	return nil, fmt.Errorf("location type %q is neither gcs nor azure", p.Location.Type)
}

// noBucketFor says of a put that found nothing that it is the bucket that is missing.
func noBucketFor(where string, err error) error {
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%s: %w", where, ErrNoBucket)
	}
	return err
}
