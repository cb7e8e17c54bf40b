package funcs

import (
	"context"
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/schema"
)

// Defined is a function with a schema of its own. New makes one of a Go function.
type Defined interface {
	Func
	// Schema is CUE source of package schema with the function's entry in #Functions.
	// schema/phase.cue says what an entry may have.
	Schema() string
}

// New makes a function of its name, its schema and what it does. A is a struct of its
// arguments, with the schema's names as json tags. The error says what is wrong with
// the schema.
//
//	freeze, err := funcs.New("Freeze", freezeSchema, func(ctx context.Context, env *funcs.Env, args freezeArgs) (funcs.Output, error) {…})
func New[A any](name, source string, exec func(ctx context.Context, env *Env, args A) (Output, error)) (Defined, error) {
	set, err := schema.Embedded().With(schemaFile(name), []byte(source))
	if err != nil {
		return nil, fmt.Errorf("schema of function %s: %w", name, err)
	}
	described, ok := set.Function(name)
	if !ok {
		return nil, fmt.Errorf("schema of function %s: it has no entry #Functions: %s", name, name)
	}
	return defined[A]{name: name, source: source, described: described, exec: exec}, nil
}

type defined[A any] struct {
	name, source string
	described    schema.Func
	exec         func(ctx context.Context, env *Env, args A) (Output, error)
}

func (f defined[A]) Name() string           { return f.name }
func (f defined[A]) Schema() string         { return f.source }
func (f defined[A]) RequiredArgs() []string { return f.described.Required }
func (f defined[A]) Arguments() []string    { return f.described.ArgNames() }

func (f defined[A]) Exec(ctx context.Context, env *Env, args Args) (Output, error) {
	var a A
	if err := args.Decode(&a); err != nil {
		return nil, err
	}
	return f.exec(ctx, env, a)
}

// schemaFile is the name of the file that the function's schema stands in.
func schemaFile(name string) string { return strings.ToLower(name) + ".cue" }

// Add adds a function, and the schema that it brings along if it is Defined. It fails if
// the name is taken, or if there is no schema for it.
func (r *Registry) Add(f Func) error {
	name := f.Name()
	if _, taken := r.byName[name]; taken {
		return fmt.Errorf("function %s registered twice", name)
	}
	set := r.Schema()
	if own, ok := f.(Defined); ok {
		var err error
		if set, err = set.With(schemaFile(name), []byte(own.Schema())); err != nil {
			return fmt.Errorf("schema of function %s: %w", name, err)
		}
	}
	if _, known := set.Function(name); !known {
		return fmt.Errorf("function %s has no schema", name)
	}
	if r.byName == nil {
		r.byName = map[string]Func{}
	}
	r.byName[name], r.schema = f, set
	return nil
}

// Schema has the functions of the embedded schema and those that were added: what a
// blueprint may call that is to run with this registry. Load it with
// interp.Loader{Schema: r.Schema()}.
func (r *Registry) Schema() *schema.Set {
	if r.schema == nil {
		return schema.Embedded()
	}
	return r.schema
}
