package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// apiServer serves one pod and its log. The log's streams are cut where the test
// says; the container ends with the last of them.
type apiServer struct {
	t    *testing.T
	log  []logLine
	cuts []int // length of each stream, -1 for all of it
	gone bool  // the pod is deleted at the first look

	mu     sync.Mutex
	stream int
	asked  []string // queries for the log
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/log"):
		s.serveLog(w, r)
	case r.URL.Query().Get("watch") != "":
		w.Header().Set("Content-Type", "application/json")
		s.encode(w, map[string]any{"type": "MODIFIED", "object": s.pod()})
	case s.gone:
		http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`, http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/json")
		s.encode(w, s.pod())
	}
}

func (s *apiServer) encode(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

func (s *apiServer) pod() *corev1.Pod {
	state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	if s.stream >= len(s.cuts) {
		state = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	}
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u", ResourceVersion: "1"},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "c", State: state}}},
	}
}

func (s *apiServer) serveLog(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.URL.RawQuery)
	var since *metav1.Time
	if q := r.URL.Query().Get("sinceTime"); q != "" {
		at, err := time.Parse(time.RFC3339, q)
		if err != nil {
			s.t.Error(err)
		}
		since = &metav1.Time{Time: at}
	}
	body := served(s.log, since)
	if s.stream < len(s.cuts) && s.cuts[s.stream] >= 0 {
		body = body[:min(s.cuts[s.stream], len(body))]
	}
	s.stream++
	if _, err := w.Write(body); err != nil {
		s.t.Error(err)
	}
}

// serve returns a client for the server.
func serve(t *testing.T, h http.Handler) *Set {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	set, err := New(&rest.Config{Host: server.URL}, "test")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestFollow(t *testing.T) {
	for name, cuts := range map[string][]int{
		"ended before":        nil,
		"in one stream":       {-1},
		"early ends":          {40, 100, 0, -1},
		"cut, and then ended": {40},
		"nothing, then ended": {0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &apiServer{t: t, log: sampleLog(), cuts: cuts}
			var out bytes.Buffer
			if err := serve(t, s).Logs.Follow(t.Context(), "ns", "p", "c", &out); err != nil {
				t.Fatal(err)
			}
			if out.String() != text(s.log) {
				t.Errorf("got:\n%s", out.String())
			}
			if last := s.asked[len(s.asked)-1]; strings.Contains(last, "follow") {
				t.Errorf("the last look at the log was %q", last)
			}
		})
	}
}

func TestFollowPodGone(t *testing.T) {
	err := serve(t, &apiServer{t: t, gone: true}).Logs.Follow(t.Context(), "ns", "p", "c", &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "the pod is gone") {
		t.Errorf("error %v", err)
	}
}

func TestFollowCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reading := make(chan struct{})
	pod := (&apiServer{t: t, cuts: []int{-1}}).pod()
	set := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			w.Header().Set("Content-Type", "application/json")
			if err := json.NewEncoder(w).Encode(pod); err != nil {
				t.Error(err)
			}
			return
		}
		close(reading)
		<-r.Context().Done()
	}))
	go func() {
		<-reading
		cancel()
	}()
	if err := set.Logs.Follow(ctx, "ns", "p", "c", &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
