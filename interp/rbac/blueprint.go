package rbac

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/interp"
)

// A blueprint is one whose conditional phases are all there.
type blueprint struct {
	file  string
	value cue.Value
}

// load reads a blueprint as interp.Load does, with its conditions open.
func load(path string, stdin io.Reader) (*blueprint, error) {
	var src []byte
	if path == "-" {
		var err error
		if src, err = io.ReadAll(stdin); err != nil {
			return nil, err
		}
	}
	// The usual way finds what is wrong, and says it as all commands do.
	b, err := interp.Load(path, bytes.NewReader(src))
	if err != nil || b.Legacy != nil {
		if err != nil {
			return nil, err
		}
		return &blueprint{b.File, b.Value}, nil
	}
	file, _ := interp.SplitField(path)
	info, err := os.Stat(file)
	isDir := err == nil && info.IsDir()
	inst, err := interp.Instance(file, isDir, src)
	if err != nil {
		return nil, err
	}
	for _, f := range inst.Files {
		openConditions(f)
	}
	root := cuecontext.New().BuildInstance(inst)
	return &blueprint{b.File, root.LookupPath(cue.MakePath(cue.Str(b.Field)))}, nil
}

// name of the blueprint, as it stands there.
func (b *blueprint) name() string {
	name, err := b.value.LookupPath(cue.ParsePath("name")).String()
	if err != nil {
		return "blueprint"
	}
	return name
}

// actions lists the actions in the order written.
func (b *blueprint) actions() ([]string, error) {
	return fields(b.value.LookupPath(cue.ParsePath("actions")))
}

// fields lists the fields of a struct in the order written.
func fields(v cue.Value) ([]string, error) {
	if !v.Exists() {
		return nil, nil
	}
	it, err := v.Fields()
	if err != nil {
		return nil, cueError(err)
	}
	var names []string
	for it.Next() {
		names = append(names, it.Selector().Unquoted())
	}
	return names, nil
}

func cueError(err error) error {
	return fmt.Errorf("%s", strings.TrimSpace(cueerrors.Details(err, nil)))
}

// An action is one of a blueprint, with names in the place of its object's.
type action struct {
	name, kind string
	value      cue.Value
}

func (b *blueprint) action(name string) (*action, error) {
	at := cue.MakePath(cue.Str("actions"), cue.Str(name))
	kind, err := b.value.LookupPath(at).LookupPath(cue.ParsePath("kind")).String()
	if err != nil {
		return nil, cueError(err)
	}
	input := cue.MakePath(append(at.Selectors(), cue.Str("input"))...)
	filled := b.value.FillPath(input, objectOf(kind))
	return &action{name, kind, filled.LookupPath(at)}, nil
}

// objectOf is the input of an action on that kind of object.
func objectOf(kind string) map[string]any {
	named := map[string]any{"name": "(the object)", "namespace": access.TargetNamespace}
	workload := map[string]any{
		"name": "(the object)", "namespace": access.TargetNamespace, "pods": []string{"(a pod)"}, "containers": [][]string{{"(a container)"}},
		"persistentVolumeClaims": map[string]any{"(a pod)": map[string]string{"(a claim)": "/data"}},
	}
	all := map[string]any{
		"StatefulSet": workload, "Deployment": workload, "DeploymentConfig": workload, "PVC": named,
		"Namespace": map[string]any{"name": access.TargetNamespace, "namespace": access.TargetNamespace},
	}
	in := map[string]any{}
	for of, value := range all {
		if of == kind || kind == "Any" {
			in[inputName(of)] = value
		}
	}
	return in
}

// inputName is the field of `input` for a kind.
func inputName(kind string) string {
	if kind == "PVC" {
		return "pvc"
	}
	return strings.ToLower(kind[:1]) + kind[1:]
}
