// Package store keeps objects in the location of a Profile: a bucket of an
// S3-compatible server, or a directory.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rescuecue/rescue/compat"
)

// ErrNotFound says that there is no object under a key.
var ErrNotFound = errors.New("no such object")

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

// Object is an entry of a Store.
type Object struct {
	Key      string
	Size     int64 // in bytes
	Modified time.Time
}

// Open returns the Store of a Profile's location. Keys are those within the
// bucket: the Profile's prefix is not added here, but by Key.
func Open(_ context.Context, p *compat.Profile) (Store, error) {
	if p == nil {
		return nil, errors.New("there is no profile, and so no location")
	}
	switch p.Location.Type {
	case compat.LocationS3:
		return openS3(p)
	case compat.LocationFilesystem:
		return openDirectory(p.Location)
	case compat.LocationGCS, compat.LocationAzure, compat.LocationKopia:
		return nil, fmt.Errorf("objects in locations of type %s are not supported; use s3Compliant or filesystem", p.Location.Type)
	}
	return nil, fmt.Errorf("location type %q is not known; it is s3Compliant or filesystem", p.Location.Type)
}
