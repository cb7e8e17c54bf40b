package compat

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// document parses the only document of a YAML text.
func document(t *testing.T, src string) *Document {
	t.Helper()
	docs, err := Parse("f.yaml", []byte(src))
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	return docs[0]
}

const s3Profile = `apiVersion: cr.kanister.io/v1alpha1
kind: Profile
metadata:
  name: store
  namespace: shop
  resourceVersion: "7"
location:
  type: s3Compliant
  bucket: backups
  endpoint: https://s3.example.com
  prefix: p
  region: eu-1
credential:
  type: keyPair
  keyPair:
    idField: id
    secretField: key
    secret:
      apiVersion: v1
      kind: Secret
      name: creds
      namespace: vault
skipSSLVerify: true
`

func secretStore(secrets ...Secret) SecretGetter {
	return func(_ context.Context, namespace, name string) (*Secret, error) {
		for _, s := range secrets {
			if s.Namespace == namespace && s.Name == name {
				return &s, nil
			}
		}
		return nil, errors.New("not found")
	}
}

func secretOf(kind string, kv ...string) Secret {
	s := Secret{Meta: Meta{Namespace: "vault", Name: "creds"}, Type: kind, Data: map[string][]byte{}}
	for i := 0; i < len(kv); i += 2 {
		s.Data[kv[i]] = []byte(kv[i+1])
	}
	return s
}

func TestResolveProfile(t *testing.T) {
	r, err := ReadProfile(document(t, s3Profile))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ResolveProfile(t.Context(), r, secretStore(secretOf("Opaque", "id", "AK", "key", "SK")))
	if err != nil {
		t.Fatal(err)
	}
	want := &Profile{
		Location:      Location{Type: "s3Compliant", Bucket: "backups", Endpoint: "https://s3.example.com", Prefix: "p", Region: "eu-1"},
		Credential:    Credential{Type: "keyPair", KeyPair: &KeyPair{ID: "AK", Secret: "SK"}},
		SkipSSLVerify: true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-expected +got):\n%s", d)
	}
}

func TestResolveFilesystemProfile(t *testing.T) {
	r, err := ReadProfile(document(t, "kind: Profile\nmetadata: {name: here}\nlocation: {type: filesystem, endpoint: /backups, bucket: a, claim: backups}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ResolveProfile(t.Context(), r, nil)
	want := &Profile{Location: Location{Type: "filesystem", Endpoint: "/backups", Bucket: "a", Claim: "backups"}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-expected +got):\n%s", err, d)
	}
}

func TestResolveKopiaProfile(t *testing.T) {
	r, err := ProfileFromObject(map[string]any{
		"metadata": map[string]any{"name": "k", "namespace": "vault"},
		"location": map[string]any{"type": "kopia", "endpoint": "https://kopia:51515"},
		"credential": map[string]any{"type": "kopia", "kopiaServerSecret": map[string]any{
			"username": "u", "hostname": "h",
			"userPassphrase": map[string]any{"key": "pass", "secret": map[string]any{"name": "creds"}},
			"tlsCert":        map[string]any{"key": "cert", "secret": map[string]any{"name": "creds"}},
			"connectOptions": map[string]any{"maxCacheMB": int64(5)},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ResolveProfile(t.Context(), r, secretStore(secretOf("Opaque", "pass", "P", "cert", "C")))
	if err != nil {
		t.Fatal(err)
	}
	want := &KopiaServerSecret{Username: "u", Hostname: "h", Password: "P", Cert: "C", ConnectOptions: map[string]int{"maxCacheMB": 5}}
	if d := cmp.Diff(want, got.Credential.KopiaServerSecret); d != "" {
		t.Errorf("(-expected +got):\n%s", d)
	}
}

func TestTypedSecrets(t *testing.T) {
	tests := []struct {
		name   string
		secret Secret
		err    string
	}{
		{"aws", secretOf(SecretTypeAWS, "aws_access_key_id", "a", "aws_secret_access_key", "b", "aws_session_token", "c"), ""},
		{"aws with a role alone", secretOf(SecretTypeAWS, "role", "r"), ""},
		{"aws lacks a field", secretOf(SecretTypeAWS, "aws_access_key_id", "a"),
			`profile p: secret vault/creds has no field "aws_secret_access_key"; it has aws_access_key_id`},
		{"aws with a slip", secretOf(SecretTypeAWS, "aws_access_key_id", "a", "aws_secret_access_key", "b", "rol", "c"),
			`profile p: secret vault/creds of type secrets.kanister.io/aws has the unknown field "rol"; known are aws_access_key_id, aws_secret_access_key, role, aws_session_token, ca.crt`},
		{"azure", secretOf(SecretTypeAzure, "azure_storage_account_id", "a", "azure_storage_key", "b"), ""},
		{"azure without key", secretOf(SecretTypeAzure, "azure_storage_account_id", "a"),
			`profile p: secret vault/creds has no field "azure_storage_key"; it has azure_storage_account_id`},
		{"azure federated", secretOf(SecretTypeAzure, "azure_storage_account_id", "a", "azure_federated_identity", "true"), ""},
		{"gcp", secretOf(SecretTypeGCP, "gcp_project_id", "a", "service-account.json", "{}", "more", "x"), ""},
		{"gcp empty", secretOf(SecretTypeGCP), `profile p: secret vault/creds has no field "gcp_project_id"; it has none`},
		{"opaque", secretOf("Opaque", "a", "b"),
			`profile p: secret vault/creds has type "Opaque"; credentials need one of secrets.kanister.io/aws, secrets.kanister.io/azure, secrets.kanister.io/gcp`},
	}
	r := &ProfileResource{
		Metadata:   Meta{Name: "p"},
		Credential: CredentialResource{Type: "secret", Secret: &ObjectReference{Name: "creds", Namespace: "vault"}},
	}
	for _, tt := range tests {
		got, err := ResolveProfile(t.Context(), r, secretStore(tt.secret))
		if err != nil && err.Error() != tt.err || err == nil && tt.err != "" {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.err)
		}
		if err == nil && got.Credential.Secret.Type != tt.secret.Type {
			t.Errorf("%s: the secret is not in the profile", tt.name)
		}
	}
}

func TestResolveProfileErrors(t *testing.T) {
	r, err := ReadProfile(document(t, s3Profile))
	if err != nil {
		t.Fatal(err)
	}
	const noField = `profile store: secret vault/creds has no field "key"; it has id`
	if _, err := ResolveProfile(t.Context(), r, secretStore(secretOf("Opaque", "id", "AK"))); err == nil || err.Error() != noField {
		t.Errorf("got %v, expected %s", err, noField)
	}
	const noSecret = `profile store: secret vault/creds: not found`
	if _, err := ResolveProfile(t.Context(), r, secretStore()); err == nil || err.Error() != noSecret {
		t.Errorf("got %v, expected %s", err, noSecret)
	}
}

func TestReadProfileErrors(t *testing.T) {
	tests := []struct{ name, src, err string }{
		{"slip", "kind: Profile\nlocation:\n  type: s3Compliant\n  bucket: b\n  endpont: x\ncredential: {type: secret, secret: {name: s}}",
			"f.yaml:5:3: location.endpont is not known; did you mean endpoint?"},
		{"type", "kind: Profile\nlocation:\n  type: s3compliant\ncredential: {type: secret, secret: {name: s}}",
			`f.yaml:3:9: location.type "s3compliant" is not known; did you mean s3Compliant?`},
		{"no location", "kind: Profile\ncredential: {type: secret, secret: {name: s}}",
			"f.yaml:1:1: location.type is missing; it is one of s3Compliant, gcs, azure, filesystem, kopia"},
		{"no bucket", "kind: Profile\nlocation:\n  type: gcs\ncredential: {type: secret, secret: {name: s}}",
			"f.yaml:3:3: location.bucket is missing: a location of type gcs needs one"},
		{"relative directory", "kind: Profile\nlocation:\n  type: filesystem\n  endpoint: backups",
			`f.yaml:4:13: location.endpoint must be the absolute path of a directory, found "backups"`},
		{"claim elsewhere", "kind: Profile\nlocation: {type: gcs, bucket: b, claim: c}\ncredential: {type: secret, secret: {name: s}}",
			"f.yaml:2:41: location.claim belongs to locations of type filesystem"},
		{"no credential", "kind: Profile\nlocation: {type: gcs, bucket: b}",
			"f.yaml:1:1: credential.type is missing; it is one of keyPair, secret, kopia"},
		{"half a key pair", "kind: Profile\nlocation: {type: gcs, bucket: b}\ncredential:\n  type: keyPair\n  keyPair:\n    idField: a",
			"f.yaml:6:5: credential.keyPair.secretField is missing\nf.yaml:6:5: credential.keyPair.secret.name is missing"},
		{"kopia", "kind: Profile\nlocation: {type: kopia}\ncredential:\n  type: kopia\n  kopiaServerSecret: {username: u, hostname: h, tlsCert: {key: a, secret: {name: s}}}",
			"f.yaml:5:22: credential.kopiaServerSecret.userPassphrase must name a key and a secret"},
		{"wrong kind of value", "kind: Profile\nlocation: here",
			"f.yaml:2:11: location must be a map, found a string"},
	}
	for _, tt := range tests {
		_, err := ReadProfile(document(t, tt.src))
		if err == nil || err.Error() != tt.err {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.err)
		}
	}
}

func TestParseProfile(t *testing.T) {
	want := &Profile{
		Location: Location{Type: "s3Compliant", Bucket: "b", Endpoint: "e", Prefix: "p", Region: "r"},
		Credential: Credential{Type: "secret", Secret: &Secret{
			Meta: Meta{Name: "s"}, Type: SecretTypeAWS, Data: map[string][]byte{"aws_access_key_id": []byte("a")},
		}},
	}
	src, err := Engine{}.Render("{{ toJson .Profile }}", &Params{Profile: want})
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{src, strings.ToLower(src[:strings.Index(src, "s3")]) + src[strings.Index(src, "s3"):]} {
		got, err := ParseProfile([]byte(src))
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-expected +got):\n%s", src, err, d)
		}
	}
}

func TestParseProfileErrors(t *testing.T) {
	for src, want := range map[string]string{
		"null":                           "the profile is null: the action runs without a profile",
		"":                               "1:1: not valid JSON: it ends too early",
		"[1]":                            "1:1: a profile must be a JSON object, found a list",
		`{"Location": {"typ": "gcs"}}`:   "1:15: Location.typ is not known; did you mean type?",
		`{"Credential": {"KeyPair": 1}}`: "1:28: Credential.KeyPair must be a map, found an integer",
	} {
		if _, err := ParseProfile([]byte(src)); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", src, err, want)
		}
	}
}

func TestPrivateKeyIsSecret(t *testing.T) {
	const key = "-----BEGIN PRIVATE KEY-----\nMIIcanary\n-----END PRIVATE KEY-----\n"
	text := `{"type": "service_account", "private_key": ` + strconv.Quote(key) + `}`
	for name, c := range map[string]Credential{
		"key pair": {KeyPair: &KeyPair{ID: "p", Secret: text}},
		"secret":   {Secret: &Secret{Data: map[string][]byte{"service-account.json": []byte(text)}}},
	} {
		p := &Params{Profile: &Profile{Credential: c}}
		for _, form := range []string{text, key, strconv.Quote(key), strconv.Quote(text)} {
			if got := redact("it is "+form, p); strings.Contains(got, "canary") {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
}

func TestCABundle(t *testing.T) {
	const noPEM = "caBundle must be certificates in PEM form, which start with -----BEGIN CERTIFICATE-----"
	_, err := ReadProfile(document(t, s3Profile+"caBundle: nothing\n"))
	if err == nil || !strings.Contains(err.Error(), noPEM) {
		t.Errorf("got %v", err)
	}
	ca := testCertificate(t)
	r, err := ReadProfile(document(t, s3Profile+"caBundle: |\n  "+strings.ReplaceAll(ca, "\n", "\n  ")))
	if err != nil {
		t.Fatal(err)
	}
	beside := secretOf("Opaque", "id", "AK", "key", "SK", "ca.crt", ca+ca)
	own, err := ResolveProfile(t.Context(), r, secretStore(beside))
	if err != nil || strings.TrimSpace(own.CABundle) != strings.TrimSpace(ca) {
		t.Errorf("the profile's own: %+v, %v", own, err)
	}
	r.CABundle = ""
	got, err := ResolveProfile(t.Context(), r, secretStore(beside))
	if err != nil || got.CABundle != ca+ca {
		t.Errorf("that of the secret: %+v, %v", got, err)
	}
	text, err := Engine{}.Render("{{ toJson .Profile }}", &Params{Profile: got})
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseProfile([]byte(text)); err != nil || back.CABundle != ca+ca {
		t.Errorf("through JSON: %+v, %v", back, err)
	}
	_, err = ResolveProfile(t.Context(), r, secretStore(secretOf("Opaque", "id", "AK", "key", "SK", "ca.crt", "x")))
	if err == nil || !strings.Contains(err.Error(), "secret vault/creds: the field ca.crt must be certificates") {
		t.Errorf("got %v", err)
	}
}

// testCertificate is some certificate in PEM form.
func testCertificate(t *testing.T) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
