package kube

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

var podResource = schema.GroupResource{Resource: "pods"}

// shelf is a server that holds one pod at most.
type shelf struct {
	pod     *corev1.Pod
	created func(context.Context) error // called when a pod has been made; its error is the answer
	deleted []metav1.DeleteOptions
}

func (s *shelf) Create(ctx context.Context, p *corev1.Pod, _ metav1.CreateOptions) (*corev1.Pod, error) {
	if s.pod != nil {
		return nil, apierrors.NewAlreadyExists(podResource, p.Name)
	}
	s.pod = p.DeepCopy()
	s.pod.UID = "new"
	if s.created != nil {
		if err := s.created(ctx); err != nil {
			return nil, err
		}
	}
	return s.pod, nil
}

func (s *shelf) Get(_ context.Context, name string, _ metav1.GetOptions) (*corev1.Pod, error) {
	if s.pod == nil {
		return nil, apierrors.NewNotFound(podResource, name)
	}
	return s.pod, nil
}

// Watch shows the end of a pod that is being deleted.
func (s *shelf) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	w := watch.NewRaceFreeFake()
	w.Delete(s.pod)
	s.pod = nil
	return w, nil
}

func (s *shelf) Delete(_ context.Context, name string, opts metav1.DeleteOptions) error {
	s.deleted = append(s.deleted, opts)
	switch {
	case s.pod == nil:
		return apierrors.NewNotFound(podResource, name)
	case opts.Preconditions != nil && *opts.Preconditions.UID != s.pod.UID:
		return apierrors.NewConflict(podResource, name, errors.New("the UID in the precondition is another"))
	}
	s.pod.DeletionTimestamp = new(metav1.Now())
	return nil
}

func podBy(owner string, uid types.UID) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: uid, Annotations: map[string]string{"owner": owner}}}
}

func TestKeep(t *testing.T) {
	going := podBy("others", "old")
	going.DeletionTimestamp = new(metav1.Now())
	lost := errors.New("connection reset")
	for name, c := range map[string]struct {
		shelf shelf
		uid   types.UID
		found bool
		want  string
	}{
		"nothing there":       {shelf{}, "new", false, ""},
		"our own":             {shelf{pod: podBy("us", "old")}, "old", true, ""},
		"another's":           {shelf{pod: podBy("others", "old")}, "old", false, "has not made"},
		"another's, going":    {shelf{pod: going}, "new", false, ""},
		"the answer is lost":  {shelf{created: func(context.Context) error { return lost }}, "new", true, ""},
		"it is not taken":     {shelf{created: func(context.Context) error { return apierrors.NewBadRequest("no") }}, "new", false, "no"},
		"it may be cancelled": {shelf{created: func(ctx context.Context) error { return ctx.Err() }}, "new", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if created := c.shelf.created; created != nil {
				c.shelf.created = func(ctx context.Context) error {
					if name == "it may be cancelled" {
						cancel()
					}
					return created(ctx)
				}
			}
			k := Keeper{Log: slog.New(slog.DiscardHandler), Own: func(a map[string]string) bool { return a["owner"] == "us" }}
			pod, found, err := Keep(ctx, k, &c.shelf, podBy("us", ""))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || found != c.found || pod.UID != c.uid {
				t.Errorf("pod %+v, found %v, error %v", pod, found, err)
			}
		})
	}
}

// TestKeepCancelled: nothing is made when it is too late.
func TestKeepCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var s shelf
	if _, _, err := Keep(ctx, Keeper{}, &s, podBy("us", "")); !errors.Is(err, context.Canceled) || s.pod != nil {
		t.Errorf("error %v, pod %v", err, s.pod)
	}
}

// TestRemoveObject: only the object that was meant goes.
func TestRemoveObject(t *testing.T) {
	for name, c := range map[string]struct {
		there *corev1.Pod
		left  bool
	}{
		"there":            {podBy("us", "u"), false},
		"gone":             {nil, false},
		"another is there": {podBy("others", "other"), true},
	} {
		s := shelf{pod: c.there}
		if err := removeObject(t.Context(), &s, podBy("us", "u")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if left := s.pod != nil && s.pod.DeletionTimestamp == nil; left != c.left || len(s.deleted) != 1 {
			t.Errorf("%s: left %v, deleted %v", name, s.pod, slices.Clone(s.deleted))
		}
	}
}
