package compat

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rescuecue/rescue/schema/suggest"
)

// The types of locations.
const (
	LocationS3         = "s3Compliant"
	LocationGCS        = "gcs"
	LocationAzure      = "azure"
	LocationKopia      = "kopia"
	LocationFilesystem = "filesystem"
)

// The types of credentials.
const (
	CredentialKeyPair = "keyPair"
	CredentialSecret  = "secret"
	CredentialKopia   = "kopia"
)

// ObjectReference names a Kubernetes object in Kanister's custom resources.
type ObjectReference struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Group      string `json:"group,omitempty"`
	Resource   string `json:"resource,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Name       string `json:"name,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
}

// ProfileResource is a Profile as it stands in a file or a cluster, where it names
// Secrets. ResolveProfile makes a Profile of it.
type ProfileResource struct {
	APIVersion    string             `json:"apiVersion,omitempty"`
	Kind          string             `json:"kind,omitempty"`
	Metadata      Meta               `json:"metadata"`
	Location      Location           `json:"location"`
	Credential    CredentialResource `json:"credential"`
	SkipSSLVerify bool               `json:"skipSSLVerify,omitempty"`
	CABundle      string             `json:"caBundle,omitempty"`
}

// CredentialResource says which Secrets hold a location's credentials.
type CredentialResource struct {
	Type              string                `json:"type,omitempty"`
	KeyPair           *KeyPairReference     `json:"keyPair,omitempty"`
	Secret            *ObjectReference      `json:"secret,omitempty"`
	KopiaServerSecret *KopiaServerReference `json:"kopiaServerSecret,omitempty"`
}

// KeyPairReference names two fields of a Secret.
type KeyPairReference struct {
	IDField     string          `json:"idField"`
	SecretField string          `json:"secretField"`
	Secret      ObjectReference `json:"secret"`
}

// KopiaServerReference says how to log in to a Kopia repository server.
type KopiaServerReference struct {
	Username       string         `json:"username,omitempty"`
	Hostname       string         `json:"hostname,omitempty"`
	UserPassphrase *SecretKey     `json:"userPassphrase,omitempty"`
	TLSCert        *SecretKey     `json:"tlsCert,omitempty"`
	ConnectOptions map[string]int `json:"connectOptions,omitempty"`
}

// SecretKey is a field of a Secret.
type SecretKey struct {
	Key    string           `json:"key"`
	Secret *ObjectReference `json:"secret"`
}

// ReadProfile reads a document of kind Profile. The error is an Errors.
func ReadProfile(doc *Document) (*ProfileResource, error) {
	return readProfile(doc.Root)
}

// ProfileFromObject reads a Profile as Kubernetes' dynamic client returns it.
func ProfileFromObject(object map[string]any) (*ProfileResource, error) {
	return readProfile(valueOf(object))
}

func readProfile(root *Value) (*ProfileResource, error) {
	p, b := &ProfileResource{}, &binder{}
	if err := b.bindTo(root, p); err != nil {
		return nil, err
	}
	c := &profileChecker{root: root}
	c.location(p.Location)
	c.credential(p)
	if p.CABundle != "" && !holdsCertificates(p.CABundle) {
		c.failAt([]string{"caBundle"}, "caBundle must be certificates in PEM form, which start with -----BEGIN CERTIFICATE-----")
	}
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return p, nil
}

// profileChecker finds what a Profile lacks.
type profileChecker struct {
	root *Value
	errs Errors
}

// failAt reports at the value that the names lead to, or as near to it as there is.
func (c *profileChecker) failAt(names []string, format string, args ...any) *Error {
	at := c.root
	for _, n := range names {
		next := at.Get(n)
		if next == nil {
			break
		}
		at = next
	}
	err := at.Errorf(format, args...)
	c.errs = append(c.errs, err)
	return err
}

// holdsCertificates tells whether a PEM text is one of certificates.
func holdsCertificates(text string) bool {
	return x509.NewCertPool().AppendCertsFromPEM([]byte(text))
}

func (c *profileChecker) location(l Location) {
	if l.Claim != "" && l.Type != LocationFilesystem {
		c.failAt([]string{"location", "claim"}, "location.claim belongs to locations of type %s", LocationFilesystem)
	}
	switch l.Type {
	case LocationS3, LocationGCS, LocationAzure:
		if l.Bucket == "" {
			c.failAt([]string{"location"}, "location.bucket is missing: a location of type %s needs one", l.Type)
		}
	case LocationFilesystem:
		if !filepath.IsAbs(l.Endpoint) {
			c.failAt([]string{"location", "endpoint"}, "location.endpoint must be the absolute path of a directory, found %q", l.Endpoint)
		}
	case LocationKopia:
	case "":
		c.failAt([]string{"location"}, "location.type is missing").oneOf("", locationTypes)
	default:
		c.failAt([]string{"location", "type"}, "location.type %q is not known", l.Type).oneOf(l.Type, locationTypes)
	}
}

const (
	locationTypes   = "s3Compliant, gcs, azure, filesystem, kopia"
	credentialTypes = "keyPair, secret, kopia"
)

// oneOf adds what there is instead of a name.
func (e *Error) oneOf(name, known string) {
	if near := suggest.Nearest(name, strings.Split(known, ", ")); near != "" {
		e.Hint = fmt.Sprintf("did you mean %s?", near)
		return
	}
	e.Hint = "it is one of " + known
}

func (c *profileChecker) credential(p *ProfileResource) {
	at, cr := []string{"credential"}, p.Credential
	switch cr.Type {
	case CredentialKeyPair:
		c.keyPair(cr.KeyPair)
	case CredentialSecret:
		if cr.Secret == nil || cr.Secret.Name == "" {
			c.failAt(at, "credential.secret.name is missing: credentials of type secret need it")
		}
	case CredentialKopia:
		c.kopia(cr.KopiaServerSecret)
	case "":
		if p.Location.Type != LocationFilesystem {
			c.failAt(at, "credential.type is missing").oneOf("", credentialTypes)
		}
	default:
		c.failAt([]string{"credential", "type"}, "credential.type %q is not known", cr.Type).oneOf(cr.Type, credentialTypes)
	}
}

func (c *profileChecker) keyPair(kp *KeyPairReference) {
	at := []string{"credential", "keyPair"}
	if kp == nil {
		c.failAt(at, "credential.keyPair is missing: credentials of type keyPair need it")
		return
	}
	c.needed(at, "credential.keyPair.idField", kp.IDField)
	c.needed(at, "credential.keyPair.secretField", kp.SecretField)
	c.needed(at, "credential.keyPair.secret.name", kp.Secret.Name)
}

func (c *profileChecker) kopia(k *KopiaServerReference) {
	at := []string{"credential", "kopiaServerSecret"}
	if k == nil {
		c.failAt(at, "credential.kopiaServerSecret is missing: credentials of type kopia need it")
		return
	}
	c.needed(at, "credential.kopiaServerSecret.username", k.Username)
	c.needed(at, "credential.kopiaServerSecret.hostname", k.Hostname)
	c.secretKey(append(at, "userPassphrase"), k.UserPassphrase)
	c.secretKey(append(at, "tlsCert"), k.TLSCert)
}

func (c *profileChecker) secretKey(at []string, key *SecretKey) {
	if key == nil || key.Key == "" || key.Secret == nil || key.Secret.Name == "" {
		c.failAt(at, "%s must name a key and a secret", strings.Join(at, "."))
	}
}

func (c *profileChecker) needed(at []string, name, value string) {
	if value == "" {
		c.failAt(at, "%s is missing", name)
	}
}
