package leftovers

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/rescuecue/rescue/funcs/kube"
)

// goneLimit is how long an object may take to go. Containers are killed at once, so
// what takes longer is held by something.
const goneLimit = time.Minute

// removeObject deletes the object, as long as it is the very one that was found, and
// waits until it is gone. With quick its containers are not given time to end.
func removeObject(ctx context.Context, client dynamic.ResourceInterface, object *unstructured.Unstructured, quick bool) error {
	uid := object.GetUID()
	opts := metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid},
		PropagationPolicy: new(metav1.DeletePropagationBackground),
	}
	if quick {
		// Nobody waits for its result any more.
		opts.GracePeriodSeconds = new(int64(1))
	}
	err := client.Delete(ctx, object.GetName(), opts)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // gone; a conflict says that another one has its name now
	}
	if err != nil {
		return err
	}
	return awaitGone(ctx, client, object)
}

func awaitGone(ctx context.Context, client dynamic.ResourceInterface, object *unstructured.Unstructured) error {
	limited, cancel := context.WithTimeout(ctx, goneLimit)
	defer cancel()
	last := object
	err := kube.Observe(limited, kube.Dynamic(client), object.GetName(), func(now *unstructured.Unstructured, exists bool) (bool, error) {
		if !exists || now.GetUID() != object.GetUID() {
			return true, nil
		}
		last = now
		return false, nil
	})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("it was deleted, but is still there after %s: %s", goneLimit, holder(last))
	}
	return err
}

// holder says what may keep an object that was deleted.
func holder(object *unstructured.Unstructured) string {
	if f := object.GetFinalizers(); len(f) > 0 {
		return "its finalizers hold it: " + strings.Join(f, ", ")
	}
	if node, _, err := unstructured.NestedString(object.Object, "spec", "nodeName"); err == nil && node != "" {
		return "node " + node + " does not end it, and may be lost"
	}
	return "something holds it: look at its events"
}
