package kube

import (
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// outageLimit is the patience with an API server that does not answer: long
	// enough for the restart of a control plane.
	outageLimit  = 2 * time.Minute
	firstPause   = 100 * time.Millisecond
	longestPause = 15 * time.Second
	// steadyWatch is how long a watch must have lasted for its end to be ordinary.
	// API servers end watches after minutes; a proxy that breaks does it at once.
	steadyWatch = 10 * time.Second
)

// An outage is a time in which every attempt has failed. The zero value is none.
// wait.Backoff does not serve: it gives up as soon as its pauses have grown to
// their limit.
type outage struct {
	since time.Time // of the first failure
	pause time.Duration
}

// next notes a failure. It returns how long to wait before the next attempt, and
// whether the outage has lasted too long for one.
func (o *outage) next() (pause time.Duration, hopeless bool) {
	if o.since.IsZero() {
		o.since, o.pause = time.Now(), firstPause
	} else {
		o.pause = min(2*o.pause, longestPause)
	}
	return wait.Jitter(o.pause, 0.1), time.Since(o.since) >= outageLimit
}

// end notes a success.
func (o *outage) end() { *o = outage{} }
