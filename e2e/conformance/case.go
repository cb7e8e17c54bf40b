package conformance

import (
	"bytes"
	"errors"
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/vet"
)

// A testCase is what a case file says at a place.
type testCase struct {
	blueprint *interp.Blueprint
	objects   []*unstructured.Unstructured
	steps     []step
}

// A step runs an action. Object names what the action works on, in the namespace of
// the case; artifacts come from the last step that had some.
type step struct {
	Action string `json:"action"`
	Object *struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"object"`
	// Caller is what the caller of the action wants of all pods.
	Caller struct {
		PodOverride    map[string]any    `json:"podOverride"`
		PodLabels      map[string]string `json:"podLabels"`
		PodAnnotations map[string]string `json:"podAnnotations"`
	} `json:"caller"`
	want cue.Value
}

// load reads a case file and fills in the place.
func load(name string, place map[string]string) (*testCase, error) {
	file := "testdata/" + name + ".cue"
	src, err := files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &testCase{}
	if c.blueprint, err = vetted(file, src); err != nil {
		return nil, err
	}
	inst, err := interp.Instance(file, false, src)
	if err != nil {
		return nil, err
	}
	root := cuecontext.New().BuildInstance(inst).FillPath(cue.ParsePath("place"), place)
	if err := c.read(root); err != nil {
		return nil, fmt.Errorf("%s: %s", file, cueerrors.Details(err, nil))
	}
	return c, nil
}

// vetted is the blueprint, after the checks that `rescue run` makes too.
func vetted(file string, src []byte) (*interp.Blueprint, error) {
	collector := &vet.Collector{Stdin: bytes.NewReader(src)}
	units, findings, err := collector.Collect([]string{"-"})
	if err != nil {
		return nil, err
	}
	found, err := vet.CheckAll(units)
	if err != nil {
		return nil, err
	}
	findings = append(findings, found...)
	if errs, _ := vet.Count(findings); errs > 0 {
		var text bytes.Buffer
		return nil, errors.Join(fmt.Errorf("%s: %d mistakes", file, errs), vet.WriteText(&text, findings, vet.TextOptions{}), errors.New(text.String()))
	}
	return interp.LoadSource(file, src)
}

func (c *testCase) read(root cue.Value) error {
	if objects := root.LookupPath(cue.ParsePath("objects")); objects.Exists() {
		var plain []map[string]any
		if err := objects.Decode(&plain); err != nil {
			return err
		}
		for _, object := range plain {
			c.objects = append(c.objects, &unstructured.Unstructured{Object: object})
		}
	}
	steps, err := root.LookupPath(cue.ParsePath("steps")).List()
	if err != nil {
		return err
	}
	for steps.Next() {
		var s step
		if err := steps.Value().Decode(&s); err != nil {
			return err
		}
		s.want = steps.Value().LookupPath(cue.ParsePath("want"))
		c.steps = append(c.steps, s)
	}
	return root.Err()
}
