package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// ErrDeleted says that an object was deleted, or replaced by another one of the
// same name, while Follow looked at it.
var ErrDeleted = errors.New("the object was deleted")

// Object is any Kubernetes object.
type Object interface {
	runtime.Object
	metav1.Object
}

// Client reads and watches objects of one type in one namespace. The typed
// clients of client-go have this form; see Dynamic for the dynamic one.
type Client[T Object] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

// Follow shows see the given state of an object and each later one, until see
// says that it is done or fails. It returns the state that see saw last.
//
// It watches from the object's resource version on, so that no state between
// reading and watching is missed. A watch that ends is taken up where it ended.
// While the API server cannot be reached it tries for about two minutes. When the
// object is deleted, the error is ErrDeleted and the state is the last known one.
func Follow[T Object](ctx context.Context, c Client[T], from T, see func(T) (done bool, err error)) (T, error) {
	f := follower[T]{client: c, see: see, last: from, version: from.GetResourceVersion()}
	done, err := see(from)
	for !done && err == nil {
		done, err = f.stream(ctx)
		if err != nil {
			err = f.recover(ctx, err)
		}
	}
	return f.last, err
}

type follower[T Object] struct {
	client  Client[T]
	see     func(T) (bool, error)
	last    T
	version string // where the next watch starts
	stale   bool   // version is no longer known to the server
	outage  Outage
}

// seeError keeps the verdict of see apart from trouble with the connection.
type seeError struct{ error }

// stream looks at one watch until it ends.
func (f *follower[T]) stream(ctx context.Context) (bool, error) {
	if f.stale {
		if done, err := f.reread(ctx); done || err != nil {
			return done, err
		}
	}
	w, err := f.client.Watch(ctx, metav1.ListOptions{
		FieldSelector:       fields.OneTermEqualSelector(metav1.ObjectNameField, f.last.GetName()).String(),
		ResourceVersion:     f.version,
		AllowWatchBookmarks: true,
	})
	if err != nil {
		return false, err
	}
	defer w.Stop()
	return f.listen(ctx, w)
}

// listen takes the events of a watch until it ends. A watch that lasted shows that
// the server is there, also when it had nothing to tell.
func (f *follower[T]) listen(ctx context.Context, w watch.Interface) (bool, error) {
	opened := time.Now()
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case event, open := <-w.ResultChan():
			lasted := time.Since(opened) >= steadyWatch
			if lasted {
				f.outage.End()
			}
			if !open && lasted { // the server's time limit, as a rule
				return false, nil
			}
			if !open {
				return false, f.pause(ctx, errors.New("the watch ended"))
			}
			if done, err := f.take(event); done || err != nil {
				return done, err
			}
		}
	}
}

// take looks at one event.
func (f *follower[T]) take(event watch.Event) (bool, error) {
	if event.Type == watch.Error {
		return false, apierrors.FromObject(event.Object)
	}
	f.outage.End()
	state, ok := event.Object.(T)
	if !ok {
		return false, seeError{fmt.Errorf("the watch gave a %T", event.Object)}
	}
	if event.Type == watch.Bookmark {
		f.version = state.GetResourceVersion()
		return false, nil
	}
	if state.GetName() != f.last.GetName() { // fake clients know no field selectors
		return false, nil
	}
	if event.Type == watch.Deleted {
		return f.deleted(state)
	}
	return f.show(state)
}

// show passes a state on.
func (f *follower[T]) show(state T) (bool, error) {
	if f.last.GetUID() != state.GetUID() && f.last.GetUID() != "" {
		return false, seeError{ErrDeleted}
	}
	f.last, f.version, f.stale = state, state.GetResourceVersion(), false
	done, err := f.see(state)
	if err != nil {
		return false, seeError{err}
	}
	return done, nil
}

// deleted shows the last state, in case it holds what see waits for.
func (f *follower[T]) deleted(state T) (bool, error) {
	done, err := f.show(state)
	if done || err != nil {
		return done, err
	}
	return false, seeError{ErrDeleted}
}

// reread gets the present state.
func (f *follower[T]) reread(ctx context.Context) (bool, error) {
	state, err := f.client.Get(ctx, f.last.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, seeError{ErrDeleted}
	}
	if err != nil {
		return false, err
	}
	return f.show(state)
}

// recover decides whether an error ends it all. If not, the next stream begins
// with the present state.
func (f *follower[T]) recover(ctx context.Context, err error) error {
	if verdict := (seeError{}); errors.As(err, &verdict) {
		return verdict.error
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.stale = true
	if refused(err) {
		return err
	}
	return f.pause(ctx, err)
}

// pause waits before the next attempt; when that is no use, it returns the error.
func (f *follower[T]) pause(ctx context.Context, err error) error {
	wait, hopeless := f.outage.Next()
	if hopeless {
		return seeError{fmt.Errorf("lost sight of %q: %w", f.last.GetName(), err)}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// refused tells errors that another attempt would not change.
func refused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) ||
		apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) || apierrors.IsMethodNotSupported(err)
}
