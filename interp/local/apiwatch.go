package local

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// watch streams changes until the client goes, or the time it gave is over.
func (a *api) watch(w http.ResponseWriter, r *http.Request, t target, opts metav1.ListOptions, match matcher) error {
	from := opts.ResourceVersion
	initial := opts.SendInitialEvents != nil && *opts.SendInitialEvents
	if initial {
		from = ""
	}
	changes, err := a.store.watchFrom(t.resource, t.namespace, from, match)
	if err != nil {
		return err
	}
	defer a.store.stopWatch(changes)
	ctx := r.Context()
	if opts.TimeoutSeconds != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*opts.TimeoutSeconds)*time.Second)
		defer cancel()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	stream := json.NewEncoder(w)
	if initial && opts.AllowWatchBookmarks {
		if err := a.sendInitial(ctx, stream, t, changes); err != nil {
			return nil // The client has gone.
		}
	}
	for {
		batch, err := changes.next(ctx)
		if err != nil {
			return nil // Ending is how a watch ends.
		}
		if err := sendChanges(stream, batch); err != nil {
			return nil // The client has gone.
		}
	}
}

func sendChanges(stream *json.Encoder, batch []change) error {
	for _, c := range batch {
		if err := stream.Encode(watchEvent{Type: c.Type, Object: c.Object.Object}); err != nil {
			return err
		}
	}
	return nil
}

type watchEvent struct {
	Type   watch.EventType `json:"type"`
	Object map[string]any  `json:"object"`
}

// sendInitial sends what is there, and the bookmark that informers wait for.
func (a *api) sendInitial(ctx context.Context, stream *json.Encoder, t target, changes *watcher) error {
	version := "1"
	if changes.pending() {
		batch, err := changes.next(ctx)
		if err != nil {
			return err
		}
		if err := sendChanges(stream, batch); err != nil {
			return err
		}
		version = batch[len(batch)-1].Object.GetResourceVersion()
	}
	mark := &unstructured.Unstructured{Object: map[string]any{}}
	mark.SetGroupVersionKind(t.gvk())
	mark.SetResourceVersion(version)
	mark.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	return stream.Encode(watchEvent{Type: watch.Bookmark, Object: mark.Object})
}
