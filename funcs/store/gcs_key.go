package store

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/rescuecue/rescue/compat"
)

const (
	// gcsScope lets a service account read and write objects, as far as it may.
	gcsScope = "https://www.googleapis.com/auth/devstorage.read_write"
	// gcsTokenURL is where tokens come from if the key does not say it.
	gcsTokenURL = "https://oauth2.googleapis.com/token"
	// loginTime bounds the request for a token.
	loginTime = time.Minute
)

// GCSKey is the JSON key of a Google service account.
type GCSKey struct {
	// JSON is the whole key, as Google hands it out.
	JSON []byte
	// Project is the one that the Profile names. Reading and writing need none.
	Project string

	account serviceAccount
}

// serviceAccount is what matters of the JSON.
type serviceAccount struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKey   string `json:"private_key"`
	PrivateKeyID string `json:"private_key_id"`
	TokenURI     string `json:"token_uri"`
}

// errBadKey says that a key cannot be used at all.
var errBadKey = errors.New("the service account's key is not usable")

// GCSKeyOf takes the key out of a Profile, whose credential is a key pair of project
// and JSON key, or a Secret of type secrets.kanister.io/gcp.
func GCSKeyOf(p *compat.Profile) (GCSKey, error) {
	key := GCSKey{}
	switch c := p.Credential; {
	case c.KeyPair != nil:
		key.Project, key.JSON = c.KeyPair.ID, []byte(c.KeyPair.Secret)
	case c.Secret != nil && c.Secret.Type == compat.SecretTypeGCP:
		key.Project, key.JSON = string(c.Secret.Data["gcp_project_id"]), c.Secret.Data["service-account.json"]
	default:
		return GCSKey{}, wrongCredential(p, compat.SecretTypeGCP)
	}
	return key, key.read()
}

// read takes the JSON apart. Its errors must not show what is in it.
func (k *GCSKey) read() error {
	if err := json.Unmarshal(k.JSON, &k.account); err != nil {
		return fmt.Errorf("%w: it must be the JSON text that Google hands out for a service account", errBadKey)
	}
	a := &k.account
	if a.Type != "service_account" {
		return fmt.Errorf("%w: its type is %q, and must be service_account", errBadKey, a.Type)
	}
	if a.ClientEmail == "" || !isPrivateKey(a.PrivateKey) {
		return fmt.Errorf("%w: it needs client_email, and private_key in PEM form", errBadKey)
	}
	if a.TokenURI == "" {
		a.TokenURI = gcsTokenURL
	}
	return nil
}

func isPrivateKey(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return true
	}
	_, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	return err == nil
}

// client returns an HTTP client that logs in with the key when it has to.
func (k GCSKey) client(ctx context.Context, transport http.RoundTripper) *http.Client {
	login := &jwt.Config{
		Email: k.account.ClientEmail, PrivateKey: []byte(k.account.PrivateKey), PrivateKeyID: k.account.PrivateKeyID,
		TokenURL: k.account.TokenURI, Scopes: []string{gcsScope},
	}
	learn := learner(ctx)
	k.account.tell(learn)
	// Tokens are asked for as long as the store is open, which ctx need not be.
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Transport: tellingLogin{transport, learn}, Timeout: loginTime})
	return &http.Client{Transport: &oauth2.Transport{Base: transport, Source: tellingTokens{login.TokenSource(ctx), learn}}}
}

// isRefusedLogin tells whether the server that hands out tokens knows the key and
// refuses it, or does not know it.
func isRefusedLogin(err error) bool {
	var refused *oauth2.RetrieveError
	return errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError
}
