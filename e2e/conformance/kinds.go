package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"github.com/rescuecue/rescue/funcs"
)

// kinds finds the clients for kinds of objects by discovery.
type kinds struct {
	env    *funcs.Env
	mu     sync.Mutex
	mapper meta.RESTMapper
}

func newKinds(env *funcs.Env) *kinds { return &kinds{env: env} }

// client gives the client for a kind; for one whose definition was only just made it
// waits until the API server serves it.
func (k *kinds) client(ctx context.Context, gvk schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	for {
		m, err := k.mapping(gvk)
		if err == nil && m.Scope.Name() == meta.RESTScopeNameNamespace {
			return k.env.Dynamic.Resource(m.Resource).Namespace(namespace), nil
		}
		if err == nil {
			return k.env.Dynamic.Resource(m.Resource), nil
		}
		k.forget()
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", gvk, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (k *kinds) mapping(gvk schema.GroupVersionKind) (*meta.RESTMapping, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mapper == nil {
		groups, err := restmapper.GetAPIGroupResources(k.env.Kube.Discovery())
		if err != nil {
			return nil, err
		}
		k.mapper = restmapper.NewDiscoveryRESTMapper(groups)
	}
	return k.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
}

func (k *kinds) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mapper = nil
}
