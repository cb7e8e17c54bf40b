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

// profileOf reads the profile that text names: a file, or one in the cluster.
func profileOf(ctx context.Context, env *funcs.Env, text string) (*compat.Profile, error) {
	if info, err := os.Stat(text); err == nil && !info.IsDir() {
		return profileOfFile(ctx, text, secretGetter(env))
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

// profileOfFile reads a Profile, and the Secrets beside it, from a file. Secrets
// that are not in the file are read from the cluster.
func profileOfFile(ctx context.Context, path string, fromCluster compat.SecretGetter) (*compat.Profile, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	docs, err := compat.Parse(path, src)
	if err != nil {
		return nil, err
	}
	var resource *compat.ProfileResource
	secrets := map[string]*compat.Secret{}
	for _, doc := range docs {
		if doc.Kind == compat.KindProfile {
			if resource != nil {
				return nil, fmt.Errorf("%s: more than one Profile", path)
			}
			if resource, err = compat.ReadProfile(doc); err != nil {
				return nil, err
			}
			continue
		}
		if s, err := compat.ReadSecret(doc); err != nil {
			return nil, err
		} else if s != nil {
			secrets[s.Namespace+"/"+s.Name] = s
		}
	}
	if resource == nil {
		return nil, fmt.Errorf("%s: no Profile in this file", path)
	}
	return compat.ResolveProfile(ctx, resource, func(ctx context.Context, namespace, name string) (*compat.Secret, error) {
		if s := secrets[namespace+"/"+name]; s != nil {
			return s, nil
		}
		return fromCluster(ctx, namespace, name)
	})
}
