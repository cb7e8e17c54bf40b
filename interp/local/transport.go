package local

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// A transport carries requests to a handler in the same process, so that the real
// Kubernetes clients can be used without a socket that others could reach.
type transport struct {
	handler http.Handler
	// life ends all requests when the cluster is closed.
	life    context.Context
	running sync.WaitGroup
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	unlink := context.AfterFunc(t.life, cancel)
	body, sink := io.Pipe()
	w := &pipeWriter{header: http.Header{}, sink: sink, ready: make(chan struct{})}
	t.running.Add(1)
	go func() {
		defer t.running.Done()
		defer unlink()
		t.handler.ServeHTTP(w, req.WithContext(ctx))
		w.WriteHeader(http.StatusOK)
		sink.Close()
		if req.Body != nil {
			req.Body.Close()
		}
	}()
	select {
	case <-w.ready:
	case <-ctx.Done():
		body.CloseWithError(ctx.Err())
		cancel()
		return nil, ctx.Err()
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, ContentLength: -1, Request: req,
		Body: &responseBody{PipeReader: body, cancel: cancel},
	}, nil
}

// responseBody ends the request when its reader is closed.
type responseBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *responseBody) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// pipeWriter is the handler's side of a response.
type pipeWriter struct {
	header http.Header
	sink   *io.PipeWriter
	once   sync.Once
	status int
	ready  chan struct{} // closed when status and header are set
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status = status
		close(w.ready)
	})
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.sink.Write(p)
}

// Flush implements http.Flusher: what is written is with the reader at once.
func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }
