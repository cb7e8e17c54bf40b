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

// defaultEndpoints name the places without an endpoint in messages.
var defaultEndpoints = map[string]string{
	compat.LocationS3: defaultS3Endpoint, compat.LocationGCS: "gs:/", compat.LocationAzure: "azure:/",
}

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
	case compat.LocationGCS, compat.LocationAzure:
		return l.objects()
	default:
		return blob.ConnectionInfo{}, failure(CodeBadRequest, nil,
			"data functions cannot use a location of the type %q: they know s3Compliant, gcs, azure and filesystem", l.Profile.Location.Type)
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
			"the location's directory %s does not exist here: mount %s at %s in this container", dir, l.volume(), dir)
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

// checkMounted finds that a directory which should be a claim's is the container's own. It
// matters where a repository is made: one that is there already was mounted.
func (l Location) checkMounted() error {
	at := l.Profile.Location
	if at.Type != compat.LocationFilesystem || at.Claim == "" || isMounted(at.Endpoint) {
		return nil
	}
	return failure(CodeUnreachable, nil, "the location's directory %s is one of this container's own: mount %s at %s in this container",
		at.Endpoint, l.volume(), at.Endpoint)
}

// volume names what is to be mounted at the directory.
func (l Location) volume() string {
	if claim := l.Profile.Location.Claim; claim != "" {
		return "the claim " + claim
	}
	return "its volume"
}

// trusting returns the profile as requests to the store take it, which is where
// InsecureTLS belongs as well.
func (l Location) trusting() *compat.Profile {
	p := *l.Profile
	p.SkipSSLVerify = p.SkipSSLVerify || l.InsecureTLS
	return &p
}

// place returns the bucket, and what the keys of all objects of the repository start
// with.
func (l Location) place() (bucket, prefix string, err error) {
	bucket, prefix, err = l.repository()
	if err == nil && bucket == "" {
		err = failure(CodeBadRequest, nil, "the profile's location names no bucket")
	}
	if prefix != "" {
		prefix += "/"
	}
	return bucket, prefix, err
}

func (l Location) bucket() (blob.ConnectionInfo, error) {
	opt, identity, err := l.s3Options()
	if err != nil {
		return blob.ConnectionInfo{}, err
	}
	if !identity.Lasting() {
		return blob.ConnectionInfo{Type: renewedS3, Config: &renewedOptions{S3: *opt, Profile: l.trusting()}}, nil
	}
	return blob.ConnectionInfo{Type: fencedS3, Config: opt}, nil
}

// s3Options has the keys of the identity, if it has any.
func (l Location) s3Options() (*s3.Options, store.S3Identity, error) {
	opt := &s3.Options{
		Region:         l.Profile.Location.Region,
		DoNotVerifyTLS: l.trusting().SkipSSLVerify,
	}
	if l.Profile.CABundle != "" {
		opt.RootCA = []byte(l.Profile.CABundle)
	}
	if err := setEndpoint(opt, l.Profile.Location.Endpoint); err != nil {
		return nil, store.S3Identity{}, err
	}
	identity, err := store.S3IdentityOf(l.Profile)
	if err != nil {
		return nil, store.S3Identity{}, &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	opt.AccessKeyID, opt.SecretAccessKey, opt.SessionToken = identity.Key.ID, identity.Key.Secret, identity.Key.Token
	opt.BucketName, opt.Prefix, err = l.place()
	return opt, identity, err
}

// objects is for the stores that we speak to ourselves.
func (l Location) objects() (blob.ConnectionInfo, error) {
	bucket, prefix, err := l.place()
	if err != nil {
		return blob.ConnectionInfo{}, err
	}
	p := l.trusting()
	p.Location.Bucket = bucket
	return blob.ConnectionInfo{Type: fencedObjects, Config: &objectOptions{Profile: p, Prefix: prefix}}, nil
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
	where := strings.TrimRight(l.Profile.Location.Endpoint, "/")
	if where == "" {
		where = defaultEndpoints[l.Profile.Location.Type]
	}
	return where + "/" + strings.TrimLeft(l.Path, "/")
}
