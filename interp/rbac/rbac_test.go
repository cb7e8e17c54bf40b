package rbac_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/rbac"
)

var update = flag.Bool("update", false, "write the golden files anew")

// options are those that the golden files are made with.
func options(path string) rbac.Options {
	return rbac.Options{
		Blueprint: path, Optional: rbac.OptionalAll, Registry: funcs.Builtin(),
		Profile: &compat.NamespacedName{Namespace: "backup", Name: "s3"},
	}
}

var names = rbac.Names{Role: "rescue-test", Namespace: "shop", WorkNamespace: "backup", AccountNamespace: "backup", Account: "rescue"}

// TestGolden compares what is printed for blueprints of both languages. Each is made
// twice: the order must not change.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.in.*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no blueprints: %v", err)
	}
	for _, path := range paths {
		base, _, _ := strings.Cut(filepath.Base(path), ".")
		t.Run(base, func(t *testing.T) {
			got := printed(t, path)
			if again := printed(t, path); !bytes.Equal(got, again) {
				t.Errorf("another time it is\n%s", again)
			}
			compare(t, filepath.Join("testdata", base+".golden.yaml"), got)
			wantRoles(t, got)
		})
	}
}

func printed(t *testing.T, path string) []byte {
	t.Helper()
	found, err := rbac.Find(options(path))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := found.WriteYAML(&out, names); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compare(t *testing.T, golden string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("it differs from %s (write it again with -update):\n%s", golden, got)
	}
}

// wantRoles reads what was printed as the API server does.
func wantRoles(t *testing.T, src []byte) {
	t.Helper()
	for doc := range strings.SplitSeq(string(src), "\n---\n") {
		var role rbacv1.Role
		if err := yaml.UnmarshalStrict([]byte(doc), &role); err != nil && !strings.Contains(doc, "Binding") {
			t.Errorf("%v\n%s", err, doc)
		}
		if role.Name != "rescue-test" || !strings.Contains(doc, "Binding") && len(role.Rules) == 0 {
			t.Errorf("role %q with %d rules\n%s", role.Name, len(role.Rules), doc)
		}
	}
}

// TestNoSuchAction: the error names the actions that there are.
func TestNoSuchAction(t *testing.T) {
	o := options("testdata/native.in.cue")
	o.Actions = []string{"bakup"}
	if _, err := rbac.Find(o); err == nil || !strings.Contains(err.Error(), `no action "bakup"; the blueprint has backup`) {
		t.Errorf("%v", err)
	}
}

// TestOneAction: only what it needs itself.
func TestOneAction(t *testing.T) {
	o := options("testdata/native.in.cue")
	o.Actions = []string{"remove"}
	found, err := rbac.Find(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range found.Grants {
		for _, r := range g.Reasons {
			if r.Action != "remove" {
				t.Errorf("%s %v for action %s", g.Resource, g.Verbs, r.Action)
			}
		}
	}
}

// TestOptional: what functions can do without is left out when that is asked for, and
// what is of the whole cluster unless it is asked for.
func TestOptional(t *testing.T) {
	for which, want := range map[rbac.Optional]struct{ events, classes bool }{
		rbac.OptionalAll: {true, true}, rbac.OptionalNamespaced: {true, false}, rbac.OptionalNone: {false, false},
	} {
		o := options("testdata/native.in.cue")
		o.Optional = which
		found, err := rbac.Find(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := has(found, "events"); got != want.events {
			t.Errorf("%s: events %t", which, got)
		}
		if got := has(found, "volumesnapshotclasses"); got != want.classes {
			t.Errorf("%s: classes %t", which, got)
		}
	}
}

func has(f *rbac.Found, resource string) bool {
	for _, g := range f.Grants {
		if g.Resource == resource {
			return true
		}
	}
	return false
}

// TestEveryFunctionDeclares: rescue rbac must be able to tell for all of them.
func TestEveryFunctionDeclares(t *testing.T) {
	r := funcs.Builtin()
	for _, name := range r.Names() {
		f, err := r.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := f.(funcs.Accessor); !ok {
			t.Errorf("%s does not say what it needs", name)
		}
	}
}

// TestExamples: the permissions of every example can be told.
func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("../../examples/*/*.cue")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	told := map[string]bool{}
	for _, path := range paths {
		dir := filepath.Dir(path)
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if told[dir] || !strings.Contains(string(src), "schema.#Blueprint &") {
			continue
		}
		told[dir] = true
		found, err := rbac.Find(options(dir))
		if err != nil || len(found.Grants) == 0 {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
