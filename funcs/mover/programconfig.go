package mover

import (
	"encoding/json"
	"fmt"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/content"
)

// Identity is who somebody is in a repository.
type Identity struct{ Username, Hostname string }

// CacheLimits bound the two parts of a cache, in MB. Zero means the usual limit.
type CacheLimits struct{ ContentMB, MetadataMB int }

// sizes are the limits in bytes.
func (c CacheLimits) sizes() cacheSizes {
	sizes := defaultCache()
	if c.ContentMB > 0 {
		sizes.content = int64(c.ContentMB) << 20
	}
	if c.MetadataMB > 0 {
		sizes.metadata = int64(c.MetadataMB) << 20
	}
	return sizes
}

// ProgramConfig is the configuration file by which the kopia program finds the
// repository at the location. It holds the keys of the store, but not the password of
// the repository.
func ProgramConfig(loc Location, as Identity, cacheDir string, limits CacheLimits) ([]byte, error) {
	conn, err := loc.programConnection()
	if err != nil {
		return nil, err
	}
	sizes := limits.sizes()
	text, err := json.Marshal(&repo.LocalConfig{
		Storage: &conn,
		Caching: &content.CachingOptions{
			CacheDirectory:              cacheDir,
			ContentCacheSizeBytes:       sizes.content,
			ContentCacheSizeLimitBytes:  sizes.content,
			MetadataCacheSizeBytes:      sizes.metadata,
			MetadataCacheSizeLimitBytes: sizes.metadata,
		},
		ClientOptions: repo.ClientOptions{Username: as.Username, Hostname: as.Hostname, Description: "rescue"},
	})
	if err != nil {
		return nil, fmt.Errorf("configuration of the repository: %w", err)
	}
	return text, nil
}
