package kube

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// script is a client that answers as a test says.
type script struct {
	// Each watch gives the events of one entry and then ends.
	watches [][]watch.Event
	// watchErrs fail a watch before its entry is used.
	watchErrs []error
	// lives is how long a watch stays open after its events.
	lives  time.Duration
	get    *corev1.Pod
	getErr error

	versions []string // that watches were started at
	gets     int
}

func (s *script) Get(context.Context, string, metav1.GetOptions) (*corev1.Pod, error) {
	s.gets++
	return s.get, s.getErr
}

func (s *script) Watch(_ context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	s.versions = append(s.versions, opts.ResourceVersion)
	if len(s.watchErrs) > 0 {
		err := s.watchErrs[0]
		s.watchErrs = s.watchErrs[1:]
		if err != nil {
			return nil, err
		}
	}
	if len(s.watches) == 0 {
		return nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "p", errors.New("the script is over"))
	}
	events := s.watches[0]
	s.watches = s.watches[1:]
	w := watch.NewFakeWithChanSize(len(events), false)
	for _, e := range events {
		w.Action(e.Type, e.Object)
	}
	if s.lives == 0 {
		w.Stop()
	} else {
		time.AfterFunc(s.lives, w.Stop)
	}
	return w, nil
}

func state(name, version string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: "u", ResourceVersion: version},
		Status:     corev1.PodStatus{Phase: phase},
	}
}

func event(t watch.EventType, o runtime.Object) watch.Event { return watch.Event{Type: t, Object: o} }

func TestFollow(t *testing.T) {
	expired := &apierrors.NewResourceExpired("too old").ErrStatus
	other := state("p", "9", corev1.PodRunning)
	other.UID = types.UID("another")
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "p", errors.New("no rights"))
	for name, c := range map[string]struct {
		script   script
		seen     []string // resource versions that see got, the first included
		versions []string
		gets     int
		err      func(error) bool
	}{
		"in one watch": {
			script: script{watches: [][]watch.Event{{
				event(watch.Modified, state("p", "2", corev1.PodRunning)),
				event(watch.Modified, state("p", "3", corev1.PodSucceeded)),
			}}},
			seen: []string{"1", "2", "3"}, versions: []string{"1"},
		},
		"objects of other names": {
			script: script{watches: [][]watch.Event{{
				event(watch.Modified, state("q", "2", corev1.PodSucceeded)),
				event(watch.Modified, state("p", "3", corev1.PodSucceeded)),
			}}},
			seen: []string{"1", "3"}, versions: []string{"1"},
		},
		"the watch ends": {
			script: script{watches: [][]watch.Event{
				{event(watch.Modified, state("p", "2", corev1.PodRunning)), event(watch.Bookmark, state("", "5", ""))},
				{event(watch.Modified, state("p", "6", corev1.PodSucceeded))},
			}},
			seen: []string{"1", "2", "6"}, versions: []string{"1", "5"},
		},
		"the version is too old": {
			script: script{
				watches: [][]watch.Event{{event(watch.Error, expired)}, {event(watch.Modified, state("p", "8", corev1.PodSucceeded))}},
				get:     state("p", "7", corev1.PodRunning),
			},
			seen: []string{"1", "7", "8"}, versions: []string{"1", "7"}, gets: 1,
		},
		"the server is away": {
			script: script{
				watchErrs: []error{errors.New("connection refused"), apierrors.NewServiceUnavailable("starting")},
				get:       state("p", "7", corev1.PodSucceeded),
			},
			seen: []string{"1", "7"}, versions: []string{"1"}, gets: 1,
		},
		"deleted": {
			script: script{watches: [][]watch.Event{{event(watch.Deleted, state("p", "2", corev1.PodRunning))}}},
			seen:   []string{"1", "2"}, versions: []string{"1"},
			err: func(err error) bool { return errors.Is(err, ErrDeleted) },
		},
		"deleted in the state that was waited for": {
			script: script{watches: [][]watch.Event{{event(watch.Deleted, state("p", "2", corev1.PodSucceeded))}}},
			seen:   []string{"1", "2"}, versions: []string{"1"},
		},
		"deleted while nobody looked": {
			script: script{
				watchErrs: []error{errors.New("connection refused")},
				getErr:    apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "p"),
			},
			seen: []string{"1"}, versions: []string{"1"}, gets: 1,
			err: func(err error) bool { return errors.Is(err, ErrDeleted) },
		},
		"replaced": {
			script: script{watches: [][]watch.Event{{event(watch.Added, other)}}},
			seen:   []string{"1"}, versions: []string{"1"},
			err: func(err error) bool { return errors.Is(err, ErrDeleted) },
		},
		"no right": {
			script: script{watchErrs: []error{forbidden}},
			seen:   []string{"1"}, versions: []string{"1"},
			err: apierrors.IsForbidden,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // pauses take no time
				var seen []string
				_, err := Follow(t.Context(), &c.script, state("p", "1", corev1.PodPending), func(p *corev1.Pod) (bool, error) {
					seen = append(seen, p.ResourceVersion)
					return p.Status.Phase == corev1.PodSucceeded, nil
				})
				if c.err == nil && err != nil || c.err != nil && !c.err(err) {
					t.Errorf("error %v", err)
				}
				if !slices.Equal(seen, c.seen) || !slices.Equal(c.script.versions, c.versions) || c.script.gets != c.gets {
					t.Errorf("saw %v, watched from %v, %d gets", seen, c.script.versions, c.script.gets)
				}
			})
		})
	}
}

// outages are answers of a server that does not come back, or of a proxy.
func outages(n int) []error {
	return slices.Repeat([]error{apierrors.NewGenericServerResponse(http.StatusBadGateway, "get", schema.GroupResource{}, "", "", 0, true)}, n)
}

// TestFollowPatience: only a long time without any sign of the server is too much.
func TestFollowPatience(t *testing.T) {
	quiet := func(n int) [][]watch.Event { return make([][]watch.Event, n) }
	bookmarks := func(n int) [][]watch.Event {
		return slices.Repeat([][]watch.Event{{event(watch.Bookmark, state("", "5", ""))}}, n)
	}
	last := []watch.Event{event(watch.Modified, state("p", "9", corev1.PodSucceeded))}
	broken := []watch.Event{event(watch.Error, &apierrors.NewInternalError(errors.New("connection lost")).ErrStatus)}
	for name, c := range map[string]struct {
		script         script
		lost           bool
		atLeast, below time.Duration
	}{
		"long quiet work": {script: script{watches: append(quiet(60), last), lives: 5 * time.Minute},
			atLeast: 300 * time.Minute, below: 300*time.Minute + time.Second},
		"short watches with bookmarks": {script: script{watches: append(bookmarks(60), last), lives: time.Second},
			atLeast: 66 * time.Second, below: 68 * time.Second},
		"watches that end at once": {script: script{watches: quiet(100)}, lost: true,
			atLeast: 2 * time.Minute, below: 150 * time.Second},
		"an outage that passes": {script: script{watchErrs: outages(12), watches: [][]watch.Event{last}},
			atLeast: 80 * time.Second, below: 2 * time.Minute},
		"an outage that stays": {script: script{watchErrs: outages(100)}, lost: true,
			atLeast: 2 * time.Minute, below: 150 * time.Second},
		"two outages with a quiet watch between": {
			script:  script{watchErrs: slices.Concat(outages(12), []error{nil}, outages(12)), watches: [][]watch.Event{nil, last}, lives: time.Minute},
			atLeast: 220 * time.Second, below: 5 * time.Minute},
		"connections that break at once": {
			script:  script{watches: append(slices.Repeat([][]watch.Event{broken}, 60), last)},
			lost:    true,
			atLeast: 2 * time.Minute, below: 150 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.script.get = state("p", "7", corev1.PodRunning)
				start := time.Now()
				_, err := Follow(t.Context(), &c.script, state("p", "1", corev1.PodPending), func(p *corev1.Pod) (bool, error) {
					return p.Status.Phase == corev1.PodSucceeded, nil
				})
				if lost := err != nil && strings.Contains(err.Error(), `lost sight of "p"`); lost != c.lost || err != nil && !lost {
					t.Errorf("error %v", err)
				}
				if took := time.Since(start); took < c.atLeast || took >= c.below {
					t.Errorf("it took %s, want %s to %s", took, c.atLeast, c.below)
				}
			})
		})
	}
}

func TestFollowCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &script{watches: [][]watch.Event{{event(watch.Modified, state("p", "2", corev1.PodRunning))}}}
	_, err := Follow(ctx, w, state("p", "1", corev1.PodPending), func(p *corev1.Pod) (bool, error) {
		if p.ResourceVersion == "2" {
			cancel()
		}
		return false, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
