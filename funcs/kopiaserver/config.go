package kopiaserver

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
)

// FileStoreMount is where the pod of a server mounts the volume of a file store, as
// Kanister has it.
const FileStoreMount = "/mnt/data"

// Config is all that a server needs to know.
type Config struct {
	// Location of the repository, and its password.
	Location mover.Location
	// Username and Hostname are the server's own identity in the repository.
	Username, Hostname string
	// Admin may tell the running server to read its users anew.
	Admin Login
	// Certificate and Key of the server, in PEM form.
	Certificate, Key []byte
	// Users who may log in: USER@HOST to password.
	Users map[string]string
	// Cache limits the server's cache; zero leaves it to the mover.
	Cache mover.CacheLimits
	// CacheDirectory and LogDirectory may be empty.
	CacheDirectory, LogDirectory string
}

// Login is a name and its password.
type Login struct{ Username, Password string }

// Resolve reads the Secrets that a RepositoryServer names.
func Resolve(ctx context.Context, r *compat.RepositoryServerResource, get compat.SecretGetter) (Config, error) {
	res := &resolver{ctx: ctx, resource: r, get: get}
	c := Config{
		Location:       res.location(),
		Username:       r.Spec.Repository.Username,
		Hostname:       r.Spec.Repository.Hostname,
		Users:          res.users(),
		CacheDirectory: r.Spec.Repository.Configuration.CacheDirectory,
		LogDirectory:   r.Spec.Repository.Configuration.LogDirectory,
	}
	c.Cache.ContentMB = r.Spec.Repository.CacheSizeSettings.Content
	c.Cache.MetadataMB = r.Spec.Repository.CacheSizeSettings.Metadata
	admin := res.secret("spec.server.adminSecretRef", r.Spec.Server.AdminSecretRef)
	c.Admin = Login{res.text(admin, "username"), res.text(admin, "password")}
	tls := res.secret("spec.server.tlsSecretRef", r.Spec.Server.TLSSecretRef)
	c.Certificate, c.Key = []byte(res.text(tls, "tls.crt")), []byte(res.text(tls, "tls.key"))
	if err := errors.Join(res.errs...); err != nil {
		return Config{}, fmt.Errorf("repository server %s/%s: %w", r.Metadata.Namespace, r.Metadata.Name, err)
	}
	return c, nil
}

// resolver reads Secrets and collects all that is wrong with them.
type resolver struct {
	ctx      context.Context //nolint:containedctx // a resolver lives as long as one call
	resource *compat.RepositoryServerResource
	get      compat.SecretGetter
	errs     []error
}

func (r *resolver) fail(format string, a ...any) { r.errs = append(r.errs, fmt.Errorf(format, a...)) }

// secret returns nil for one that cannot be read.
func (r *resolver) secret(field string, ref compat.ObjectReference) *compat.Secret {
	s, err := r.get(r.ctx, r.resource.NamespaceOf(ref), ref.Name)
	if err != nil {
		r.fail("%s: %w", field, err)
		return nil
	}
	return s
}

// text is a field of a Secret that must be there.
func (r *resolver) text(s *compat.Secret, field string) string {
	if s == nil {
		return ""
	}
	value := string(s.Data[field])
	if value == "" {
		r.fail("secret %s/%s has no field %q, or an empty one", s.Namespace, s.Name, field)
	}
	return value
}

// users are the hosts of the user access Secret, all with the one user name.
func (r *resolver) users() map[string]string {
	access := r.resource.Spec.Server.UserAccess
	s := r.secret("spec.server.userAccess.userAccessSecretRef", access.UserAccessSecretRef)
	if s == nil {
		return nil
	}
	if len(s.Data) == 0 {
		r.fail("secret %s/%s is empty: it holds a password for each host name", s.Namespace, s.Name)
	}
	return usersOf(access.Username, s.Data)
}

func usersOf(username string, hosts map[string][]byte) map[string]string {
	users := make(map[string]string, len(hosts))
	for host, password := range hosts {
		users[username+"@"+host] = string(password)
	}
	return users
}

// location is that of the repository.
func (r *resolver) location() mover.Location {
	spec := r.resource.Spec
	loc := mover.Location{Password: r.text(r.secret("spec.repository.passwordSecretRef", spec.Repository.PasswordSecretRef), "repo-password")}
	s := r.secret("spec.storage.secretRef", spec.Storage.SecretRef)
	if s == nil {
		return loc
	}
	loc.Profile = r.profile(s)
	loc.Path = path.Join(loc.Profile.Location.Bucket, loc.Profile.Location.Prefix, spec.Repository.RootPath)
	if ref := spec.Storage.CredentialSecretRef; ref.Name != "" {
		keys := r.secret("spec.storage.credentialSecretRef", ref)
		loc.Profile.Credential = compat.Credential{Type: compat.CredentialSecret, Secret: keys}
		if keys != nil {
			loc.Profile.CABundle = string(keys.Data[compat.CABundleField])
		}
	}
	return loc
}

// locationTypes are the names that the location Secret uses.
var locationTypes = map[string]string{
	"s3": compat.LocationS3, "s3Compliant": compat.LocationS3, "gcs": compat.LocationGCS, "azure": compat.LocationAzure,
	"filestore": compat.LocationFilesystem, "file-store": compat.LocationFilesystem,
}

// profile turns the location Secret into a profile without credentials.
func (r *resolver) profile(s *compat.Secret) *compat.Profile {
	text := func(field string) string { return strings.TrimSpace(string(s.Data[field])) }
	p := &compat.Profile{Location: compat.Location{
		Type: locationTypes[text("type")], Bucket: text("bucket"), Endpoint: text("endpoint"),
		Prefix: text("prefix"), Region: text("region"), Claim: text("claimName"),
	}}
	if p.Location.Type == "" {
		r.fail("secret %s/%s: type %q is not known; it is one of s3, gcs, azure, filestore", s.Namespace, s.Name, text("type"))
	}
	if p.Location.Type == compat.LocationFilesystem {
		p.Location.Endpoint = FileStoreMount
	}
	if skip := text("skipSSLVerify"); skip != "" {
		var err error
		if p.SkipSSLVerify, err = strconv.ParseBool(skip); err != nil {
			r.fail("secret %s/%s: skipSSLVerify must be true or false, found %q", s.Namespace, s.Name, skip)
		}
	}
	return p
}
