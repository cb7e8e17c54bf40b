package leftovers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/rescuecue/rescue/funcs"
)

// A kind is a sort of object of the cluster.
type kind struct {
	schema.GroupVersionResource
	name string
}

// kinds are what functions may make for their own time.
func kinds() []kind {
	core := schema.GroupVersion{Version: "v1"}
	snapshots := schema.GroupVersion{Group: "snapshot.storage.k8s.io", Version: "v1"}
	return []kind{
		{core.WithResource("pods"), podKind},
		{core.WithResource("persistentvolumeclaims"), "PersistentVolumeClaim"},
		{core.WithResource("secrets"), "Secret"},
		{core.WithResource("configmaps"), "ConfigMap"},
		{snapshots.WithResource("volumesnapshots"), "VolumeSnapshot"},
	}
}

const podKind = "Pod"

// pageSize is how many objects the API server sends at a time.
const pageSize = 500

// Cluster looks in a cluster for objects with the label of a run.
type Cluster struct {
	Dynamic dynamic.Interface
	// Namespaces to look in; none means all.
	Namespaces []string
}

// Find lists what is there. It looks everywhere it may, whatever it may not.
func (c Cluster) Find(ctx context.Context) (found []Leftover, unseen []Unseen) {
	namespaces := c.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		for _, k := range kinds() {
			here, err := c.list(ctx, k, namespace)
			found = append(found, here...)
			if err != nil {
				unseen = append(unseen, Unseen{where(k, namespace), err})
			}
		}
	}
	return found, unseen
}

func where(k kind, namespace string) string {
	if namespace == metav1.NamespaceAll {
		return k.Resource + " of all namespaces"
	}
	return k.Resource + " of namespace " + namespace
}

// list returns those of a kind. A kind that the cluster does not know has none.
func (c Cluster) list(ctx context.Context, k kind, namespace string) ([]Leftover, error) {
	var found []Leftover
	opts := metav1.ListOptions{LabelSelector: funcs.RunLabel, Limit: pageSize}
	for {
		page, err := c.Dynamic.Resource(k.GroupVersionResource).Namespace(namespace).List(ctx, opts)
		switch {
		case apierrors.IsNotFound(err):
			return found, nil
		case err != nil:
			return found, err
		}
		for i := range page.Items {
			if object := &page.Items[i]; !isMeantToStay(object) {
				found = append(found, c.leftover(k, object))
			}
		}
		if opts.Continue = page.GetContinue(); opts.Continue == "" {
			return found, nil
		}
	}
}

// isMeantToStay knows what a run leaves on purpose, should it have got the label of the
// run too, as a copy of something else's labels: results carry the run as an annotation,
// and without the keys of repositories no backup can be read.
func isMeantToStay(object *unstructured.Unstructured) bool {
	_, result := object.GetAnnotations()[funcs.RunLabel]
	return result || funcs.IsEncryptionKey(object.GetLabels())
}

func (c Cluster) leftover(k kind, object *unstructured.Unstructured) Leftover {
	labels := object.GetLabels()
	return Leftover{
		Kind: k.name, Place: object.GetNamespace(), Name: object.GetName(),
		Run: labels[funcs.RunLabel], Phase: labels[funcs.PhaseLabel],
		Created: object.GetCreationTimestamp().Time,
		Going:   object.GetDeletionTimestamp() != nil,
		remove: func(ctx context.Context) error {
			return removeObject(ctx, c.Dynamic.Resource(k.GroupVersionResource).Namespace(object.GetNamespace()), object, k.name == podKind)
		},
	}
}
