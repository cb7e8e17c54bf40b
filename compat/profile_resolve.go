package compat

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// SecretGetter reads a Secret.
type SecretGetter func(ctx context.Context, namespace, name string) (*Secret, error)

// The types of Secrets that hold credentials.
const (
	SecretTypeAWS   = "secrets.kanister.io/aws"
	SecretTypeAzure = "secrets.kanister.io/azure"
	SecretTypeGCP   = "secrets.kanister.io/gcp"
)

// ResolveProfile reads the Secrets that a Profile names. A reference without a
// namespace means the Profile's own.
func ResolveProfile(ctx context.Context, r *ProfileResource, get SecretGetter) (*Profile, error) {
	res := &profileResolver{ctx: ctx, resource: r, get: get}
	p := &Profile{Location: r.Location, SkipSSLVerify: r.SkipSSLVerify}
	var err error
	if p.Credential, err = res.credential(); err == nil {
		p.CABundle, err = res.caBundle()
	}
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", r.Metadata.Name, err)
	}
	return p, nil
}

type profileResolver struct {
	ctx      context.Context
	resource *ProfileResource
	get      SecretGetter
	// keys is the Secret with the keys of an object store, if there is one.
	keys *Secret
}

// caBundle is the Profile's own, or else that beside the keys: where Kanister's
// definition of Profiles is installed, the cluster drops a field that it lacks.
func (r *profileResolver) caBundle() (string, error) {
	if r.resource.CABundle != "" || r.keys == nil {
		return r.resource.CABundle, nil
	}
	bundle := string(r.keys.Data[CABundleField])
	if bundle != "" && !holdsCertificates(bundle) {
		return "", fmt.Errorf("secret %s/%s: the field %s must be certificates in PEM form, which start with -----BEGIN CERTIFICATE-----",
			r.keys.Namespace, r.keys.Name, CABundleField)
	}
	return bundle, nil
}

func (r *profileResolver) credential() (Credential, error) {
	cr := r.resource.Credential
	c := Credential{Type: cr.Type}
	var err error
	switch cr.Type {
	case CredentialKeyPair:
		c.KeyPair, err = r.keyPair(cr.KeyPair)
	case CredentialSecret:
		c.Secret, err = r.typedSecret(cr.Secret)
	case CredentialKopia:
		c.KopiaServerSecret, err = r.kopia(cr.KopiaServerSecret)
	case "":
	default:
		err = fmt.Errorf("credential type %q is not known", cr.Type)
	}
	return c, err
}

func (r *profileResolver) keyPair(ref *KeyPairReference) (*KeyPair, error) {
	if ref == nil {
		return nil, errors.New("credential.keyPair is missing")
	}
	s, err := r.secret(&ref.Secret)
	if err != nil {
		return nil, err
	}
	r.keys = s
	id, err := s.text(ref.IDField)
	if err != nil {
		return nil, err
	}
	secret, err := s.text(ref.SecretField)
	if err != nil {
		return nil, err
	}
	return &KeyPair{ID: id, Secret: secret}, nil
}

func (r *profileResolver) typedSecret(ref *ObjectReference) (*Secret, error) {
	s, err := r.secret(ref)
	if err != nil {
		return nil, err
	}
	r.keys = s
	return s, s.checkCredential()
}

func (r *profileResolver) kopia(ref *KopiaServerReference) (*KopiaServerSecret, error) {
	if ref == nil {
		return nil, errors.New("credential.kopiaServerSecret is missing")
	}
	password, err := r.key("userPassphrase", ref.UserPassphrase)
	if err != nil {
		return nil, err
	}
	cert, err := r.key("tlsCert", ref.TLSCert)
	if err != nil {
		return nil, err
	}
	return &KopiaServerSecret{
		Username: ref.Username, Hostname: ref.Hostname,
		Password: password, Cert: cert, ConnectOptions: ref.ConnectOptions,
	}, nil
}

func (r *profileResolver) key(name string, ref *SecretKey) (string, error) {
	if ref == nil {
		return "", fmt.Errorf("credential.kopiaServerSecret.%s is missing", name)
	}
	s, err := r.secret(ref.Secret)
	if err != nil {
		return "", err
	}
	return s.text(ref.Key)
}

func (r *profileResolver) secret(ref *ObjectReference) (*Secret, error) {
	if ref == nil || ref.Name == "" {
		return nil, errors.New("the credential does not name its secret")
	}
	namespace := ref.Namespace
	if namespace == "" {
		namespace = r.resource.Metadata.Namespace
	}
	if namespace == "" {
		return nil, fmt.Errorf("secret %s: the reference needs a namespace", ref.Name)
	}
	s, err := r.get(r.ctx, namespace, ref.Name)
	if err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", namespace, ref.Name, err)
	}
	return s, nil
}

// text is a field of a Secret that must be there.
func (s *Secret) text(field string) (string, error) {
	v, ok := s.Data[field]
	if !ok {
		return "", fmt.Errorf("secret %s/%s has no field %q; it has %s", s.Namespace, s.Name, field, s.fieldList())
	}
	return string(v), nil
}

func (s *Secret) fieldList() string {
	if len(s.Data) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(s.Data)), ", ")
}

// CABundleField of the Secret with the keys may hold the certificates of whom to believe
// that a server is the location.
const CABundleField = "ca.crt"

// credentialFields are what a Secret of credentials must and may hold.
var credentialFields = map[string]struct {
	needed, optional []string
	open             bool // other fields are no mistake
}{
	SecretTypeAWS: {
		needed:   []string{"aws_access_key_id", "aws_secret_access_key"},
		optional: []string{"role", "aws_session_token", CABundleField},
	},
	SecretTypeAzure: {
		needed:   []string{"azure_storage_account_id", "azure_storage_key"},
		optional: []string{"azure_storage_environment", "azure_federated_identity", CABundleField},
	},
	SecretTypeGCP: {needed: []string{"gcp_project_id", "service-account.json"}, open: true},
}

// checkCredential finds what a Secret of credentials lacks, and misspelt fields.
func (s *Secret) checkCredential() error {
	want, ok := credentialFields[s.Type]
	if !ok {
		return fmt.Errorf("secret %s/%s has type %q; credentials need one of %s", s.Namespace, s.Name, s.Type,
			strings.Join(slices.Sorted(maps.Keys(credentialFields)), ", "))
	}
	for _, field := range want.needed {
		if s.isImplied(field) {
			continue
		}
		if _, err := s.text(field); err != nil {
			return err
		}
	}
	known := slices.Concat(want.needed, want.optional)
	for _, field := range slices.Sorted(maps.Keys(s.Data)) {
		if !want.open && !slices.Contains(known, field) {
			return fmt.Errorf("secret %s/%s of type %s has the unknown field %q; known are %s",
				s.Namespace, s.Name, s.Type, field, strings.Join(known, ", "))
		}
	}
	return nil
}

// isImplied tells whether credentials need no such field because the identity of whoever
// uses them stands for it.
func (s *Secret) isImplied(field string) bool {
	switch s.Type {
	case SecretTypeAzure:
		return field == "azure_storage_key" && string(s.Data["azure_federated_identity"]) == "true"
	case SecretTypeAWS:
		_, id := s.Data["aws_access_key_id"]
		_, secret := s.Data["aws_secret_access_key"]
		return !id && !secret
	}
	return false
}
