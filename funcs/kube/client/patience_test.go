package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest/loopback"
)

// comingAndGoing is an API server on a port of its own that can be taken away.
type comingAndGoing struct {
	t       *testing.T
	address string
	handler http.Handler
	server  *httptest.Server
}

func (s *comingAndGoing) start() {
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.address = listener.Addr().String()
	s.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: s.handler}}
	s.server.Start()
}

func (s *comingAndGoing) stop() {
	s.server.CloseClientConnections()
	s.server.Close()
}

// waited is a log by which a test knows that somebody waits for the server.
func waited(set *Set) <-chan struct{} {
	told := make(chan struct{}, 100)
	env := funcs.Env{Log: slog.New(slog.NewTextHandler(writer(func(b []byte) {
		if bytes.Contains(b, []byte("the API server does not answer")) {
			told <- struct{}{}
		}
	}), nil))}
	set.Fill(&env)
	return told
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

const onePod = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"ns","uid":"u"}}`

// TestServerComesBack: every request is sent while there is no server, and carried out
// when it is back.
func TestServerComesBack(t *testing.T) {
	uid := types.UID("u")
	for name, send := range map[string]func(context.Context, *Set) error{
		"get": func(ctx context.Context, s *Set) error {
			_, err := s.Kube.CoreV1().Pods("ns").Get(ctx, "p", metav1.GetOptions{})
			return err
		},
		"create": func(ctx context.Context, s *Set) error {
			made, err := s.Kube.CoreV1().Pods("ns").Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}, metav1.CreateOptions{})
			if err == nil && made.Name != "p" {
				return fmt.Errorf("made %v", made)
			}
			return err
		},
		"delete": func(ctx context.Context, s *Set) error {
			return s.Kube.CoreV1().Pods("ns").Delete(ctx, "p", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
		},
		"patch": func(ctx context.Context, s *Set) error {
			_, err := s.Kube.CoreV1().Pods("ns").Patch(ctx, "p", types.MergePatchType, []byte(`{"a":"b"}`), metav1.PatchOptions{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var last atomic.Value
			s := &comingAndGoing{t: t, address: loopback.Host() + ":0", handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				last.Store(r.Method + " " + string(body))
				// The next request needs a connection of its own: on one that is just being
				// closed it may be sent and get lost.
				w.Header().Set("Connection", "close")
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, onePod)
			})}
			s.start()
			defer func() { s.stop() }()
			set, err := New(&rest.Config{Host: "http://" + s.address}, "test")
			if err != nil {
				t.Fatal(err)
			}
			told := waited(set)
			if err := send(t.Context(), set); err != nil {
				t.Fatal(err)
			}
			want := last.Swap("nothing")
			s.stop()
			done := make(chan error, 1)
			go func() { done <- send(t.Context(), set) }()
			select {
			case <-told:
			case err := <-done:
				t.Fatalf("it did not wait: %v", err)
			}
			s.start()
			if err := <-done; err != nil || last.Load() != want {
				t.Errorf("error %v, the server got %v instead of %v", err, last.Load(), want)
			}
		})
	}
}

// TestFirstContact: a wrong address is told at once.
func TestFirstContact(t *testing.T) {
	s := &comingAndGoing{t: t, address: loopback.Host() + ":0"}
	s.start()
	s.stop()
	set, err := New(&rest.Config{Host: "http://" + s.address}, "test")
	if err != nil {
		t.Fatal(err)
	}
	told := waited(set)
	_, err = set.Kube.CoreV1().Pods("ns").Get(t.Context(), "p", metav1.GetOptions{})
	if err == nil || !strings.Contains(err.Error(), "connection refused") || len(told) != 0 {
		t.Errorf("error %v, %d waits", err, len(told))
	}
}

// answers is a transport that gives one answer after the other, and then the last one
// for ever. The first, which is fine, is the first contact.
type answers struct {
	all  []func() (*http.Response, error)
	sent int
	body string // of the last request
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body.Close()
		a.body = string(body)
	}
	a.sent++
	if a.sent == 1 {
		return fine()
	}
	return a.all[min(a.sent-2, len(a.all)-1)]()
}

func fine() (*http.Response, error) { return response(http.StatusOK) }

func response(code int) (*http.Response, error) {
	return &http.Response{
		StatusCode: code, Status: fmt.Sprint(code, " ", http.StatusText(code)), Body: io.NopCloser(strings.NewReader("")),
		Header: http.Header{"Retry-After": {"1"}},
	}, nil
}

func answer(code int) func() (*http.Response, error) {
	return func() (*http.Response, error) { return response(code) }
}

func breaks(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

var (
	refusedDial = breaks(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
	reset       = breaks(&net.OpError{Op: "read", Err: syscall.ECONNRESET})
)

// TestPatience looks which requests are sent again, and after which answers.
func TestPatience(t *testing.T) {
	const merge, jsonPatch = string(types.MergePatchType), string(types.JSONPatchType)
	const exact, byName = `{"preconditions":{"uid":"u"}}`, `{"gracePeriodSeconds":0}`
	for name, c := range map[string]struct {
		method, url, kind, body string
		first                   func() (*http.Response, error)
		sent                    int
	}{
		"refused":              {"GET", "/p", "", "", refusedDial, 2},
		"reset":                {"GET", "/p", "", "", reset, 2},
		"end of file":          {"GET", "/p", "", "", breaks(io.EOF), 2},
		"503":                  {"GET", "/p", "", "", answer(503), 2},
		"502":                  {"GET", "/p", "", "", answer(502), 2},
		"list":                 {"GET", "/p?watch=false", "", "", reset, 2},
		"404":                  {"GET", "/p", "", "", answer(404), 1},
		"500":                  {"GET", "/p", "", "", answer(500), 1},
		"a certificate":        {"GET", "/p", "", "", breaks(errors.New("x509: unknown authority")), 1},
		"watch":                {"GET", "/p?watch=true", "", "", refusedDial, 1},
		"log":                  {"GET", "/api/v1/namespaces/n/pods/p/log", "", "", refusedDial, 1},
		"create, refused":      {"POST", "/p", "", "{}", refusedDial, 2},
		"create, reset":        {"POST", "/p", "", "{}", reset, 1},
		"create, 503":          {"POST", "/p", "", "{}", answer(503), 1},
		"update, reset":        {"PUT", "/p", "", "{}", reset, 1},
		"delete by UID":        {"DELETE", "/p", "", exact, reset, 2},
		"delete by name":       {"DELETE", "/p", "", byName, reset, 1},
		"delete without words": {"DELETE", "/p", "", "", reset, 1},
		"merge patch":          {"PATCH", "/p", merge, "{}", reset, 2},
		"JSON patch":           {"PATCH", "/p", jsonPatch, "[]", reset, 1},
		"JSON patch, refused":  {"PATCH", "/p", jsonPatch, "[]", refusedDial, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &answers{all: []func() (*http.Response, error){c.first, fine}}
				client := &http.Client{Transport: server}
				sitOut(client)
				resp, err := client.Get("http://api/first")
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				req, err := http.NewRequestWithContext(t.Context(), c.method, "http://api"+c.url, strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", c.kind)
				if resp, err = client.Do(req); err == nil {
					resp.Body.Close()
				}
				if sent := server.sent - 1; sent != c.sent || (c.sent == 2) != (err == nil && resp.StatusCode == http.StatusOK) || server.body != c.body {
					t.Errorf("sent %d times, the last time %q, error %v", sent, server.body, err)
				}
			})
		})
	}
}

// TestPatienceEnds: after two minutes, or with the caller's patience. client-go must
// not begin all over again, which it does for errors and answers that it knows.
func TestPatienceEnds(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func() (*http.Response, error)
		timeout time.Duration
		took    time.Duration
		want    string
	}{
		"refused":     {answer: refusedDial, took: 2 * time.Minute, want: "the API server api does not answer: it refuses connections"},
		"reset":       {answer: reset, took: 2 * time.Minute, want: "the API server api does not answer: the connection broke"},
		"end of file": {answer: breaks(io.EOF), took: 2 * time.Minute, want: "the API server api does not answer: the connection broke"},
		"503":         {answer: answer(503), took: 2 * time.Minute, want: "the server is currently unable to handle the request"},
		"the caller":  {answer: reset, timeout: 10 * time.Second, took: 10 * time.Second, want: "context deadline exceeded while the API server api does not answer: the connection broke"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &answers{all: []func() (*http.Response, error){c.answer}}
				client := &http.Client{Transport: server}
				sitOut(client)
				kube, err := rest.RESTClientForConfigAndClient(&rest.Config{Host: "http://api", QPS: -1, APIPath: "/api",
					ContentConfig: rest.ContentConfig{GroupVersion: &corev1.SchemeGroupVersion, NegotiatedSerializer: scheme.Codecs.WithoutConversion()}}, client)
				if err != nil {
					t.Fatal(err)
				}
				if err := kube.Get().AbsPath("/first").Do(t.Context()).Error(); err != nil {
					t.Fatal(err)
				}
				ctx := t.Context()
				if c.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.timeout)
					defer cancel()
				}
				start := time.Now()
				err = kube.Get().AbsPath("/p").Do(ctx).Error()
				if took := time.Since(start); took < c.took || took > c.took+20*time.Second || err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

// logServer serves a pod and its log, in memory. It is away for a while after the
// first request.
type logServer struct {
	t     *testing.T
	back  time.Time
	asked int
}

func (s *logServer) RoundTrip(req *http.Request) (*http.Response, error) {
	s.asked++
	if s.asked > 1 && time.Now().Before(s.back) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	pod := (&apiServer{t: s.t}).pod()
	body, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(req.URL.Path, "/log") {
		body = served(sampleLog(), nil)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)),
		Header: http.Header{"Content-Type": {"application/json"}}}, nil
}

// TestLogOutage: a log has the same patience as a watch.
func TestLogOutage(t *testing.T) {
	for away, want := range map[time.Duration]string{
		100 * time.Second: "",
		time.Hour:         "the log could not be read to its end",
	} {
		synctest.Test(t, func(t *testing.T) {
			set, err := New(&rest.Config{Host: "http://api", Transport: &logServer{t: t, back: time.Now().Add(away)}}, "test")
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			start := time.Now()
			err = set.Logs.Follow(t.Context(), "ns", "p", "c", &out)
			if want == "" && (err != nil || out.String() != text(sampleLog())) {
				t.Errorf("error %v, log:\n%s", err, &out)
			}
			if took := time.Since(start); want != "" && (err == nil || !strings.Contains(err.Error(), want) || took < 2*time.Minute || took > 3*time.Minute) {
				t.Errorf("after %s: %v", took, err)
			}
		})
	}
}
