package store

import (
	"errors"
	"fmt"

	"github.com/rescuecue/rescue/compat"
)

// S3Key is what requests to S3 are signed with.
type S3Key struct {
	ID, Secret string
	// Token belongs to temporary credentials. It may be empty.
	Token string
}

// S3KeyOf takes the access key out of a Profile, whose credential is a key pair or
// a Secret of type secrets.kanister.io/aws.
func S3KeyOf(p *compat.Profile) (S3Key, error) {
	switch c := p.Credential; {
	case c.KeyPair != nil:
		return S3Key{ID: c.KeyPair.ID, Secret: c.KeyPair.Secret}.check()
	case c.Secret != nil:
		return s3KeyOfSecret(c.Secret)
	case c.Type == "":
		return S3Key{}, errors.New("the profile has no credential; a location of type s3Compliant needs one")
	default:
		return S3Key{}, fmt.Errorf("a credential of type %s does not fit a location of type s3Compliant; use keyPair or secret", c.Type)
	}
}

func s3KeyOfSecret(s *compat.Secret) (S3Key, error) {
	if s.Type != compat.SecretTypeAWS {
		return S3Key{}, fmt.Errorf("a location of type s3Compliant needs a secret of type %s, found %q", compat.SecretTypeAWS, s.Type)
	}
	if len(s.Data["role"]) > 0 {
		return S3Key{}, errors.New("the credential's secret names a role to be assumed, which is not supported; give the keys themselves")
	}
	return S3Key{
		ID:     string(s.Data["aws_access_key_id"]),
		Secret: string(s.Data["aws_secret_access_key"]),
		Token:  string(s.Data["aws_session_token"]),
	}.check()
}

func (k S3Key) check() (S3Key, error) {
	if k.ID == "" || k.Secret == "" {
		return S3Key{}, errors.New("the profile's access key or secret key is empty")
	}
	return k, nil
}
