package cloudtest

import (
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rescuecue/rescue/compat"
)

// Role is the one that can be assumed at an S3 server with roles.
const Role = "arn:aws:iam::123456789012:role/backup"

// S3 is an S3 server behind a guard, which speaks TLS with a certificate that nobody
// knows, and lends a role.
type S3 struct {
	*Cloud
	guard *s3Guard
}

// Sessions returns with how many of the keys that it lent requests were signed.
func (s *S3) Sessions() int {
	s.guard.mu.Lock()
	defer s.guard.mu.Unlock()
	used := 0
	for _, session := range s.guard.sessions {
		if session.used {
			used++
		}
	}
	return used
}

// NewS3 puts a guard in front of a server that knows a key pair. The profile has the
// guard's certificate, and a Secret with a key pair that is good for the role alone.
// What the role gives expires so soon that every request asks for new keys.
func NewS3(t testing.TB, host string, server *compat.Profile) *S3 {
	t.Helper()
	to, err := url.Parse(server.Location.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &s3Guard{
		id: "LENDER", secret: randomText(), behind: server, sessions: map[string]*s3Session{},
		proxy: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = to.Host
		}},
	}
	g.proxy.Transport = signer{g}
	certificate, ca := newCertificate(t, host)
	front := &http.Server{Handler: g, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)} // it logs refused handshakes
	listener := tls.NewListener(listen(t, host), &tls.Config{Certificates: []tls.Certificate{certificate}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = front.Serve(listener) // it ends when it is closed
	}()
	t.Cleanup(func() {
		front.Close()
		<-done
	})
	return &S3{guard: g, Cloud: &Cloud{
		Profile: &compat.Profile{
			Location: compat.Location{Type: compat.LocationS3, Bucket: server.Location.Bucket, Endpoint: "https://" + listener.Addr().String()},
			Credential: compat.Credential{Type: compat.CredentialSecret, Secret: &compat.Secret{Type: compat.SecretTypeAWS, Data: map[string][]byte{
				"aws_access_key_id": []byte(g.id), "aws_secret_access_key": []byte(g.secret), "role": []byte(Role),
			}}},
			CABundle: ca,
		},
		Direct:   server.Location.Endpoint,
		Canaries: []string{g.secret},
	}}
}

// s3Session is what the role gave.
type s3Session struct {
	token string
	used  bool
}

// s3Guard checks who is asking, and signs with the key of the server behind it.
type s3Guard struct {
	id, secret string
	behind     *compat.Profile
	proxy      *httputil.ReverseProxy

	mu       sync.Mutex
	sessions map[string]*s3Session // by access key
}

// ServeHTTP implements http.Handler.
func (g *s3Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := accessKey(r.Header.Get("Authorization"))
	if r.Method == http.MethodPost && r.URL.Path == "/" && r.URL.RawQuery == "" {
		g.lend(w, r, id)
		return
	}
	g.mu.Lock()
	session := g.sessions[id]
	known := session != nil && session.token == r.Header.Get("X-Amz-Security-Token")
	if known {
		session.used = true
	}
	g.mu.Unlock()
	if !known {
		refuse(w, "InvalidAccessKeyId")
		return
	}
	g.proxy.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>refused</Message></Error>", code)
}

// accessKey reads "AWS4-HMAC-SHA256 Credential=KEY/…".
func accessKey(authorization string) string {
	_, rest, _ := strings.Cut(authorization, "Credential=")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// assumed is the answer of AssumeRole.
type assumed struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
	Result  struct {
		Credentials struct {
			AccessKeyId, SecretAccessKey, SessionToken string
			Expiration                                 string
		}
		AssumedRoleUser struct{ Arn, AssumedRoleId string }
	} `xml:"AssumeRoleResult"`
}

// lend is STS.
func (g *s3Guard) lend(w http.ResponseWriter, r *http.Request, id string) {
	if id != g.id || r.FormValue("Action") != "AssumeRole" || r.FormValue("RoleArn") != Role {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to assume the role</Message></Error></ErrorResponse>`)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	id, token := fmt.Sprintf("SESSION%d", len(g.sessions)), randomText()
	g.sessions[id] = &s3Session{token: token}
	// Rescue renews keys five minutes before their end.
	writeSession(w, id, randomText(), token, time.Now().Add(4*time.Minute))
}

// writeSession answers AssumeRole with the keys.
func writeSession(w http.ResponseWriter, id, key, token string, end time.Time) {
	out := assumed{}
	c := &out.Result.Credentials
	c.AccessKeyId, c.SecretAccessKey, c.SessionToken, c.Expiration = id, key, token, end.UTC().Format(time.RFC3339)
	out.Result.AssumedRoleUser.Arn = Role + "/rescue"
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).Encode(out) // that the client went away is not this handler's business
}

// signer signs what goes on to the server.
type signer struct{ guard *s3Guard }

// RoundTrip implements http.RoundTripper.
func (s signer) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, name := range []string{"Authorization", "X-Amz-Security-Token", "X-Forwarded-For"} {
		r.Header.Del(name)
	}
	pair := s.guard.behind.Credential.KeyPair
	keys := aws.Credentials{AccessKeyID: pair.ID, SecretAccessKey: pair.Secret}
	// As S3 has it, paths are signed as they are.
	asS3 := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }
	err := v4.NewSigner().SignHTTP(r.Context(), keys, r, r.Header.Get("X-Amz-Content-Sha256"), "s3", "us-east-1", time.Now(), asS3)
	if err != nil {
		return nil, err
	}
	return http.DefaultTransport.RoundTrip(r)
}
