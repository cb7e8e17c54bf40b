package kopiaserver_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kopiaserver"
)

// secretStore has the Secrets of a RepositoryServer in the namespace vault: name to
// fields.
type secretStore map[string]map[string]string

func (s secretStore) get(_ context.Context, namespace, name string) (*compat.Secret, error) {
	fields, ok := s[name]
	if !ok || namespace != "vault" {
		return nil, errors.New(namespace + "/" + name + " not found")
	}
	secret := &compat.Secret{Meta: compat.Meta{Namespace: namespace, Name: name}, Data: map[string][]byte{}}
	for k, v := range fields {
		secret.Data[k] = []byte(v)
	}
	return secret, nil
}

func secrets() secretStore {
	return secretStore{
		"location": {"type": "s3", "bucket": "b", "prefix": "/p/", "region": "eu-1", "endpoint": "https://s3", "skipSSLVerify": "true"},
		"keys":     {"aws_access_key_id": "id", "aws_secret_access_key": "secret", "ca.crt": "CA"},
		"password": {"repo-password": "repository-secret"},
		"admin":    {"username": "admin", "password": "admin-secret"},
		"tls":      {"tls.crt": "CERT", "tls.key": "KEY"},
		"users":    {"one": "one-secret", "two": "two-secret"},
	}
}

// object is the RepositoryServer that names these Secrets, as the API server has it.
func object() map[string]any {
	ref := func(name string) map[string]any { return map[string]any{"name": name} }
	return map[string]any{
		"apiVersion": "cr.kanister.io/v1alpha1", "kind": "RepositoryServer",
		"metadata": map[string]any{"name": "backups", "namespace": "vault"},
		"spec": map[string]any{
			"storage": map[string]any{"secretRef": ref("location"), "credentialSecretRef": ref("keys")},
			"repository": map[string]any{
				"rootPath": "app", "username": "server", "hostname": "here", "passwordSecretRef": ref("password"),
				"cacheSizeSettings": map[string]any{"content": int64(10), "metadata": int64(20)},
			},
			"server": map[string]any{
				"userAccess":     map[string]any{"username": "shop", "userAccessSecretRef": ref("users")},
				"adminSecretRef": ref("admin"), "tlsSecretRef": ref("tls"),
			},
		},
	}
}

func resource(t *testing.T) *compat.RepositoryServerResource {
	t.Helper()
	r, err := compat.RepositoryServerFromObject(object())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestResolve(t *testing.T) {
	c, err := kopiaserver.Resolve(t.Context(), resource(t), secrets().get)
	if err != nil {
		t.Fatal(err)
	}
	if c.Location.Path != "b/p/app" || c.Location.Password != "repository-secret" {
		t.Errorf("repository %q, password %q", c.Location.Path, c.Location.Password)
	}
	want := compat.Location{Type: compat.LocationS3, Bucket: "b", Prefix: "/p/", Region: "eu-1", Endpoint: "https://s3"}
	if d := cmp.Diff(want, c.Location.Profile.Location); d != "" || !c.Location.Profile.SkipSSLVerify {
		t.Errorf("skipSSLVerify %v, location (-expected +got):\n%s", c.Location.Profile.SkipSSLVerify, d)
	}
	if got := string(c.Location.Profile.Credential.Secret.Data["aws_access_key_id"]); got != "id" || c.Location.Profile.CABundle != "CA" {
		t.Errorf("access key %q, certificates %q", got, c.Location.Profile.CABundle)
	}
	if !maps.Equal(c.Users, map[string]string{"shop@one": "one-secret", "shop@two": "two-secret"}) {
		t.Errorf("users %v", c.Users)
	}
	if c.Username != "server" || c.Hostname != "here" || c.Admin != (kopiaserver.Login{Username: "admin", Password: "admin-secret"}) ||
		string(c.Certificate) != "CERT" || string(c.Key) != "KEY" || c.Cache.ContentMB != 10 || c.Cache.MetadataMB != 20 {
		t.Errorf("config %+v", c)
	}
}

func TestResolveFileStore(t *testing.T) {
	s := secrets()
	s["location"] = map[string]string{"type": "filestore", "prefix": "p", "claimName": "backups"}
	r := resource(t)
	r.Spec.Storage.CredentialSecretRef = compat.ObjectReference{}
	c, err := kopiaserver.Resolve(t.Context(), r, s.get)
	want := compat.Location{Type: compat.LocationFilesystem, Endpoint: "/mnt/data", Prefix: "p", Claim: "backups"}
	if err != nil || c.Location.Path != "p/app" || c.Location.Profile.Location != want {
		t.Errorf("path %q, location %+v, %v", c.Location.Path, c.Location.Profile.Location, err)
	}
}

// All that is wrong is said at once, and no value.
func TestResolveLacks(t *testing.T) {
	s := secrets()
	delete(s, "tls")
	s["users"] = nil
	s["password"] = map[string]string{"password": "repository-secret"}
	s["location"]["type"], s["location"]["skipSSLVerify"] = "ftp", "maybe"
	_, err := kopiaserver.Resolve(t.Context(), resource(t), s.get)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"repository server vault/backups", "spec.server.tlsSecretRef: vault/tls not found", "secret vault/users is empty",
		`secret vault/password has no field "repo-password"`, `type "ftp" is not known`, `skipSSLVerify must be true or false, found "maybe"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "-secret") {
		t.Errorf("it shows a value:\n%v", err)
	}
}
