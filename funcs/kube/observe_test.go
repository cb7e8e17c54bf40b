package kube

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// gets is a script whose reads have answers of their own, one after the other: a
// *corev1.Pod or an error. The last one stays.
type gets struct {
	script
	answers []any
}

func (g *gets) Get(context.Context, string, metav1.GetOptions) (*corev1.Pod, error) {
	answer := g.answers[0]
	if len(g.answers) > 1 {
		g.answers = g.answers[1:]
	}
	if err, failed := answer.(error); failed {
		return nil, err
	}
	return answer.(*corev1.Pod), nil
}

func TestObserve(t *testing.T) {
	notFound := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "p")
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "p", errors.New("no rights"))
	again := state("p", "7", corev1.PodSucceeded)
	again.UID = types.UID("another")
	running, done := state("p", "2", corev1.PodRunning), state("p", "3", corev1.PodSucceeded)
	for name, c := range map[string]struct {
		answers  []any
		watches  [][]watch.Event
		errs     []error // of the watches
		seen     string  // resource versions, - where there was no object
		versions []string
		err      func(error) bool
	}{
		"there": {answers: []any{done}, seen: "3"},
		"changes": {
			answers: []any{running}, watches: [][]watch.Event{{event(watch.Modified, done)}},
			seen: "2 3", versions: []string{"2"},
		},
		"appears": {
			answers: []any{notFound},
			watches: [][]watch.Event{{event(watch.Added, state("q", "1", "")), event(watch.Added, running)}, {event(watch.Modified, done)}},
			seen:    "- 2 3", versions: []string{"", "2"},
		},
		"goes and comes again": {
			answers: []any{running, notFound},
			watches: [][]watch.Event{{event(watch.Deleted, running)}, {event(watch.Added, again)}},
			seen:    "2 2 - 7", versions: []string{"2", ""},
		},
		"is replaced": {
			answers: []any{running, again}, watches: [][]watch.Event{{event(watch.Modified, again)}},
			seen: "2 7", versions: []string{"2"},
		},
		"the server is away": {
			answers: []any{errors.New("connection refused"), apierrors.NewServiceUnavailable("starting"), notFound, done},
			errs:    []error{errors.New("connection reset")},
			seen:    "- 3", versions: []string{""},
		},
		"the server never comes back": {
			answers: []any{errors.New("connection refused")},
			err:     func(err error) bool { return strings.Contains(err.Error(), "lost sight of") },
		},
		"may not be read": {answers: []any{forbidden}, err: apierrors.IsForbidden},
		"may not be watched": {
			answers: []any{notFound}, errs: []error{forbidden},
			seen: "-", versions: []string{""}, err: apierrors.IsForbidden,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &gets{script: script{watches: c.watches, watchErrs: c.errs}, answers: c.answers}
				var seen []string
				err := Observe(t.Context(), client, "p", func(p *corev1.Pod, exists bool) (bool, error) {
					if !exists {
						seen = append(seen, "-")
						return false, nil
					}
					seen = append(seen, p.ResourceVersion)
					return p.Status.Phase == corev1.PodSucceeded, nil
				})
				if c.err == nil && err != nil || c.err != nil && (err == nil || !c.err(err)) {
					t.Errorf("error %v", err)
				}
				if got := strings.Join(seen, " "); got != c.seen || !slices.Equal(client.versions, c.versions) {
					t.Errorf("saw %q, watched from %q", got, client.versions)
				}
			})
		})
	}
}

// TestObserveForLong: a watch that tells nothing for hours, and ends, is no outage.
func TestObserveForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notFound := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "p")
		watches := make([][]watch.Event, 30)
		client := &gets{script: script{watches: watches, lives: 10 * time.Minute}, answers: []any{notFound}}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour-time.Minute)
		defer cancel()
		missing := 0
		err := Observe(ctx, client, "p", func(*corev1.Pod, bool) (bool, error) { missing++; return false, nil })
		if !errors.Is(err, context.DeadlineExceeded) || missing != 18 {
			t.Errorf("looked %d times, error %v", missing, err)
		}
	})
}

// TestObserveOutages: the time between two outages does not count as one.
func TestObserveOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("connection refused")
		notFound := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "p")
		client := &gets{
			script:  script{watches: make([][]watch.Event, 1), lives: 10 * time.Minute},
			answers: []any{away, notFound, away, state("p", "7", corev1.PodSucceeded)},
		}
		err := Observe(t.Context(), client, "p", func(_ *corev1.Pod, exists bool) (bool, error) { return exists, nil })
		if err != nil {
			t.Error(err)
		}
	})
}
