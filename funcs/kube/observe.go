package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
)

// Observe shows see the state of the object with a name, and each later one, until
// see says that it is done or fails. Unlike Follow it does not mind that there is no
// such object, now or later: see is told so, and a new object of the name is looked
// at like the one before.
//
// It has Follow's patience with an API server that does not answer.
func Observe[T Object](ctx context.Context, c Client[T], name string, see func(state T, exists bool) (done bool, err error)) error {
	o := observer[T]{client: c, name: name, see: see}
	for {
		state, err := o.find(ctx)
		if err != nil || o.done {
			return err
		}
		_, err = Follow(ctx, c, state, func(state T) (bool, error) { return see(state, true) })
		if !errors.Is(err, ErrDeleted) {
			return err
		}
		o.outage.End()
	}
}

type observer[T Object] struct {
	client Client[T]
	name   string
	see    func(T, bool) (bool, error)
	done   bool
	outage Outage
}

// find returns the object, as soon as there is one.
func (o *observer[T]) find(ctx context.Context) (T, error) {
	var none T
	for {
		state, err := o.client.Get(ctx, o.name, metav1.GetOptions{})
		if err == nil {
			return state, nil
		}
		if apierrors.IsNotFound(err) {
			if o.done, err = o.see(none, false); o.done || err != nil {
				return none, err
			}
			var found bool
			if state, found, err = o.appear(ctx); found {
				return state, nil
			}
		}
		if err := o.endure(ctx, err); err != nil {
			return none, err
		}
	}
}

// appear waits on one watch for an object of the name. The watch begins with what is
// there at its start, so that an object cannot slip in between. An end that is
// ordinary gives no error.
func (o *observer[T]) appear(ctx context.Context) (state T, found bool, err error) {
	w, err := o.client.Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, o.name).String(),
	})
	if err != nil {
		return state, false, err
	}
	defer w.Stop()
	opened := time.Now()
	for {
		select {
		case <-ctx.Done():
			return state, false, ctx.Err()
		case event, open := <-w.ResultChan():
			lasted := time.Since(opened) >= steadyWatch
			if lasted {
				o.outage.End()
			}
			if !open && lasted { // the server's time limit, as a rule
				return state, false, nil
			}
			if !open {
				return state, false, errors.New("the watch ended")
			}
			if event.Type == watch.Error {
				return state, false, apierrors.FromObject(event.Object)
			}
			state, ok := event.Object.(T)
			if ok && state.GetName() == o.name && (event.Type == watch.Added || event.Type == watch.Modified) {
				return state, true, nil
			}
		}
	}
}

// endure decides whether an error ends it all, and if not, pauses. No error is none.
func (o *observer[T]) endure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil || refused(err):
		return err
	}
	pause, hopeless := o.outage.Next()
	if hopeless {
		return fmt.Errorf("lost sight of %q: %w", o.name, err)
	}
	return Sleep(ctx, pause)
}

// Sleep waits, unless ctx ends before.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
