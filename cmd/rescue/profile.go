package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

var profiles = schema.GroupVersionResource{Group: "cr.kanister.io", Version: "v1alpha1", Resource: "profiles"}

// profileAt says where the profile of an action is: as --profile does, or in the file of
// the ActionSet. It is empty if it can only be in the cluster.
func (c *call) profileAt(spec compat.ActionSpec) string {
	if c.profile != "" || spec.Profile == nil || c.actionSet == "" {
		return c.profile
	}
	// The file has been read without an error before.
	src, _ := c.read(c.actionSet)
	docs, _ := compat.Parse(c.actionSet, src)
	if chosenProfile(docs, spec.Profile) == nil {
		return ""
	}
	return c.actionSet
}

// chosenProfile is the Profile that the reference names, nil if there is none.
func chosenProfile(docs []*compat.Document, ref *compat.ObjectReference) *compat.Document {
	for _, doc := range docs {
		meta := doc.Root.Get("metadata")
		name, _ := meta.Get("name").Text()
		namespace, _ := meta.Get("namespace").Text()
		if doc.Kind == compat.KindProfile && name == ref.Name && (namespace == "" || ref.Namespace == "" || namespace == ref.Namespace) {
			return doc
		}
	}
	return nil
}

// A reader reads a file.
type reader func(path string) ([]byte, error)

// profileOf reads the profile that text names: a file, or one in the cluster. Of several
// in a file it is the one that the reference names, which may be nil.
func profileOf(ctx context.Context, env *funcs.Env, text string, ref *compat.ObjectReference, read reader) (*compat.Profile, error) {
	if info, err := os.Stat(text); text == "-" || err == nil && !info.IsDir() {
		src, err := read(text)
		if err != nil {
			return nil, err
		}
		return profileIn(ctx, fileTitle(text), src, ref, secretGetter(env))
	}
	namespace, name, ok := strings.Cut(text, "/")
	if !ok {
		namespace, name = env.Namespace, text
	}
	p, err := profileOfCluster(ctx, env, namespace, name)
	if err != nil {
		err = fmt.Errorf("%w (there is no file %s either)", err, text)
	}
	return p, err
}

// profileOfCluster reads a Profile and the Secrets it names from the cluster.
func profileOfCluster(ctx context.Context, env *funcs.Env, namespace, name string) (*compat.Profile, error) {
	object, err := env.Dynamic.Resource(profiles).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("profile %s/%s: %w", namespace, name, err)
	}
	resource, err := compat.ProfileFromObject(object.Object)
	if err != nil {
		return nil, err
	}
	return compat.ResolveProfile(ctx, resource, secretGetter(env))
}

func secretGetter(env *funcs.Env) compat.SecretGetter {
	objects := kube.Objects{Kube: env.Kube}
	return func(ctx context.Context, namespace, name string) (*compat.Secret, error) {
		s, err := objects.Secret(ctx, namespace, name)
		return &s, err
	}
}

// profileIn reads a Profile, and the Secrets beside it, from the text of a file.
// Secrets that are not in the file are read from the cluster.
func profileIn(ctx context.Context, title string, src []byte, ref *compat.ObjectReference, fromCluster compat.SecretGetter) (*compat.Profile, error) {
	docs, err := compat.Parse(title, src)
	if err != nil {
		return nil, err
	}
	doc, err := theProfile(title, docs, ref)
	if err != nil {
		return nil, err
	}
	resource, err := compat.ReadProfile(doc)
	if err != nil {
		return nil, err
	}
	secrets, err := secretsIn(docs)
	if err != nil {
		return nil, err
	}
	return compat.ResolveProfile(ctx, resource, func(ctx context.Context, namespace, name string) (*compat.Secret, error) {
		if s := secrets[namespace+"/"+name]; s != nil {
			return s, nil
		}
		return fromCluster(ctx, namespace, name)
	})
}

// theProfile is the only Profile of a file, or the one that the reference names.
func theProfile(path string, docs []*compat.Document, ref *compat.ObjectReference) (*compat.Document, error) {
	if ref != nil {
		if doc := chosenProfile(docs, ref); doc != nil {
			return doc, nil
		}
	}
	var found *compat.Document
	for _, doc := range docs {
		if doc.Kind != compat.KindProfile {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s: more than one Profile", path)
		}
		found = doc
	}
	if found == nil {
		return nil, fmt.Errorf("%s: no Profile in this file", path)
	}
	return found, nil
}

// secretsIn reads the Secrets among the documents, by NAMESPACE/NAME.
func secretsIn(docs []*compat.Document) (map[string]*compat.Secret, error) {
	secrets := map[string]*compat.Secret{}
	for _, doc := range docs {
		s, err := compat.ReadSecret(doc)
		if err != nil {
			return nil, err
		}
		if s != nil {
			secrets[s.Namespace+"/"+s.Name] = s
		}
	}
	return secrets, nil
}
