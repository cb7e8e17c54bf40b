package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// S3Key is what requests to S3 are signed with.
type S3Key struct {
	ID, Secret string
	// Token belongs to temporary credentials. It may be empty.
	Token string
}

// S3IdentityOf takes the identity out of a Profile, whose credential is a key pair or a
// Secret of type secrets.kanister.io/aws. Such a Secret may name a role, and may be
// without keys.
func S3IdentityOf(p *compat.Profile) (S3Identity, error) {
	switch c := p.Credential; {
	case c.KeyPair != nil:
		key, err := S3Key{ID: c.KeyPair.ID, Secret: c.KeyPair.Secret}.check()
		return S3Identity{Key: key}, err
	case c.Secret != nil && c.Secret.Type == compat.SecretTypeAWS:
		return s3IdentityOfSecret(c.Secret.Data)
	}
	return S3Identity{}, wrongCredential(p, compat.SecretTypeAWS)
}

func s3IdentityOfSecret(data map[string][]byte) (S3Identity, error) {
	identity := S3Identity{Role: strings.TrimSpace(string(data["role"]))}
	key := S3Key{
		ID:     string(data["aws_access_key_id"]),
		Secret: string(data["aws_secret_access_key"]),
		Token:  string(data["aws_session_token"]),
	}
	// Fields that are missing mean the identity of the pod, empty ones a mistake.
	_, id := data["aws_access_key_id"]
	_, secret := data["aws_secret_access_key"]
	if !id && !secret {
		return identity, nil
	}
	var err error
	identity.Key, err = key.check()
	return identity, err
}

// wrongCredential says which credentials the location needs.
func wrongCredential(p *compat.Profile, secretType string) error {
	c := p.Credential
	switch {
	case c.Secret != nil:
		return fmt.Errorf("a location of type %s needs a secret of type %s, found %q", p.Location.Type, secretType, c.Secret.Type)
	case c.Type == "":
		return fmt.Errorf("the profile has no credential; a location of type %s needs one", p.Location.Type)
	}
	return fmt.Errorf("a credential of type %s does not fit a location of type %s; use keyPair or secret", c.Type, p.Location.Type)
}

func (k S3Key) check() (S3Key, error) {
	if k.ID == "" || k.Secret == "" {
		return S3Key{}, errors.New("the profile's access key or secret key is empty")
	}
	return k, nil
}
