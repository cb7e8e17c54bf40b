package cloudtest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/funcstest/loopback"
)

// bucket is what a cloud has at the beginning.
const bucket = "rescue"

// GCS starts fake-gcs-server with an empty bucket, behind a guard that lets in only who has a
// token, and hands tokens out to who signs with the service account's key. host is the
// address of this machine that the guard answers at, 127.0.0.1 for tests on it alone.
// It skips the test if there is no such program.
func GCS(t testing.TB, host string) *Cloud {
	t.Helper()
	program := program(t, "RESCUE_FAKE_GCS", "make dist/fake-gcs-server")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	guard := &gcsGuard{key: key, token: "token-" + randomText()}
	server := newServer(t, host, guard)
	own := loopback.Host()
	port := loopback.FreePort(t, own)
	direct := net.JoinHostPort(own, port)
	// The address that uploads go on at must be the guard's. Programs that bring no keys
	// come directly.
	start(t, nil, program, "-backend", "memory", "-scheme", "http", "-host", own, "-port", port,
		"-external-url", server.URL, "-public-host", direct, "-log-level", "error")
	guard.to(t, "http://"+direct)
	c := &Cloud{Profile: &compat.Profile{
		Location: compat.Location{Type: compat.LocationGCS, Bucket: bucket, Endpoint: server.URL},
		Credential: compat.Credential{Type: compat.CredentialKeyPair, KeyPair: &compat.KeyPair{
			ID: "project", Secret: serviceAccount(t, key, server.URL+"/token"),
		}},
	}, Direct: "http://" + direct, Canaries: []string{guard.token, keyLine(t, key)}}
	makeGCSBucket(t, c.Direct)
	return c
}

// serviceAccount is a key as Google hands it out.
func serviceAccount(t testing.TB, key *rsa.PrivateKey, tokenURL string) string {
	text, err := json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": "project", "private_key_id": "1", "private_key": keyText(t, key),
		"client_email": "rescue@project.iam.gserviceaccount.com", "token_uri": tokenURL,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func keyText(t testing.TB, key *rsa.PrivateKey) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// keyLine is a part of the key's text that looks the same in all quotings.
func keyLine(t testing.TB, key *rsa.PrivateKey) string {
	return strings.Split(keyText(t, key), "\n")[5]
}

// makeGCSBucket waits until the server answers, too.
func makeGCSBucket(t testing.TB, address string) {
	t.Helper()
	eventually(t, "fake-gcs-server", func() error {
		resp, err := http.Post(address+"/storage/v1/b?project=project", "application/json", strings.NewReader(`{"name":"`+bucket+`"}`))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusConflict {
			return fmt.Errorf("making a bucket gives %s", resp.Status)
		}
		return nil
	})
}

// gcsGuard checks what fake-gcs-server does not: who is asking.
type gcsGuard struct {
	key   *rsa.PrivateKey
	token string

	mu   sync.Mutex
	next http.Handler
}

func (g *gcsGuard) to(t testing.TB, address string) {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next = httputil.NewSingleHostReverseProxy(u)
}

// ServeHTTP implements http.Handler.
func (g *gcsGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	next := g.next
	g.mu.Unlock()
	switch {
	case r.URL.Path == "/token":
		g.login(w, r)
	case r.Header.Get("Authorization") != "Bearer "+g.token:
		answer(w, http.StatusUnauthorized, `{"error":{"code":401,"message":"Invalid Credentials"}}`)
	default:
		next.ServeHTTP(w, r)
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// That the client went away is not this handler's business.
	_, _ = io.WriteString(w, text)
}

// login checks the signature of who asks for a token.
func (g *gcsGuard) login(w http.ResponseWriter, r *http.Request) {
	if !g.signed(r.FormValue("assertion")) {
		answer(w, http.StatusBadRequest, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
		return
	}
	answer(w, http.StatusOK, `{"access_token":"`+g.token+`","token_type":"Bearer","expires_in":3600}`)
}

func (g *gcsGuard) signed(assertion string) bool {
	content, signature, ok := cutLast(assertion, ".")
	sum := sha256.Sum256([]byte(content))
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	return ok && err == nil && rsa.VerifyPKCS1v15(&g.key.PublicKey, crypto.SHA256, sum[:], sig) == nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// newServer answers at a free port of host.
func newServer(t testing.TB, host string, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	listener := listen(t, host)
	if err := server.Listener.Close(); err != nil {
		t.Error(err)
	}
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// eventually tries until it works: a server has to start.
func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not start: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// NewServiceAccount is a key pair of a project and a service account that gets its tokens
// at the address, which need not check anything.
func NewServiceAccount(t testing.TB, tokenURL string) *compat.KeyPair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &compat.KeyPair{ID: "project", Secret: serviceAccount(t, key, tokenURL)}
}

// OtherServiceAccount has a key that the cloud of the profile does not know.
func OtherServiceAccount(t testing.TB, p *compat.Profile) *compat.KeyPair {
	t.Helper()
	return NewServiceAccount(t, p.Location.Endpoint+"/token")
}
