package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/store"
	"github.com/rescuecue/rescue/funcs/store/cloudtest"
)

// gcsServer answers as the handler does, after handing out tokens.
func gcsServer(t *testing.T, answer http.HandlerFunc) *compat.Profile {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"t","token_type":"Bearer","expires_in":3600}`)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	pair := cloudtest.NewServiceAccount(t, server.URL+"/token")
	return profileOf("gcs", server.URL, compat.Credential{Type: compat.CredentialKeyPair, KeyPair: pair})
}

// busy refuses the first requests of each kind.
func busy(times int, next http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	seen := map[string]int{}
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Method]++
		refuse := seen[r.Method] <= times
		mu.Unlock()
		if refuse {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		next(w, r)
	}
}

func TestGCSBusy(t *testing.T) {
	var stored []byte
	s := open(t, gcsServer(t, busy(2, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			stored, _ = io.ReadAll(r.Body) // what is missing shows in the content
			fmt.Fprintf(w, `{"name":"x","size":"%d"}`, len(stored))
		case http.MethodGet:
			_, _ = w.Write(stored)
		}
	})))
	if n, err := s.Put(t.Context(), "x", strings.NewReader("content")); err != nil || n != 7 {
		t.Errorf("Put returns %d, %v", n, err)
	}
	var got bytes.Buffer
	if _, err := s.Get(t.Context(), "x", &got); err != nil || got.String() != "content" {
		t.Errorf("Get returns %q, %v", got.String(), err)
	}
}

// A server may take less of a chunk than it was sent.
func TestGCSTakesAPart(t *testing.T) {
	const short = 1 << 20
	var stored bytes.Buffer
	var p *compat.Profile
	p = gcsServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Location", p.Location.Endpoint+"/session")
			return
		}
		var from, to int64
		total := ""
		if _, err := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-%d/%s", &from, &to, &total); err != nil || from != int64(stored.Len()) {
			t.Errorf("Content-Range %q, though there are %d bytes: %v", r.Header.Get("Content-Range"), stored.Len(), err)
		}
		take := to - from + 1
		if take > 4*short {
			take -= short
		}
		_, err := io.CopyN(&stored, r.Body, take)
		rest, _ := io.Copy(io.Discard, r.Body) // or the client cannot read the answer
		if err == nil && rest == 0 && total == fmt.Sprint(stored.Len()) {
			fmt.Fprintf(w, `{"name":"x","size":"%d"}`, stored.Len())
			return
		}
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", stored.Len()-1))
		w.WriteHeader(http.StatusPermanentRedirect)
	})
	content := bytes.Repeat([]byte("0123456789abcde"), 3<<20)
	if n, err := open(t, p).Put(t.Context(), "x", bytes.NewReader(content)); err != nil || n != int64(len(content)) {
		t.Errorf("Put returns %d, %v", n, err)
	}
	if !bytes.Equal(stored.Bytes(), content) {
		t.Errorf("%d bytes arrived, not the %d that were sent", stored.Len(), len(content))
	}
}

func TestGCSErrors(t *testing.T) {
	for status, tc := range map[int]struct {
		body, want string
		is         error
	}{
		http.StatusForbidden:                    {`{"error":{"message":"no storage.objects.get access"}}`, "access denied: no storage.objects.get access", store.ErrDenied},
		http.StatusNotFound:                     {`{"error":{"message":"No such object: b/x"}}`, "x in bucket b", store.ErrNotFound},
		http.StatusRequestedRangeNotSatisfiable: {"", "no such range", store.ErrRange},
		http.StatusConflict:                     {"<html>proxy</html>", `the server answered 409: "<html>proxy</html>"`, nil},
	} {
		s := open(t, gcsServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, tc.body)
		}))
		_, err := s.Get(t.Context(), "x", io.Discard)
		if err == nil || !strings.Contains(err.Error(), tc.want) || tc.is != nil && !errors.Is(err, tc.is) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// An answer that is no list must not be taken for an empty one.
func TestGCSIsAnotherServer(t *testing.T) {
	s := open(t, gcsServer(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>welcome</html>") }))
	err := s.List(t.Context(), "", func(store.Object) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "not that of Google Cloud Storage") {
		t.Errorf("got %v", err)
	}
}
