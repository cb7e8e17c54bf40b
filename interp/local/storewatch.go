package local

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
)

// historyLength is how many changes a watch can start back from.
const historyLength = 4096

// A watcher holds the changes that its reader has not taken yet. It never makes a
// writer wait.
type watcher struct {
	mu     sync.Mutex
	queue  []change
	more   chan struct{} // has room for one: there is something in the queue
	accept func(change) (change, bool)
}

func newWatcher(accept func(change) (change, bool)) *watcher {
	return &watcher{more: make(chan struct{}, 1), accept: accept}
}

func (w *watcher) offer(c change) {
	c, wanted := w.accept(c)
	if !wanted {
		return
	}
	w.mu.Lock()
	w.queue = append(w.queue, c)
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// next waits for changes and takes them all.
func (w *watcher) next(ctx context.Context) ([]change, error) {
	for {
		w.mu.Lock()
		batch := w.queue
		w.queue = nil
		w.mu.Unlock()
		if len(batch) > 0 {
			return batch, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-w.more:
		}
	}
}

func (s *store) publish(c change) {
	s.history = append(s.history, c)
	if len(s.history) > 2*historyLength {
		s.history = append([]change(nil), s.history[historyLength:]...)
	}
	for w := range s.watchers {
		w.offer(c)
	}
}

// watchAll tells of every change, and of what is there already as if it were new.
func (s *store) watchAll() *watcher {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := newWatcher(func(c change) (change, bool) { return c, true })
	for _, r := range s.kinds.all() {
		for _, obj := range s.collect(r, "", matcher{}) {
			w.offer(change{Type: watch.Added, Resource: r, Object: obj})
		}
	}
	s.watchers[w] = struct{}{}
	return w
}

// watchFrom tells of changes after the version; without one, of the objects that
// are there too.
func (s *store) watchFrom(r resource, namespace, version string, match matcher) (*watcher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := newWatcher(func(c change) (change, bool) {
		if c.Resource.GroupVersionResource != r.GroupVersionResource || (namespace != "" && c.Object.GetNamespace() != namespace) {
			return c, false
		}
		return match.filter(c)
	})
	if err := s.replay(w, r, namespace, version, match); err != nil {
		return nil, err
	}
	s.watchers[w] = struct{}{}
	return w, nil
}

func (s *store) replay(w *watcher, r resource, namespace, version string, match matcher) error {
	if version == "" || version == "0" {
		for _, obj := range s.collect(r, namespace, match) {
			w.offer(change{Type: watch.Added, Resource: r, Object: obj})
		}
		return nil
	}
	since, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("resourceVersion %q is not a number", version))
	}
	if len(s.history) > 0 && since < s.history[0].Version-1 || len(s.history) == 0 && since < s.version {
		return apierrors.NewResourceExpired(fmt.Sprintf("resource version %d is too old: list again", since))
	}
	for _, c := range s.history {
		if c.Version > since {
			w.offer(c)
		}
	}
	return nil
}

func (s *store) stopWatch(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// A matcher selects objects. The zero value selects all.
type matcher struct {
	labels labels.Selector
	fields fields.Selector
}

func newMatcher(opts metav1.ListOptions) (matcher, error) {
	var m matcher
	var err error
	if m.labels, err = labels.Parse(opts.LabelSelector); err != nil {
		return m, apierrors.NewBadRequest(fmt.Sprintf("label selector: %v", err))
	}
	if m.fields, err = fields.ParseSelector(opts.FieldSelector); err != nil {
		return m, apierrors.NewBadRequest(fmt.Sprintf("field selector: %v", err))
	}
	return m, nil
}

func (m matcher) matches(obj *unstructured.Unstructured) bool {
	if m.labels != nil && !m.labels.Matches(labels.Set(obj.GetLabels())) {
		return false
	}
	return m.fields == nil || m.fields.Matches(objectFields{obj})
}

// filter turns a change into what a watcher of the matching objects sees.
func (m matcher) filter(c change) (change, bool) {
	is, was := m.matches(c.Object), c.Old != nil && m.matches(c.Old)
	switch {
	case c.Type == watch.Added || c.Type == watch.Deleted:
		return c, is
	case is && !was:
		c.Type = watch.Added
	case was && !is:
		c.Type = watch.Deleted
	}
	return c, is || was
}

// objectFields lets a field selector name any text field by its path.
type objectFields struct{ obj *unstructured.Unstructured }

func (f objectFields) Has(field string) bool { return f.Get(field) != "" }

func (f objectFields) Get(field string) string {
	value, found, err := unstructured.NestedFieldNoCopy(f.obj.Object, strings.Split(field, ".")...)
	if err != nil || !found {
		return ""
	}
	return fmt.Sprint(value)
}

// statusOf gives the Status that describes err to a client.
func statusOf(err error) metav1.Status {
	if known, ok := err.(apierrors.APIStatus); ok {
		return known.Status()
	}
	return metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusInternalServerError,
		Reason: metav1.StatusReasonInternalError, Message: err.Error(),
	}
}

// pending tells whether next would return at once.
func (w *watcher) pending() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) > 0
}
