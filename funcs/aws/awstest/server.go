// Package awstest is the base of stand-ins for AWS: a server that speaks the query
// protocols of EC2, RDS and STS, so that the SDK's real clients can be tested with it
// over HTTP. It checks signatures, sessions and permissions, can be made to fail in
// AWS's ways, and notes what it was asked. What a service does is for the package of
// that service (ebstest, rdstest) to say.
package awstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
)

// A Service answers the actions of one of AWS's APIs.
type Service struct {
	// Name in the scope of a signature: ec2, rds, sts.
	Name string
	// Version of the API, which every request names.
	Version string
	// EC2 says that answers have EC2's form, and not that of the other query APIs.
	EC2 bool
	// Actions by name.
	Actions map[string]Action
	// Unsigned are actions that need no credentials.
	Unsigned []string
}

// An Action does what a request asks, and returns what its answer holds: a struct with
// xml tags, or nil. An *Error is AWS's refusal; any other error is a mistake of the
// test, and answered as InternalError. Calls may come at the same time.
type Action func(*Call) (any, error)

// A Call is one request.
type Call struct {
	context.Context
	Form
	Region string
	// Key is who asks; its ID is empty in unsigned calls.
	Key Key
}

// A Request is the note of a request: no signature, no token, no password.
type Request struct {
	Service, Action, Region string
	// Key is the ID of the access key.
	Key  string
	Form Form
	// Code is that of the error it was answered with, "" for none.
	Code string
}

// A Server stands in for AWS as long as a test runs.
type Server struct {
	// URL is where all services answer.
	URL string

	services map[string]*Service
	now      func() time.Time

	mu       sync.Mutex
	keys     map[string]Key
	roles    map[string]Role
	faults   []*Fault
	requests []Request
	serial   int
}

// New starts a server that knows STS and the key TestKey. Add services with Serve.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{services: map[string]*Service{}, keys: map[string]Key{}, roles: map[string]Role{}, now: time.Now}
	s.AddKey(TestKey)
	s.Serve(s.sts())
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// Serve adds a service. Call it before the first request.
func (s *Server) Serve(service *Service) { s.services[service.Name] = service }

// Options reach the server, without long pauses.
func (s *Server) Options() awsaccess.Options {
	return awsaccess.Options{
		BaseEndpoint: s.URL, MaxAttempts: 4, MaxBackoff: time.Millisecond,
		Poll: time.Millisecond, MaxPoll: 5 * time.Millisecond,
	}
}

// Requests are the notes of all requests so far; with names, of those actions only.
func (s *Server) Requests(actions ...string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.requests), func(r Request) bool {
		return len(actions) > 0 && !slices.Contains(actions, r.Action)
	})
}

// Serial returns a number that no other call gets, for IDs.
func (s *Server) Serial() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return s.serial
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in, err := s.read(r)
	service := s.services[in.service]
	if service == nil {
		http.Error(w, fmt.Sprintf("no service %q answers here", in.service), http.StatusNotFound)
		return
	}
	var body any
	if err == nil {
		body, err = s.answer(r.Context(), service, in)
	}
	s.note(in, err)
	if errors.Is(err, errLost) {
		panic(http.ErrAbortHandler) // net/http's own way to break a connection
	}
	service.write(w, in.form.Get("Action"), fmt.Sprintf("request-%d", s.Serial()), body, err)
}

// incoming is a request as it was read.
type incoming struct {
	service string
	form    Form
	scope   scope
	key     Key
}

// read decodes the form, and finds out who asks which service.
func (s *Server) read(r *http.Request) (incoming, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return incoming{}, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return incoming{}, &Error{Code: "MalformedQueryString", Message: err.Error()}
	}
	in := incoming{form: Form(values)}
	for _, service := range s.services {
		if slices.Contains(service.Unsigned, in.form.Get("Action")) {
			in.service = service.Name
			return in, nil
		}
	}
	in.scope, err = scopeOf(r.Header.Get("Authorization"))
	in.service = in.scope.service
	if err != nil {
		return in, err
	}
	in.key, err = s.authenticate(r, body, in.scope)
	return in, err
}

// answer checks the request and carries it out.
func (s *Server) answer(ctx context.Context, service *Service, in incoming) (any, error) {
	name := in.form.Get("Action")
	action, ok := service.Actions[name]
	switch {
	case !ok:
		return nil, &Error{Code: "InvalidAction", Message: fmt.Sprintf("The action %s is not valid for this web service.", name)}
	case in.form.Get("Version") != service.Version:
		return nil, &Error{Code: "InvalidParameterValue", Message: "the version is " + in.form.Get("Version")}
	case in.key.Denies(service.Name, name):
		return nil, service.denied(in.key, name)
	}
	call := &Call{Context: ctx, Form: in.form, Region: in.scope.region, Key: in.key}
	fault := s.nextFault(service.Name, call)
	if fault == nil {
		return action(call)
	}
	return fault.meet(call, action)
}

// note keeps what was asked, without what is secret.
func (s *Server) note(in incoming, err error) {
	form := maps.Clone(in.form)
	for name := range form {
		if strings.Contains(strings.ToLower(name), "password") || strings.Contains(name, "Token") && name != "ClientToken" && name != "NextToken" {
			form[name] = []string{"***"}
		}
	}
	r := Request{Service: in.service, Action: in.form.Get("Action"), Region: in.scope.region, Key: in.scope.key, Form: form, Code: awsaccess.Code(err)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
}
