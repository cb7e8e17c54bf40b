package mover

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/filesystem"
	"github.com/kopia/kopia/repo/blob/s3"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
)

// defaultS3Endpoint is where a profile without an endpoint goes.
const defaultS3Endpoint = "s3.amazonaws.com"

// repository returns the bucket and the path in it, both without slashes at the
// ends.
func (l Location) repository() (bucket, prefix string, err error) {
	if slices.Contains(strings.Split(l.Path, "/"), "..") {
		return "", "", failure(CodeBadRequest, nil, "the repository path %q holds .., which is not allowed", l.Path)
	}
	bucket, prefix, _ = strings.Cut(strings.Trim(path.Clean("/"+l.Path), "/"), "/")
	return bucket, prefix, nil
}

// connection translates the location into kopia's terms.
func (l Location) connection() (blob.ConnectionInfo, error) {
	if l.Profile == nil {
		return blob.ConnectionInfo{}, failure(CodeBadRequest, nil, "a data function needs a profile, and none was given")
	}
	switch l.Profile.Location.Type {
	case compat.LocationFilesystem:
		return l.directory()
	case compat.LocationS3:
		return l.bucket()
	default:
		return blob.ConnectionInfo{}, failure(CodeBadRequest, nil,
			"data functions cannot use a location of the type %q: they know s3Compliant and filesystem", l.Profile.Location.Type)
	}
}

func (l Location) directory() (blob.ConnectionInfo, error) {
	dir := l.Profile.Location.Endpoint
	if !filepath.IsAbs(dir) {
		return blob.ConnectionInfo{}, failure(CodeBadRequest, nil,
			"a filesystem location needs an absolute directory as its endpoint, found %q", dir)
	}
	// A directory that is missing was not mounted. Making it would put backups
	// into a container's own files, which go away with it.
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return blob.ConnectionInfo{}, failure(CodeUnreachable, nil,
			"the location's directory %s does not exist here: mount it in this container", dir)
	}
	bucket, prefix, err := l.repository()
	if err != nil {
		return blob.ConnectionInfo{}, err
	}
	return blob.ConnectionInfo{
		Type:   fencedDirectory,
		Config: &filesystem.Options{Path: filepath.Join(dir, bucket, prefix), FileMode: 0o600, DirectoryMode: 0o700},
	}, nil
}

func (l Location) bucket() (blob.ConnectionInfo, error) {
	opt := &s3.Options{
		Region:         l.Profile.Location.Region,
		DoNotVerifyTLS: l.Profile.SkipSSLVerify || l.InsecureTLS,
	}
	if err := setEndpoint(opt, l.Profile.Location.Endpoint); err != nil {
		return blob.ConnectionInfo{}, err
	}
	key, err := store.S3KeyOf(l.Profile)
	if err != nil {
		return blob.ConnectionInfo{}, &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	opt.AccessKeyID, opt.SecretAccessKey, opt.SessionToken = key.ID, key.Secret, key.Token
	bucket, prefix, err := l.repository()
	if err != nil {
		return blob.ConnectionInfo{}, err
	}
	if bucket == "" {
		return blob.ConnectionInfo{}, failure(CodeBadRequest, nil, "the profile's location names no bucket")
	}
	opt.BucketName = bucket
	if prefix != "" {
		opt.Prefix = prefix + "/"
	}
	return blob.ConnectionInfo{Type: fencedS3, Config: opt}, nil
}

// setEndpoint takes a host with or without a scheme. Plain http is used only
// where the profile says so.
func setEndpoint(opt *s3.Options, endpoint string) error {
	endpoint = strings.TrimRight(endpoint, "/")
	if endpoint == "" {
		opt.Endpoint = defaultS3Endpoint
		return nil
	}
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return failure(CodeBadRequest, nil, "the location's endpoint is not a host or a URL")
	}
	if u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return failure(CodeBadRequest, nil, "the location's endpoint %q is not a host, http://HOST or https://HOST", u.Redacted())
	}
	opt.Endpoint = u.Host
	opt.DoNotUseTLS = u.Scheme == "http"
	return nil
}

// String names the repository in messages, without credentials.
func (l Location) String() string {
	if l.Profile == nil {
		return l.Path
	}
	where := l.Profile.Location.Endpoint
	if where == "" {
		where = defaultS3Endpoint
	}
	return strings.TrimRight(where, "/") + "/" + strings.TrimLeft(l.Path, "/")
}
