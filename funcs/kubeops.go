package funcs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/kube"
)

type kubeOpsArgs struct {
	Operation       string           `json:"operation"`
	Namespace       string           `json:"namespace"`
	Spec            string           `json:"spec"`
	ObjectReference *objectReference `json:"objectReference"`
}

// KubeOps creates, deletes or patches objects of any kind.
func KubeOps() Func { return fn[kubeOpsArgs]{name: "KubeOps", exec: kubeOps, access: changesObjects} }

func kubeOps(ctx context.Context, env *Env, a kubeOpsArgs) (Output, error) {
	switch {
	case a.Operation != "create" && a.Operation != "delete" && a.Operation != "patch":
		return nil, fmt.Errorf("operation %q is not known: it must be create, delete or patch", a.Operation)
	case a.Operation != "delete" && a.Spec == "":
		return nil, fmt.Errorf("operation %s needs a spec", a.Operation)
	case a.Operation == "create":
		return createObjects(ctx, env, a)
	case a.ObjectReference == nil:
		return nil, fmt.Errorf("operation %s needs an objectReference", a.Operation)
	case a.Operation == "delete":
		return deleteObject(ctx, env, *a.ObjectReference, a.Namespace)
	}
	return patchObject(ctx, env, *a.ObjectReference, a.Spec)
}

// deleteObject also waits until the object is gone, which its finalizers may delay.
//
// One that is not there is an error, unless an earlier attempt of the phase has begun to
// delete it. That it did is noted first: afterwards nothing else would tell.
func deleteObject(ctx context.Context, env *Env, ref objectReference, namespace string) (Output, error) {
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	t, err := env.target(ctx, ref, namespace)
	if err != nil {
		return nil, fmt.Errorf("delete: %w", err)
	}
	begun := env.noted(deleteNote(t))
	object, err := t.client.Get(ctx, t.name, metav1.GetOptions{})
	if begun != "" && (apierrors.IsNotFound(err) || err == nil && string(object.GetUID()) != begun) {
		env.Log.InfoContext(ctx, "an earlier attempt of this phase has deleted it", "object", t.String())
		return t.output(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("delete %s: %w", t, err)
	}
	// The UID, so that a new object of the same name is left alone.
	uid := object.GetUID()
	if err := env.note(deleteNote(t), string(uid)); err != nil {
		return nil, fmt.Errorf("delete %s: nothing was deleted: %w", t, err)
	}
	err = t.client.Delete(ctx, t.name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if apierrors.IsNotFound(err) {
		return t.output(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("delete %s: %w", t, err)
	}
	last, err := kube.Follow(ctx, kube.Dynamic(t.client), object, func(*unstructured.Unstructured) (bool, error) { return false, nil })
	if errors.Is(err, kube.ErrDeleted) {
		return t.output(), nil
	}
	return nil, fmt.Errorf("delete %s: the server has agreed, but it is still there%s: %w", t, obstacles(last), err)
}

// deleteNote is the key under which the UID is noted of an object that is to be deleted.
func deleteNote(t objectTarget) string { return "delete " + t.String() }

// obstacles says what keeps an object that is being deleted.
func obstacles(object *unstructured.Unstructured) string {
	text := ""
	if f := object.GetFinalizers(); len(f) > 0 {
		text = fmt.Sprintf(", because of its finalizers %q: look at the controllers that have to remove them", f)
	}
	if status := shortStatus(object); status != "" {
		text += "; status: " + status
	}
	return text
}

func patchObject(ctx context.Context, env *Env, ref objectReference, spec string) (Output, error) {
	patch, err := readPatch(spec)
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	t, err := env.target(ctx, ref, "")
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	object, err := t.patch(ctx, patch, metav1.PatchOptions{})
	if err != nil {
		return nil, err
	}
	t.name = object.GetName()
	return t.output(), nil
}

// patch sends a strategic merge patch, which merges lists by their keys. The server refuses
// it for custom resources; they get a JSON merge patch.
func (t objectTarget) patch(ctx context.Context, patch []byte, opts metav1.PatchOptions) (*unstructured.Unstructured, error) {
	object, err := t.client.Patch(ctx, t.name, types.StrategicMergePatchType, patch, opts)
	if isUnsupportedMediaType(err) {
		object, err = t.client.Patch(ctx, t.name, types.MergePatchType, patch, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("patch %s: %w", t, err)
	}
	return object, nil
}

// isUnsupportedMediaType looks at the code alone: not every server gives the reason.
func isUnsupportedMediaType(err error) bool {
	status := apierrors.APIStatus(nil)
	return errors.As(err, &status) && status.Status().Code == http.StatusUnsupportedMediaType
}

func readPatch(spec string) ([]byte, error) {
	docs, err := readDocuments(spec)
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 {
		return nil, fmt.Errorf("the spec has %d documents: a patch is one", len(docs))
	}
	patch, ok := docs[0].value.(map[string]any)
	if !ok {
		return nil, errors.New("the spec is no map: a patch has the fields to change")
	}
	return json.Marshal(patch)
}

// changesObjects is what KubeOps asks for, which depends on its operation. One that is
// only known in a run may be any.
func changesObjects(c access.Call) []access.Need {
	operation, namespace := c.Text("operation"), access.WhereOf(c.Args["namespace"], access.Where{Kind: access.Named, Name: metav1.NamespaceDefault})
	var needs []access.Need
	if operation == "create" || operation == "" {
		needs = access.Manifests(c.Args["spec"], namespace, "create objects, and know its own when it tries again", "create", "get")
		for i := range needs {
			if needs[i].Resource == "customresourcedefinitions" {
				needs[i].Verbs = append(needs[i].Verbs, "watch")
			}
		}
	}
	if operation == "delete" || operation == "" {
		needs = append(needs, access.Object(c, c.Args["objectReference"], namespace, "delete an object, and wait until it is gone", "get", "watch", "delete"))
	}
	if operation == "patch" || operation == "" {
		needs = append(needs, access.Object(c, c.Args["objectReference"], access.Where{Kind: access.Cluster}, "patch an object", "patch"))
	}
	return needs
}
