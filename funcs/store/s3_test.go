package store_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
	"github.com/rescuecue/rescue/funcs/store/storetest"
)

func s3Profile(endpoint string) *compat.Profile {
	return &compat.Profile{
		Location:   compat.Location{Type: compat.LocationS3, Bucket: "b", Endpoint: endpoint},
		Credential: compat.Credential{Type: "keyPair", KeyPair: &compat.KeyPair{ID: "id", Secret: "key"}},
	}
}

func serve(t *testing.T, f *fakeS3) string {
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server.URL
}

func TestS3(t *testing.T) {
	f := newFakeS3("b")
	storetest.Run(t, open(t, s3Profile(serve(t, f)+"/")))
	if len(f.uploads) != 0 {
		t.Errorf("%d uploads were left unfinished", len(f.uploads))
	}
}

func TestS3SessionToken(t *testing.T) {
	f := newFakeS3("b")
	p := s3Profile(serve(t, f))
	p.Credential = compat.Credential{Type: "secret", Secret: &compat.Secret{Type: compat.SecretTypeAWS, Data: map[string][]byte{
		"aws_access_key_id": []byte("id"), "aws_secret_access_key": []byte("key"), "aws_session_token": []byte("token"),
	}}}
	storetest.Put(t, open(t, p), "x", "y")
	if !f.tokens["token"] {
		t.Errorf("the session token was not sent, but %v", f.tokens)
	}
}

func TestS3SkipVerify(t *testing.T) {
	server := httptest.NewUnstartedServer(newFakeS3("b"))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs refused handshakes
	server.StartTLS()
	t.Cleanup(server.Close)
	p := s3Profile(strings.TrimPrefix(server.URL, "https://")) // HTTPS is the default
	p.SkipSSLVerify = true
	storetest.Put(t, open(t, p), "x", "y")
	p.SkipSSLVerify = false
	if err := open(t, p).Delete(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate gives %v", err)
	}
}

func TestS3Errors(t *testing.T) {
	for code, want := range map[string]struct {
		text string
		is   error
	}{
		"AccessDenied":      {"AccessDenied", store.ErrDenied},
		"NoSuchBucket":      {"correct the profile's location.bucket", store.ErrNoBucket},
		"PermanentRedirect": {"does location.region name the bucket's region?", nil},
	} {
		f := newFakeS3("b")
		f.refuse = func(*http.Request) string { return code }
		_, err := open(t, s3Profile(serve(t, f))).Put(t.Context(), "a/x", strings.NewReader("y"))
		if err == nil || !strings.Contains(err.Error(), want.text) || !strings.Contains(err.Error(), "bucket b at ") || want.is != nil && !errors.Is(err, want.is) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// A part that is refused ends the upload, and the other parts are removed.
func TestS3PartFails(t *testing.T) {
	f := newFakeS3("b")
	f.refuse = func(r *http.Request) string {
		if r.URL.Query().Get("partNumber") == "2" {
			return "AccessDenied"
		}
		return ""
	}
	s := open(t, s3Profile(serve(t, f)))
	endless := io.MultiReader(bytes.NewReader(make([]byte, 20<<20)), neverEnds{})
	_, err := s.Put(t.Context(), "x", endless)
	if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("got %v", err)
	}
	if len(f.uploads) != 0 || len(f.objects) != 0 {
		t.Errorf("%d uploads and %d objects were left", len(f.uploads), len(f.objects))
	}
}

type neverEnds struct{}

func (neverEnds) Read(b []byte) (int, error) { return len(b), nil }

func TestDeletePrefixReportsFailures(t *testing.T) {
	f := newFakeS3("b")
	s := open(t, s3Profile(serve(t, f)))
	for _, key := range []string{"a/1", "a/2", "a/3", "a/4", "a/5"} {
		storetest.Put(t, s, key, "x")
	}
	f.refuse = func(r *http.Request) string {
		if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/3") {
			return "AccessDenied"
		}
		return ""
	}
	if _, err := store.DeletePrefix(t.Context(), s, "a"); err == nil || !strings.Contains(err.Error(), "delete a/3 in bucket b") {
		t.Errorf("got %v", err)
	}
}

func TestS3GetCutShort(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("short"))
	}))
	t.Cleanup(server.Close)
	n, err := open(t, s3Profile(server.URL)).Get(t.Context(), "x", io.Discard)
	if !errors.Is(err, io.ErrUnexpectedEOF) || n != 5 {
		t.Errorf("got %d, %v", n, err)
	}
}
