package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/rescuecue/rescue/funcs/kube"
)

// patient sits out an API server that is away, with the patience of kube.Outage. It
// repeats what may be done twice: reading, deleting one object by its UID, merging a
// patch. Anything else it repeats only if the server cannot have got it.
//
// Watches and logs go through as they are: who reads them takes them up itself.
//
// Until the server has answered once there is no patience: an address that is wrong
// is to be told at once.
type patient struct {
	next     http.RoundTripper
	answered atomic.Bool
	log      atomic.Pointer[slog.Logger]
}

// RoundTrip implements http.RoundTripper.
func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	var outage kube.Outage
	for attempt := req; ; {
		resp, err := p.next.RoundTrip(attempt)
		gone := absenceOf(req, resp, err)
		if gone == nil {
			p.answered.Store(p.answered.Load() || err == nil)
			return resp, err
		}
		if !p.answered.Load() || takenUp(req) || !rewindable(req) || !gone.neverSent && !repeatable(req) {
			return resp, err
		}
		pause, hopeless := outage.Next()
		if hopeless {
			return gone.last(resp)
		}
		p.tell(req, gone, outage)
		if attempt, err = again(req, resp); err != nil {
			return nil, err
		}
		if err := kube.Sleep(req.Context(), pause); err != nil {
			return nil, fmt.Errorf("%w while %w", err, gone)
		}
	}
}

// WrappedRoundTripper lets client-go find the transport below.
func (p *patient) WrappedRoundTripper() http.RoundTripper { return p.next }

// tell notes in the log, once, that somebody waits.
func (p *patient) tell(req *http.Request, gone *absence, outage kube.Outage) {
	if log := p.log.Load(); log != nil && outage.Attempts() == 1 {
		log.LogAttrs(req.Context(), slog.LevelWarn, "the API server does not answer, and is asked again",
			slog.String("server", req.URL.Host), slog.String("because", gone.why))
	}
}

// An absence is why the API server did not answer. It has words of its own: client-go
// knows errors like a reset connection, and would start all over again ten times.
type absence struct {
	host, why string
	neverSent bool
}

func (a *absence) Error() string {
	return fmt.Sprintf("the API server %s does not answer: %s", a.host, a.why)
}

// NeverSent tells that the server cannot have got the request.
func (a *absence) NeverSent() bool { return a.neverSent }

// last is what the caller gets when the patience is over.
func (a *absence) last(resp *http.Response) (*http.Response, error) {
	if resp == nil {
		return nil, a
	}
	resp.Header.Del("Retry-After") // client-go would follow it
	return resp, nil
}

// absenceOf returns nil if the server, and not something before it, has answered, or
// the request failed in another way.
func absenceOf(req *http.Request, resp *http.Response, err error) *absence {
	a := &absence{host: req.URL.Host}
	var op *net.OpError
	switch {
	case err == nil && resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusBadGateway &&
		resp.StatusCode != http.StatusGatewayTimeout:
		return nil
	case err == nil:
		a.why = resp.Status
	case req.Context().Err() != nil:
		return nil
	case errors.As(err, &op) && op.Op == "dial":
		a.why, a.neverSent = "there is no connection to it", true
		if utilnet.IsConnectionRefused(err) {
			a.why = "it refuses connections"
		}
	case utilnet.IsTimeout(err):
		a.why = "the connection hangs"
	case utilnet.IsConnectionReset(err), utilnet.IsProbableEOF(err), utilnet.IsHTTP2ConnectionLost(err), errors.Is(err, syscall.EPIPE):
		a.why = "the connection broke"
	default:
		return nil
	}
	return a
}

// takenUp tells that the caller goes on by itself where the answer ends.
func takenUp(req *http.Request) bool {
	watch := req.URL.Query().Get("watch")
	return watch != "" && watch != "false" && watch != "0" || strings.HasSuffix(req.URL.Path, "/log")
}

// repeatable tells whether a request that the server may have carried out can be sent
// again, to the same effect.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodDelete:
		return namesUID(req)
	case http.MethodPatch:
		kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
		return err == nil && (kind == string(types.MergePatchType) || kind == string(types.StrategicMergePatchType))
	}
	return false
}

// namesUID tells whether a DELETE is for one object, and not for a later one of its
// name.
func namesUID(req *http.Request) bool {
	if req.GetBody == nil {
		return false
	}
	body, err := req.GetBody()
	if err != nil {
		return false
	}
	defer body.Close()
	var opts metav1.DeleteOptions
	err = json.NewDecoder(body).Decode(&opts)
	return err == nil && opts.Preconditions != nil && opts.Preconditions.UID != nil
}

// rewindable tells whether the body, if there is one, can be read again.
func rewindable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// again makes the request for another attempt, and is done with the last answer.
func again(req *http.Request, resp *http.Response) (*http.Request, error) {
	if resp != nil {
		resp.Body.Close() // what it says does not matter
	}
	next := req.Clone(req.Context())
	if req.GetBody == nil { // it has none, see rewindable
		return next, nil
	}
	body, err := req.GetBody()
	next.Body = body
	return next, err
}

// sitOut puts the patience before a client's transport.
func sitOut(client *http.Client) *patient {
	p := &patient{next: client.Transport}
	if p.next == nil {
		p.next = http.DefaultTransport
	}
	client.Transport = p
	return p
}
