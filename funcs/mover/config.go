package mover

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/content"
)

// The limits of the local cache, in bytes. It lives as long as the repository is
// open and holds directories of earlier snapshots and, on restore, file contents.
const (
	metadataCacheSize = 256 << 20
	contentCacheSize  = 256 << 20
)

// cacheSizes limit the two parts of the cache, in bytes. Without any there is no cache:
// the index is in memory, and all else nowhere.
type cacheSizes struct{ content, metadata int64 }

func defaultCache() cacheSizes { return cacheSizes{contentCacheSize, metadataCacheSize} }

// scratch is what an open repository keeps on this machine: a cache that nobody
// else can read, and the configuration that kopia insists on reading from a file.
type scratch struct {
	cache  string // empty: no cache
	config *configFile
}

// newScratch makes the configuration for the connection.
func newScratch(lc *repo.LocalConfig, sizes cacheSizes) (*scratch, error) {
	s := &scratch{}
	lc.Caching = &content.CachingOptions{}
	if dir := cacheDir(sizes); dir != "" {
		s.cache = dir
		lc.Caching = &content.CachingOptions{
			CacheDirectory:              dir,
			ContentCacheSizeBytes:       sizes.content,
			ContentCacheSizeLimitBytes:  sizes.content,
			MetadataCacheSizeBytes:      sizes.metadata,
			MetadataCacheSizeLimitBytes: sizes.metadata,
		}
	}
	text, err := json.Marshal(lc)
	if err == nil {
		s.config, err = newConfigFile(text)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration of the repository: %w", joinRemoved(err, s.cache))
	}
	return s, nil
}

// cacheDir makes a directory for the cache. A machine without a writable temporary
// directory has none, which only costs time.
func cacheDir(sizes cacheSizes) string {
	if sizes == (cacheSizes{}) {
		return ""
	}
	dir, err := os.MkdirTemp("", "rescue-cache-")
	if err != nil {
		return ""
	}
	return dir
}

// keepNoContents makes kopia's cache of file contents an empty one for good: nothing is
// read twice, and to write each content to a disk and sync it takes as long as all the
// rest of a restore. kopia cannot open a repository without this cache, but copes with
// its folder gone.
func (s *scratch) keepNoContents() error {
	if s.cache == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(s.cache, "contents"))
}

// remove deletes all of it.
func (s *scratch) remove() error {
	return joinRemoved(s.config.remove(), s.cache)
}

// joinRemoved removes a directory, and adds a failure to err.
func joinRemoved(err error, dir string) error {
	if dir == "" {
		return err
	}
	if rm := os.RemoveAll(dir); rm != nil && err == nil {
		return fmt.Errorf("cannot remove the cache: %w", rm)
	}
	return err
}

// newConfigOnDisk is the fallback where files cannot be kept in memory alone.
func newConfigOnDisk(text []byte) (*configFile, error) {
	dir, err := os.MkdirTemp("", "rescue-config-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "repository.config")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, joinRemoved(err, dir)
	}
	return &configFile{path: path, remove: func() error { return os.RemoveAll(dir) }}, nil
}

// configFile is a file that holds credentials, and how to get rid of it.
type configFile struct {
	path   string
	remove func() error
}
