package local

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestWrongName: names become those of files, so none may lead out of its folder.
func TestWrongName(t *testing.T) {
	roles := resource{GroupVersionResource: schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}}
	secrets := resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "secrets"}}
	for name, right := range map[string]struct{ role, secret bool }{
		"app":           {true, true},
		"system:reader": {true, false},
		"My Role":       {true, false},
		"../app":        {false, false},
		"a/b":           {false, false},
		"..":            {false, false},
	} {
		if got := len(wrongName(roles, name)) == 0; got != right.role {
			t.Errorf("role %q: %t", name, got)
		}
		if got := len(wrongName(secrets, name)) == 0; got != right.secret {
			t.Errorf("secret %q: %t", name, got)
		}
	}
}
