package awstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A Key is an access key that the server knows.
type Key struct {
	ID, Secret string
	// Token is the session's, for temporary credentials.
	Token string
	// Expires ends the session. The zero time never comes.
	Expires time.Time
	// Deny lists what the key may not do, such as ec2:CreateSnapshot or rds:*.
	Deny []string
	// Role is the role whose session it is, if it is one.
	Role string
}

// TestKey is a key that every server knows.
var TestKey = Key{ID: "AKIATESTTESTTESTTEST", Secret: "test/secret+key"}

// AddKey makes a key known, or changes it.
func (s *Server) AddKey(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[k.ID] = k
}

// Expire ends the session of a key now.
func (s *Server) Expire(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[id]
	k.Expires = s.now().Add(-time.Minute)
	s.keys[id] = k
}

// Denies tells whether the key may not do something.
func (k Key) Denies(service, action string) bool {
	return slices.Contains(k.Deny, service+":"+action) || slices.Contains(k.Deny, service+":*")
}

// scope is what a signature says that it is for.
type scope struct {
	key, date, region, service string
	headers                    []string
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, *SignedHeaders=([^,]+), *Signature=[0-9a-f]{64}$`)

func scopeOf(header string) (scope, error) {
	m := authorization.FindStringSubmatch(header)
	if m == nil {
		return scope{}, &Error{Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token", Status: http.StatusForbidden}
	}
	return scope{key: m[1], date: m[2], region: m[3], service: m[4], headers: strings.Split(m[5], ";")}, nil
}

// authenticate checks the key, its session, and that the request was signed with its
// secret. EC2 and the other services have different codes for the same refusals.
func (s *Server) authenticate(r *http.Request, body []byte, sc scope) (Key, error) {
	s.mu.Lock()
	key, known := s.keys[sc.key]
	s.mu.Unlock()
	ec2 := sc.service == "ec2"
	refuse := func(other, message string) (Key, error) {
		if ec2 {
			return Key{}, &Error{Code: "AuthFailure", Message: "AWS was not able to validate the provided access credentials", Status: http.StatusUnauthorized}
		}
		return Key{}, &Error{Code: other, Message: message, Status: http.StatusForbidden}
	}
	switch {
	case !known || key.Token != r.Header.Get("X-Amz-Security-Token"):
		return refuse("InvalidClientTokenId", "The security token included in the request is invalid.")
	case !key.Expires.IsZero() && s.now().After(key.Expires) && ec2:
		return Key{}, &Error{Code: "RequestExpired", Message: "Request has expired."}
	case !key.Expires.IsZero() && s.now().After(key.Expires):
		return Key{}, &Error{Code: "ExpiredToken", Message: "The security token included in the request is expired", Status: http.StatusForbidden}
	case !signed(r, body, sc, key):
		return refuse("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.")
	}
	return key, nil
}

// signed signs the request anew, and compares.
func signed(r *http.Request, body []byte, sc scope, key Key) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || at.Format("20060102") != sc.date {
		return false
	}
	again := r.Clone(r.Context())
	again.URL.Scheme, again.URL.Host = "http", r.Host
	again.Body = io.NopCloser(bytes.NewReader(body))
	again.Header = http.Header{}
	for name, values := range r.Header {
		if slices.Contains(sc.headers, strings.ToLower(name)) {
			again.Header[name] = values
		}
	}
	hash := sha256.Sum256(body)
	creds := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Token}
	err = v4.NewSigner().SignHTTP(r.Context(), creds, again, hex.EncodeToString(hash[:]), sc.service, sc.region, at)
	return err == nil && again.Header.Get("Authorization") == r.Header.Get("Authorization")
}
