package blueprinttest

import (
	"encoding/json"
	"fmt"

	"cuelang.org/go/cue"
)

// expectation is what a test expects of an execution.
type expectation struct {
	comparison
	want cue.Value
	// failed says that the action has failed and should not have: what it did not come
	// to is no news then.
	failed bool
}

func (e *expectation) at(path string) (cue.Value, bool) {
	v := e.want.LookupPath(cue.ParsePath(path))
	return v, v.Exists()
}

// check compares all of it. That the action failed comes first: what else is not as
// expected follows from it.
func (e *expectation) check(x *execution) {
	e.failure(x.message())
	if v, ok := e.at("order"); ok {
		e.compare("order", v, list(x.order))
	}
	if v, ok := e.at("phases"); ok {
		eachField(v, func(name string, want cue.Value) { e.phase("phase "+name, want, x.calls[name]) })
	}
	if v, ok := e.at("deferPhase"); ok {
		e.phase("deferPhase", v, x.calls[x.plan.Defer.Name])
	}
	if v, ok := e.at("artifacts"); ok {
		e.artifacts(v, x)
	}
}

// failure compares how the action ended: with this message, or well where that is
// empty.
func (e *expectation) failure(message string) {
	want, expected := e.at("error")
	switch {
	case expected && message == "":
		e.near = position(want)
		e.fail("the action succeeds, and the test expects an error", shown(want), "")
	case expected:
		e.compare("error", want, message)
	case message != "":
		e.failed = true
		e.fail("the action fails: "+message, "", "")
	}
}

// phase compares what a test expects of one phase. A phase that was not started has no
// arguments to compare.
func (e *expectation) phase(path string, want cue.Value, c *call) {
	for _, part := range []struct {
		name string
		got  any
	}{{"func", c.phase.Func}, {"after", list(c.phase.After)}, {"state", c.state}} {
		if v := want.LookupPath(cue.ParsePath(part.name)); v.Exists() {
			e.compare(path+": "+part.name, v, part.got)
		}
	}
	if v := want.LookupPath(cue.ParsePath("objects")); v.Exists() {
		e.started(path+": objects", v, plainJSON(c.objects), c.objects != nil)
	}
	if v := want.LookupPath(cue.ParsePath("args")); v.Exists() {
		e.started(path+": args", v, c.args, c.args != nil)
	}
}

func (e *expectation) started(path string, want cue.Value, got any, there bool) {
	if there {
		e.compare(path, want, got)
	}
	if there || e.failed {
		return
	}
	e.near = position(want)
	e.fail(fmt.Sprintf("%s are expected, and the phase was not called", path), shown(want), "")
}

func (e *expectation) artifacts(want cue.Value, x *execution) {
	if x.artifacts == nil && e.failed {
		return
	}
	if x.artifacts == nil {
		e.near = position(want)
		e.fail("artifacts are expected, and an action that fails has none", shown(want), "")
		return
	}
	e.compare("artifacts", want, plainJSON(x.artifacts))
}

// list makes a list of what may be nil, which is null in CUE.
func list(texts []string) []string { return append([]string{}, texts...) }

// plainJSON has the names that the language uses, which are those of the JSON form.
func plainJSON(v any) any {
	src, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var plain any
	if err := json.Unmarshal(src, &plain); err != nil {
		return err.Error()
	}
	return plain
}
