package local

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

func (a *api) patch(w http.ResponseWriter, r *http.Request, t target) error {
	data, err := readAll(r)
	if err != nil {
		return err
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("content type of the patch: %v", err))
	}
	if types.PatchType(kind) == types.ApplyPatchType {
		return a.apply(w, t, data)
	}
	patched, err := a.store.update(t.resource, t.namespace, t.name, t.sub,
		func(old *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			return applyPatch(t.resource, types.PatchType(kind), old, data)
		})
	return answer(w, http.StatusOK, patched, err)
}

// apply creates the object, or merges what is given into it. Who owns a field is
// not kept: what a later call leaves out stays.
func (a *api) apply(w http.ResponseWriter, t target, data []byte) error {
	data, err := yaml.YAMLToJSON(data)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	obj, created, err := a.store.applyJSON(t.resource, t.namespace, t.name, t.sub, data)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return answer(w, status, obj, nil)
}

// applyJSON merges an object into the stored one of its name, or creates it.
func (s *store) applyJSON(r resource, namespace, name, sub string, data []byte) (obj *unstructured.Unstructured, created bool, err error) {
	obj, err = s.update(r, namespace, name, sub, func(old *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		kind := types.MergePatchType
		if scheme.Scheme.Recognizes(r.gvk()) {
			kind = types.StrategicMergePatchType
		}
		return applyPatch(r, kind, old, data)
	})
	if !apierrors.IsNotFound(err) {
		return obj, false, err
	}
	fresh := &unstructured.Unstructured{}
	if err := unmarshalObject(data, &fresh.Object); err != nil {
		return nil, false, apierrors.NewBadRequest(err.Error())
	}
	fresh.SetName(name)
	obj, err = s.create(r, namespace, fresh)
	return obj, true, err
}

func applyPatch(r resource, kind types.PatchType, old *unstructured.Unstructured, patch []byte) (*unstructured.Unstructured, error) {
	before, err := json.Marshal(old.Object)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	after, err := patchJSON(r, kind, before, patch)
	if err != nil {
		return nil, err
	}
	obj := &unstructured.Unstructured{}
	if err := unmarshalObject(after, &obj.Object); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return obj, nil
}

func patchJSON(r resource, kind types.PatchType, before, patch []byte) (after []byte, err error) {
	switch kind {
	case types.JSONPatchType:
		var p jsonpatch.Patch
		if p, err = jsonpatch.DecodePatch(patch); err == nil {
			after, err = p.Apply(before)
		}
	case types.MergePatchType:
		after, err = jsonpatch.MergePatch(before, patch)
	case types.StrategicMergePatchType:
		model, unknown := scheme.Scheme.New(r.gvk())
		if unknown != nil {
			return nil, unsupportedPatch("the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml")
		}
		after, err = strategicpatch.StrategicMergePatch(before, patch, model)
	default:
		return nil, unsupportedPatch(fmt.Sprintf("unknown kind of patch %q", kind))
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("patch: %v", err))
	}
	return after, nil
}

func unsupportedPatch(message string) error {
	err := apierrors.NewBadRequest(message)
	err.ErrStatus.Code, err.ErrStatus.Reason = http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType
	return err
}
