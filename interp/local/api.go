package local

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// maxRequest is the size that an API server takes too.
const maxRequest = 3 << 20

// An api answers the requests of Kubernetes clients from a store.
type api struct {
	store *store
	logs  podLogReader
}

// podLogReader writes a container's log for the pods/log subresource.
type podLogReader interface {
	serveLog(w http.ResponseWriter, r *http.Request, namespace, pod string)
}

// target is what a request's path names.
type target struct {
	resource
	namespace, name, sub string
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.serveDiscovery(w, r) {
		return
	}
	t, err := a.parse(r.URL)
	if err != nil {
		writeError(w, err)
		return
	}
	if err := a.serve(w, r, t); err != nil {
		writeError(w, err)
	}
}

// parse reads /api/V/… and /apis/G/V/…, then [namespaces/NS/]RESOURCE[/NAME[/SUB]].
func (a *api) parse(u *url.URL) (target, error) {
	notFound := apierrors.NewGenericServerResponse(http.StatusNotFound, "", schema.GroupResource{}, "", "the local runtime has no "+u.Path, 0, true)
	gv, rest, ok := splitAPIPath(u.Path)
	if !ok {
		return target{}, notFound
	}
	var t target
	if len(rest) > 2 && rest[0] == "namespaces" && rest[2] != "status" && rest[2] != "finalize" {
		t.namespace, rest = rest[1], rest[2:]
	}
	if len(rest) == 0 || len(rest) > 3 {
		return target{}, notFound
	}
	if t.resource, ok = a.store.kinds.resource(gv.WithResource(rest[0])); !ok {
		return target{}, notFound
	}
	if len(rest) > 1 {
		t.name = rest[1]
	}
	if len(rest) > 2 {
		t.sub = rest[2]
	}
	return t, nil
}

func splitAPIPath(path string) (gv schema.GroupVersion, rest []string, ok bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) >= 2 && parts[0] == "api":
		return schema.GroupVersion{Version: parts[1]}, parts[2:], true
	case len(parts) >= 3 && parts[0] == "apis":
		return schema.GroupVersion{Group: parts[1], Version: parts[2]}, parts[3:], true
	}
	return gv, nil, false
}

func (a *api) serve(w http.ResponseWriter, r *http.Request, t target) error {
	switch t.sub {
	case "", "status":
	case "scale":
		return a.serveScale(w, r, t)
	case "log":
		a.logs.serveLog(w, r, t.namespace, t.name)
		return nil
	case "eviction":
		return a.delete(w, r, t)
	default:
		return notOffered(t, "the subresource "+t.sub)
	}
	if dry := r.URL.Query().Get("dryRun"); dry != "" {
		return notOffered(t, "a dry run")
	}
	switch r.Method {
	case http.MethodGet:
		return a.read(w, r, t)
	case http.MethodPost:
		return a.create(w, r, t)
	case http.MethodPut:
		return a.update(w, r, t)
	case http.MethodPatch:
		return a.patch(w, r, t)
	case http.MethodDelete:
		return a.delete(w, r, t)
	}
	return notOffered(t, r.Method)
}

func notOffered(t target, what string) error {
	return apierrors.NewBadRequest(fmt.Sprintf("the local runtime does not offer %s of %s", what, t.Resource))
}

func (a *api) read(w http.ResponseWriter, r *http.Request, t target) error {
	if t.name != "" {
		obj, err := a.store.get(t.resource, t.namespace, t.name)
		return answer(w, http.StatusOK, obj, err)
	}
	opts, err := listOptions(r.URL.Query())
	if err != nil {
		return err
	}
	match, err := newMatcher(opts)
	if err != nil {
		return err
	}
	if opts.Watch {
		return a.watch(w, r, t, opts, match)
	}
	items, version := a.store.list(t.resource, t.namespace, match)
	return writeJSON(w, http.StatusOK, listOf(t.resource, items, version))
}

func listOf(r resource, items []*unstructured.Unstructured, version string) map[string]any {
	list := make([]any, len(items))
	for i, obj := range items {
		list[i] = obj.Object
	}
	return map[string]any{
		"apiVersion": r.GroupVersion().String(),
		"kind":       r.Kind + "List",
		"metadata":   map[string]any{"resourceVersion": version},
		"items":      list,
	}
}

// listOptions reads the query as an API server does.
func listOptions(query url.Values) (metav1.ListOptions, error) {
	var opts metav1.ListOptions
	if err := metav1.Convert_url_Values_To_v1_ListOptions(&query, &opts, nil); err != nil {
		return opts, apierrors.NewBadRequest(err.Error())
	}
	return opts, nil
}

func (a *api) create(w http.ResponseWriter, r *http.Request, t target) error {
	obj, err := readBody(r)
	if err != nil {
		return err
	}
	created, err := a.store.create(t.resource, t.namespace, obj)
	return answer(w, http.StatusCreated, created, err)
}

func (a *api) update(w http.ResponseWriter, r *http.Request, t target) error {
	obj, err := readBody(r)
	if err != nil {
		return err
	}
	if obj.GetName() != t.name {
		return apierrors.NewBadRequest(fmt.Sprintf("the object's name is %q, the request's %q", obj.GetName(), t.name))
	}
	updated, err := a.store.update(t.resource, t.namespace, t.name, t.sub,
		func(*unstructured.Unstructured) (*unstructured.Unstructured, error) { return obj, nil })
	return answer(w, http.StatusOK, updated, err)
}

// delete answers with the object; a collection is deleted one by one.
func (a *api) delete(w http.ResponseWriter, r *http.Request, t target) error {
	opts, err := deleteOptions(r, t.sub)
	if err != nil {
		return err
	}
	if t.name != "" {
		obj, err := a.store.delete(t.resource, t.namespace, t.name, opts)
		return answer(w, http.StatusOK, obj, err)
	}
	list, err := listOptions(r.URL.Query())
	if err != nil {
		return err
	}
	match, err := newMatcher(list)
	if err != nil {
		return err
	}
	items, version := a.store.list(t.resource, t.namespace, match)
	for _, obj := range items {
		if _, err := a.store.delete(t.resource, obj.GetNamespace(), obj.GetName(), opts); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, listOf(t.resource, items, version))
}

// deleteOptions are the body of a request, or within an Eviction.
func deleteOptions(r *http.Request, sub string) (metav1.DeleteOptions, error) {
	var opts metav1.DeleteOptions
	data, err := readAll(r)
	if err != nil || len(data) == 0 {
		return opts, err
	}
	if sub == "eviction" {
		var eviction struct {
			DeleteOptions *metav1.DeleteOptions `json:"deleteOptions"`
		}
		if err := json.Unmarshal(data, &eviction); err != nil {
			return opts, apierrors.NewBadRequest(err.Error())
		}
		if eviction.DeleteOptions != nil {
			opts = *eviction.DeleteOptions
		}
		return opts, checkDeleteOptions(opts)
	}
	if err := json.Unmarshal(data, &opts); err != nil {
		return opts, apierrors.NewBadRequest(err.Error())
	}
	return opts, checkDeleteOptions(opts)
}

func checkDeleteOptions(opts metav1.DeleteOptions) error {
	if len(opts.DryRun) > 0 {
		return apierrors.NewBadRequest("the local runtime does not offer a dry run")
	}
	if p := opts.PropagationPolicy; p != nil && *p != metav1.DeletePropagationBackground {
		return apierrors.NewBadRequest(fmt.Sprintf("the local runtime does not offer the propagation policy %s: what an object owns is deleted after it", *p))
	}
	return nil
}

func readAll(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if len(data) > maxRequest {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("the limit is %d bytes", maxRequest))
	}
	return data, nil
}

func readBody(r *http.Request) (*unstructured.Unstructured, error) {
	data, err := readAll(r)
	if err != nil {
		return nil, err
	}
	obj := &unstructured.Unstructured{}
	if err := unmarshalObject(data, &obj.Object); err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the request's body is not a JSON object: %v", err))
	}
	if obj.Object == nil {
		return nil, apierrors.NewBadRequest("the request's body is empty")
	}
	return obj, nil
}

func answer(w http.ResponseWriter, status int, obj *unstructured.Unstructured, err error) error {
	if err != nil {
		return err
	}
	return writeJSON(w, status, obj.Object)
}

func writeJSON(w http.ResponseWriter, status int, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A failure means that the client has gone.
	_, _ = w.Write(data)
	return nil
}

func writeError(w http.ResponseWriter, err error) {
	status := statusOf(err)
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	// A Status is plain data and always encodes.
	_ = writeJSON(w, int(status.Code), status)
}
