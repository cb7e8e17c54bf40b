package funcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rescuecue/rescue/funcs/kube"
)

// createManager owns the fields of created objects. It is Kanister's name, so that
// who applies such an object later meets the same owner as before.
const createManager = "kanister-create"

// lostPause is how long to wait before an object is created whose creation may have got
// lost with its connection.
const lostPause = 100 * time.Millisecond

// A creation is an object to create.
type creation struct {
	manifest
	objectTarget
	// crd is the definition of the object's kind, if it is among the objects too.
	crd *creation
}

// String names the object and its place.
func (c *creation) String() string {
	name := cmp.Or(c.name, c.object.GetGenerateName()+"…")
	return fmt.Sprintf("%s %s (%s)", c.Kind, strings.TrimPrefix(c.namespace+"/"+name, "/"), c.manifest)
}

// createObjects creates the objects of the spec, in the order written. All of them
// are read, and their kinds looked up, before the first is created.
//
// They belong to the user, and stay if a later one cannot be created. Each gets the
// annotations of Env.origin: a second attempt of the phase knows by them what the
// first has made.
func createObjects(ctx context.Context, env *Env, a kubeOpsArgs) (Output, error) {
	manifests, err := readManifests(a.Spec)
	if err != nil {
		return nil, fmt.Errorf("create: nothing was created: %w", err)
	}
	creations, err := planCreations(ctx, env, manifests, cmp.Or(a.Namespace, metav1.NamespaceDefault))
	if err != nil {
		return nil, fmt.Errorf("create: nothing was created: %w", err)
	}
	for i, c := range creations {
		if err := c.create(ctx, env); err != nil {
			return nil, fmt.Errorf("create %s: %w\n%s", c, err, stillThere(creations[:i]))
		}
	}
	return creations[len(creations)-1].output(), nil
}

// stillThere lists the objects that were created before one that could not be.
func stillThere(done []*creation) string {
	if len(done) == 0 {
		return "nothing was created"
	}
	names := make([]string, len(done))
	for i, c := range done {
		names[i] = c.Kind + " " + strings.TrimPrefix(c.namespace+"/"+c.name, "/")
	}
	return "created before it, and still there: " + strings.Join(names, ", ")
}

// planCreations finds the resource and the namespace of each object. Of objects
// whose kind is not there all are reported.
func planCreations(ctx context.Context, env *Env, manifests []manifest, namespace string) ([]*creation, error) {
	creations := make([]*creation, len(manifests))
	defined := definitions{}
	var errs []error
	for i, m := range manifests {
		c := &creation{manifest: m}
		creations[i] = c
		var err error
		if c.Resource, c.crd, err = defined.find(ctx, env, m.object.GroupVersionKind()); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m, err))
			continue
		}
		c.name = m.object.GetName()
		if c.Namespaced {
			c.namespace = cmp.Or(m.object.GetNamespace(), namespace)
		}
		m.object.SetNamespace(c.namespace)
		c.client = c.Resource.In(env.Dynamic, c.namespace)
		defined.add(c)
	}
	return creations, errors.Join(errs...)
}

func (c *creation) create(ctx context.Context, env *Env) error {
	object := c.object.DeepCopy()
	if origin := env.origin(); len(origin) > 0 {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		maps.Copy(annotations, origin)
		object.SetAnnotations(annotations)
	}
	created, err := c.send(ctx, object)
	if kube.AnswerLost(err) && c.name != "" && env.phase() != "" && kube.Sleep(ctx, lostPause) == nil {
		created, err = c.send(ctx, object) // if it is there, it is known by its origin
	}
	if apierrors.IsAlreadyExists(err) && c.name != "" {
		created, err = c.ownWork(ctx, env, err)
	}
	if err != nil {
		return err
	}
	c.name = created.GetName()
	return nil
}

// ownWork returns the object that exists if an earlier attempt of this phase has
// created it, and else the server's error.
func (c *creation) ownWork(ctx context.Context, env *Env, exists error) (*unstructured.Unstructured, error) {
	object, err := c.client.Get(ctx, c.name, metav1.GetOptions{})
	if err != nil || !env.made(object.GetAnnotations()) {
		return nil, exists
	}
	env.Log.InfoContext(ctx, "an earlier attempt of this phase has created it already", "object", c.objectTarget.String())
	return object, nil
}

// send creates the object, as soon as its kind is served if the spec defines it.
func (c *creation) send(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	create := func() (*unstructured.Unstructured, error) {
		return c.client.Create(ctx, object, metav1.CreateOptions{FieldManager: createManager})
	}
	if c.crd == nil {
		return create()
	}
	if err := c.crd.established(ctx); err != nil {
		return nil, err
	}
	created, err := create()
	for pause := 50 * time.Millisecond; apierrors.IsNotFound(err) && pause < 10*time.Second; pause *= 2 {
		// Each part of an API server learns by itself of a new kind.
		if err := kube.Sleep(ctx, pause); err != nil {
			return nil, err
		}
		created, err = create()
	}
	return created, err
}
