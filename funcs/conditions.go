package funcs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/jsonpath"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/access"
)

// waitArgs are the arguments of Wait and WaitV2.
type waitArgs struct {
	Timeout    string        `json:"timeout"`
	Conditions conditionArgs `json:"conditions"`
}

type conditionArgs struct {
	AnyOf []conditionArg `json:"anyOf"`
	AllOf []conditionArg `json:"allOf"`
}

type conditionArg struct {
	Condition       string          `json:"condition"`
	ObjectReference objectReference `json:"objectReference"`
}

// conditionParser is the language that conditions are written in.
type conditionParser func(text string) (*compat.Condition, error)

// limit reads the timeout.
func (a waitArgs) limit() (time.Duration, error) {
	limit, err := time.ParseDuration(strings.TrimSpace(a.Timeout))
	if err != nil {
		return 0, fmt.Errorf("timeout %q is not a duration such as 90s or 5m", a.Timeout)
	}
	if limit <= 0 {
		return 0, fmt.Errorf("timeout %s leaves no time to wait", limit)
	}
	return limit, nil
}

// A waitCondition is a condition, and how it stands with the object's last state.
type waitCondition struct {
	place     string // anyOf[0]
	reference objectReference
	compiled  *compat.Condition
	paths     map[string]*jsonpath.JSONPath
	of        *waitObject

	met bool
	// printed is what it rendered to; notYet says why it could not be rendered.
	printed string
	notYet  error
}

// compile reads all conditions, and reports all that are malformed.
func (a conditionArgs) compile(parse conditionParser) (anyOf, allOf []*waitCondition, err error) {
	if len(a.AnyOf)+len(a.AllOf) == 0 {
		return nil, nil, errors.New("conditions: there is nothing to wait for: anyOf or allOf must have a condition")
	}
	var errs []error
	list := func(name string, args []conditionArg) []*waitCondition {
		conditions := make([]*waitCondition, len(args))
		for i, arg := range args {
			c := &waitCondition{place: fmt.Sprintf("%s[%d]", name, i), reference: arg.ObjectReference}
			if err := c.compile(arg.Condition, parse); err != nil {
				errs = append(errs, fmt.Errorf("conditions.%s: %w", c.place, err))
			}
			conditions[i] = c
		}
		return conditions
	}
	anyOf, allOf = list("anyOf", a.AnyOf), list("allOf", a.AllOf)
	return anyOf, allOf, errors.Join(errs...)
}

func (c *waitCondition) compile(text string, parse conditionParser) (err error) {
	if _, err := c.reference.resource(); err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return errors.New("the condition is empty")
	}
	if c.compiled, err = parse(text); err != nil {
		return fmt.Errorf("the condition cannot be read: %w", err)
	}
	c.paths = map[string]*jsonpath.JSONPath{}
	for _, path := range c.compiled.Paths() {
		// As in Kanister, what is not there is an error: the condition has to wait.
		c.paths[path] = jsonpath.New(c.place)
		if err := c.paths[path].Parse("{" + path + "}"); err != nil {
			return fmt.Errorf("the condition's JSONPath { %s } cannot be read: %w", path, err)
		}
	}
	return nil
}

// look evaluates the condition on the object's present state, nil if there is none.
// The error is one that no later state can mend.
func (c *waitCondition) look(object *unstructured.Unstructured) error {
	c.met, c.printed, c.notYet = false, "", nil
	if object == nil {
		c.notYet = errors.New("there is no such object")
		return nil
	}
	find := func(path string) (string, error) {
		var out bytes.Buffer
		err := c.paths[path].Execute(&out, object.Object)
		return out.String(), err
	}
	printed, err := c.compiled.Render(object.Object, find)
	if later := (*compat.NotYet)(nil); errors.As(err, &later) {
		c.notYet = later
		return nil
	}
	if err != nil {
		return fmt.Errorf("the condition cannot become true: %w", err)
	}
	c.printed, c.met = printed, printed == "true"
	return nil
}

// String says how the condition stands.
func (c *waitCondition) String() string {
	text := c.place + ": " + c.of.String() + ": "
	switch {
	case !c.of.seen:
		return text + "not seen yet"
	case c.notYet != nil:
		text += c.of.public(c.notYet.Error())
	case c.printed == "":
		text += "the condition printed nothing"
	default:
		text += "the condition printed " + c.of.public(fmt.Sprintf("%.200q", c.printed))
	}
	if c.of.state == nil {
		return text
	}
	if status := shortStatus(c.of.state); status != "" {
		text += "; status: " + status
	}
	return text
}

// watchesObjects is what waiting for conditions asks for.
func watchesObjects(c access.Call) []access.Need {
	conditions, ok := c.Args["conditions"].(map[string]any)
	if !ok {
		conditions = map[string]any{"anyOf": []any{c.Args["conditions"]}}
	}
	var needs []access.Need
	for _, list := range []string{"allOf", "anyOf"} {
		some, _ := conditions[list].([]any)
		if unknown, ok := conditions[list].(access.Unknown); ok {
			some = []any{unknown}
		}
		for _, condition := range some {
			reference := condition
			if fields, ok := condition.(map[string]any); ok {
				reference = fields["objectReference"]
			}
			needs = append(needs, access.Object(c, reference, access.Where{Kind: access.Cluster}, "look at an object, and follow its changes", "get", "watch"))
		}
	}
	return needs
}
