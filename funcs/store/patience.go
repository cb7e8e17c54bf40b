package store

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// A request is sent so often, with pauses that double: nearly half a minute in all, in
// which most servers come back.
const (
	tries     = 8
	maxPause  = 10 * time.Second
	errorBody = 16 << 10 // how much of an answer that is an error is read, in bytes
)

// firstPause is the one after the first failure.
const firstPause = 250 * time.Millisecond

// patience sends requests again while the server is out of reach or says that it is
// busy.
type patience struct {
	client *http.Client
	pause  time.Duration // the first one
}

// send makes a request, once for each attempt, and returns the answer, whatever it says
// at last. Making it must give the same request each time.
func (p *patience) send(ctx context.Context, request func() (*http.Request, error)) (*http.Response, error) {
	for n, pause := 1, p.pause; ; n, pause = n+1, min(2*pause, maxPause) {
		req, err := request()
		if err != nil {
			return nil, err
		}
		resp, err := p.client.Do(req.WithContext(ctx))
		if n == tries || ctx.Err() != nil || !worthwhile(resp, err) {
			return resp, err
		}
		if err == nil {
			discard(resp.Body)
		}
		// Clients that failed together should not come back together.
		if err := wait(ctx, pause/2+rand.N(pause)); err != nil {
			return nil, err
		}
	}
}

// worthwhile tells whether another attempt may go better.
func worthwhile(resp *http.Response, err error) bool {
	if err != nil {
		return !isUntrusted(err) && !isRefusedLogin(err) && !errors.Is(err, errBadKey)
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// discard reads the rest of an answer, so that its connection can be used again.
func discard(body io.ReadCloser) {
	// The answer does not matter any more, nor how it ended.
	_, _ = io.CopyN(io.Discard, body, errorBody)
	_ = body.Close()
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
