package store

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// Path is where the repository of the data functions stands, starting with the
// bucket. A prefix whose first part is the bucket is taken as it is; to any other
// the bucket is joined. The Profile's own prefix plays no part, as in Kanister.
func Path(p *compat.Profile, prefix string) string {
	first, _, _ := strings.Cut(prefix, "/")
	if first == p.Location.Bucket {
		return prefix
	}
	return path.Join(p.Location.Bucket, prefix)
}

// Key is the key of an object in the bucket: the Profile's prefix and the path.
// Slashes at the start or end, and doubled ones, do not count.
func Key(p *compat.Profile, name string) (string, error) {
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", fmt.Errorf("path %q: .. is not allowed", name)
	}
	name = clean(name)
	if name == "" {
		return "", errors.New("the path is empty; it must name an object")
	}
	return clean(p.Location.Prefix + "/" + name), nil
}

// clean leaves no slash at the ends.
func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// ArtifactKey is the key that an artifact of a blueprint means: a path, a path that
// starts with the bucket, or a URL such as s3://bucket/path.
func ArtifactKey(p *compat.Profile, artifact string) (string, error) {
	name, err := withoutScheme(p.Location, artifact)
	if err != nil {
		return "", err
	}
	name = strings.TrimPrefix(name, "/")
	if first, rest, _ := strings.Cut(name, "/"); first != "" && first == p.Location.Bucket {
		name = rest
	}
	if clean(name) == "" {
		return "", fmt.Errorf("artifact %q names no object; it would mean everything in the location", artifact)
	}
	return Key(p, name)
}

// schemes are those of artifacts' URLs, and which locations they are about.
var schemes = map[string]string{"s3": compat.LocationS3, "gs": compat.LocationGCS, "azure": compat.LocationAzure}

// withoutScheme checks that a URL means this location, and cuts it down to the path
// that starts with the bucket.
func withoutScheme(l compat.Location, artifact string) (string, error) {
	scheme, rest, ok := strings.Cut(artifact, "://")
	if !ok {
		return artifact, nil
	}
	if schemes[scheme] != l.Type {
		return "", fmt.Errorf("artifact %q does not belong to a location of type %s", artifact, l.Type)
	}
	if bucket, _, _ := strings.Cut(rest, "/"); bucket != l.Bucket {
		return "", fmt.Errorf("artifact %q is in another bucket than the profile's %q", artifact, l.Bucket)
	}
	return rest, nil
}
