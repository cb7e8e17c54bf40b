package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	snapshotscheme "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// checkFields finds a field with a value that it cannot have, as an API server does
// before it looks at anything else. Of kinds that are not known here these are the
// metadata only.
func checkFields(r resource, obj *unstructured.Unstructured) error {
	return misfit("", obj.Object, func(value any) error { return fits(value, goType(r)) })
}

func goType(r resource) any {
	if r.GroupVersionResource == configsGVR {
		return new(deploymentConfig)
	}
	for _, known := range []*runtime.Scheme{scheme.Scheme, snapshotscheme.Scheme} {
		if t, err := known.New(r.gvk()); err == nil {
			return t
		}
	}
	return new(metav1.PartialObjectMetadata)
}

// fits asks JSON, too: the converter of Kubernetes lets numbers pass that are too large.
func fits(value, into any) error {
	if err := convert(value, into); err != nil {
		return err
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return errors.New("must be an object")
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(fields, reflect.New(reflect.TypeOf(into).Elem()).Interface())
}

// misfit names the innermost part of value that does not fit. A part is tried alone:
// what is missing beside it always fits.
func misfit(path string, value any, fits func(any) error) error {
	err := fits(value)
	if err == nil {
		return nil
	}
	switch v := value.(type) {
	case map[string]any:
		if fits(map[string]any{}) != nil {
			break
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := misfit(join(path, key), v[key], func(x any) error { return fits(map[string]any{key: x}) }); err != nil {
				return err
			}
		}
	case []any:
		if fits([]any{}) != nil {
			break
		}
		for i := range v {
			if err := misfit(fmt.Sprintf("%s[%d]", path, i), v[i], func(x any) error { return fits([]any{x}) }); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%s: %w", path, wanted(err))
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// wanted says what a field takes. What it holds may be a secret.
func wanted(err error) error {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return err
	}
	switch kind := mismatch.Type.Kind(); kind {
	case reflect.Struct, reflect.Map:
		return errors.New("must be an object")
	case reflect.Slice:
		return errors.New("must be a list")
	case reflect.String:
		return errors.New("must be a string")
	case reflect.Bool:
		return errors.New("must be true or false")
	default:
		return fmt.Errorf("must be a number (%s)", kind)
	}
}
