package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// createLimit bounds the creation of one object.
const createLimit = 30 * time.Second

// Maker is a Client that can also make objects.
type Maker[T Object] interface {
	Client[T]
	Create(ctx context.Context, object T, opts metav1.CreateOptions) (T, error)
}

// Keeper makes objects that are meant to stay after their phase.
type Keeper struct {
	Log *slog.Logger
	// Own tells by its annotations whether an object is the caller's own, from an
	// earlier attempt.
	Own func(annotations map[string]string) bool
}

// Keep makes an object. One of the same name that is Own is taken instead, and found
// is true. One that is being deleted is waited for. Any other is an error.
//
// A creation is not interrupted when ctx ends: nobody would know whether the object
// is there.
func Keep[T Object](ctx context.Context, k Keeper, c Maker[T], object T) (kept T, found bool, err error) {
	for attempt := 1; ; attempt++ {
		if ctx.Err() != nil {
			return kept, false, ctx.Err()
		}
		kept, err = createObject(ctx, c, object)
		switch {
		case err == nil:
			return kept, false, nil
		case maybeCreated(err) && attempt == 1:
			continue // if only the answer got lost, the object is there now
		case !apierrors.IsAlreadyExists(err):
			return kept, false, err
		}
		kept, found, err = existingObject(ctx, k, c, object.GetName())
		if found || err != nil {
			return kept, found, err
		}
	}
}

// existingObject looks at the object of a name that is taken. Without an error, it is the
// caller's own, or not there any more.
func existingObject[T Object](ctx context.Context, k Keeper, c Client[T], name string) (object T, own bool, err error) {
	object, err = c.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return object, false, nil
	case err != nil:
		return object, false, err
	case object.GetDeletionTimestamp() != nil:
		k.Log.Info("waiting until an object of the same name is gone", "namespace", object.GetNamespace(), "name", name)
		if err := awaitGone(ctx, c, object); err != nil {
			return object, false, fmt.Errorf("one of this name is being deleted, but still there%s: %w", finalizers(object), err)
		}
		return object, false, nil
	case k.Own(object.GetAnnotations()):
		return object, true, nil
	}
	return object, false, errors.New("there is one of this name already, which this phase has not made: " +
		"delete it first, or choose another name")
}

func createObject[T Object](ctx context.Context, c Maker[T], object T) (T, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createLimit)
	defer cancel()
	return c.Create(ctx, object, metav1.CreateOptions{})
}

// Remover is a Client that can also delete objects.
type Remover[T Object] interface {
	Client[T]
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
}

// removeObject deletes an object, but no other of the same name, and waits until it is
// gone.
func removeObject[T Object](ctx context.Context, c Remover[T], object T) error {
	opts, uid := metav1.DeleteOptions{}, object.GetUID()
	if uid != "" {
		opts.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	err := c.Delete(ctx, object.GetName(), opts)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // another one is there
		return nil
	}
	if err != nil {
		return err
	}
	now, err := c.Get(ctx, object.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && now.GetUID() != uid {
		return nil
	}
	if err != nil {
		return err
	}
	return awaitGone(ctx, c, now)
}

// awaitGone waits until an object is gone.
func awaitGone[T Object](ctx context.Context, c Client[T], object T) error {
	_, err := Follow(ctx, c, object, func(T) (bool, error) { return false, nil })
	if errors.Is(err, ErrDeleted) {
		return nil
	}
	return err
}
