// Package funcs holds the functions that the phases of a blueprint call, one file
// a function, with the same base name as the function's CUE schema.
package funcs

import (
	"context"
	"fmt"
	"sort"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/schema"
)

// A Func does the work of one phase. Implementations keep no state: one value
// serves all runs at once.
type Func interface {
	// Name is the name that blueprints use. It never changes.
	Name() string
	// Exec does the work. args were checked against the function's schema. The
	// output's keys are those of the schema, or what the command wrote. When ctx
	// ends, Exec stops, removes what it created and returns the context's error.
	Exec(ctx context.Context, env *Env, args Args) (Output, error)
	// RequiredArgs and Arguments come from the function's CUE schema.
	RequiredArgs() []string
	Arguments() []string
}

// An Accessor is a Func that says what it asks the Kubernetes API for, so that
// `rescue rbac` can tell. Functions that do not ask are Accessors without needs.
type Accessor interface {
	Access(access.Call) []access.Need
}

// Output is what a phase hands to later phases: text, or an integer where the
// function's schema says so.
type Output map[string]any

// A Registry maps names to functions, and has the schema that they are called by. The
// zero value has no functions, the embedded schema, and is ready for use.
type Registry struct {
	byName map[string]Func
	schema *schema.Set // nil: the embedded one
}

// Register adds f. It panics if the name is taken or unknown to the schema,
// because both are mistakes of the program and not of its user.
func (r *Registry) Register(f Func) {
	if err := r.Add(f); err != nil {
		panic(fmt.Sprintf("funcs: %v", err))
	}
}

// Lookup returns the function of that name. Without one, the error says whether
// the schema knows it.
func (r *Registry) Lookup(name string) (Func, error) {
	if f, ok := r.byName[name]; ok {
		return f, nil
	}
	if _, known := r.Schema().Function(name); known {
		return nil, fmt.Errorf("function %s is known to the schema, but this version of rescue cannot run it yet", name)
	}
	return nil, fmt.Errorf("unknown function %q", name)
}

// Names lists the registered functions in alphabetical order.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.byName))
	for n := range r.byName {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// fn makes a Func of a name and a typed function. A is the function's own
// argument struct, decoded as Args.Decode says.
type fn[A any] struct {
	name string
	exec func(ctx context.Context, env *Env, args A) (Output, error)
	// access is what it asks the Kubernetes API for.
	access access.Rule
}

func (f fn[A]) Name() string { return f.name }

func (f fn[A]) Access(c access.Call) []access.Need { return f.access(c) }

func (f fn[A]) Exec(ctx context.Context, env *Env, args Args) (Output, error) {
	var a A
	if err := args.Decode(&a); err != nil {
		return nil, err
	}
	return f.exec(ctx, env, a)
}

func (f fn[A]) RequiredArgs() []string { return mustSchema(f.name).Required }
func (f fn[A]) Arguments() []string    { return mustSchema(f.name).ArgNames() }

func mustSchema(name string) schema.Func {
	s, _ := schema.Function(name)
	return s
}
