package local

import (
	"encoding/json"
	"fmt"
	"net/http"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// serveScale answers for the scale subresource of workloads.
func (a *api) serveScale(w http.ResponseWriter, r *http.Request, t target) error {
	if !t.scalable() {
		return notOffered(t, "the subresource scale")
	}
	switch r.Method {
	case http.MethodGet:
		obj, err := a.store.get(t.resource, t.namespace, t.name)
		return answerScale(w, obj, err)
	case http.MethodPut, http.MethodPatch:
		data, err := readAll(r)
		if err != nil {
			return err
		}
		obj, err := a.store.update(t.resource, t.namespace, t.name, "", func(old *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			return setScale(t, r, old, data)
		})
		return answerScale(w, obj, err)
	}
	return notOffered(t, r.Method+" of the scale")
}

func setScale(t target, r *http.Request, old *unstructured.Unstructured, data []byte) (*unstructured.Unstructured, error) {
	scale, err := scaleOf(old)
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodPatch {
		if data, err = patchScale(t, r, scale, data); err != nil {
			return nil, err
		}
	}
	next := autoscalingv1.Scale{}
	if err := json.Unmarshal(data, &next); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	old.SetResourceVersion(next.ResourceVersion)
	if err := unstructured.SetNestedField(old.Object, int64(next.Spec.Replicas), "spec", "replicas"); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return old, nil
}

func patchScale(t target, r *http.Request, scale *autoscalingv1.Scale, patch []byte) ([]byte, error) {
	before, err := json.Marshal(scale)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	kind := types.PatchType(r.Header.Get("Content-Type"))
	if kind == types.StrategicMergePatchType {
		kind = types.MergePatchType // A Scale has no lists: both are the same.
	}
	return patchJSON(t.resource, kind, before, patch)
}

func answerScale(w http.ResponseWriter, obj *unstructured.Unstructured, err error) error {
	if err != nil {
		return err
	}
	scale, err := scaleOf(obj)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, scale)
}

func scaleOf(obj *unstructured.Unstructured) (*autoscalingv1.Scale, error) {
	var part struct {
		Spec struct {
			Replicas int32                 `json:"replicas"`
			Selector *metav1.LabelSelector `json:"selector"`
		} `json:"spec"`
		Status struct {
			Replicas int32 `json:"replicas"`
		} `json:"status"`
	}
	data, err := json.Marshal(obj.Object)
	if err == nil {
		err = json.Unmarshal(data, &part)
	}
	if err != nil {
		return nil, apierrors.NewInternalError(fmt.Errorf("scale of %s: %w", obj.GetName(), err))
	}
	return &autoscalingv1.Scale{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v1", Kind: "Scale"},
		ObjectMeta: metav1.ObjectMeta{
			Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
			ResourceVersion: obj.GetResourceVersion(), CreationTimestamp: obj.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: part.Spec.Replicas},
		Status: autoscalingv1.ScaleStatus{Replicas: part.Status.Replicas, Selector: metav1.FormatLabelSelector(part.Spec.Selector)},
	}, nil
}
