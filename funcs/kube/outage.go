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

// An Outage is a time in which every attempt has failed. The zero value is none. All
// that sits out an API server that is away uses it, so that all have the same patience.
//
// wait.Backoff does not serve: it gives up as soon as its pauses have grown to
// their limit.
type Outage struct {
	since    time.Time // of the first failure
	pause    time.Duration
	attempts int // that have failed
}

// Next notes a failure. It returns how long to wait before the next attempt, and
// whether the outage has lasted too long for one.
func (o *Outage) Next() (pause time.Duration, hopeless bool) {
	o.attempts++
	if o.since.IsZero() {
		o.since, o.pause = time.Now(), firstPause
	} else {
		o.pause = min(2*o.pause, longestPause)
	}
	return wait.Jitter(o.pause, 0.1), time.Since(o.since) >= outageLimit
}

// End notes a success.
func (o *Outage) End() { *o = Outage{} }

// Attempts is how many attempts have failed.
func (o *Outage) Attempts() int { return o.attempts }
