package schema

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/token"
)

// maxPackages is how many packages are evaluated in one context. A context keeps all that
// was built in it, megabytes for each package; a new one costs about as much time as a
// quarter of one of them.
const maxPackages = 4

// A Scope is a schema that is evaluated already: a package that imports it costs its own
// evaluation there, and not that of the schema. One goroutine uses it at a time.
type Scope struct {
	value cue.Value
	// view is the package that stands for the schema in imports.
	view *build.Instance
	// lets is source with as many let clauses as the schema has.
	lets string

	context *cue.Context
	used    int
}

// evaluated is what a view calls the schema.
const evaluated = "evaluated"

// Packages returns a context in which imports of the schema resolve to that of the scope.
// CUE's own packages resolve too, and others are for load; it may be nil.
func (s *Scope) Packages(load func(path string) *build.Instance) *build.Context {
	return build.NewContext(build.Loader(func(_ token.Pos, path string) *build.Instance {
		if path == s.view.ImportPath {
			return s.view
		}
		if load == nil {
			return nil
		}
		return load(path)
	}))
}

// Build evaluates a package of the scope as its files are now, and those that it imports.
func (s *Scope) Build(inst *build.Instance) cue.Value {
	// A context takes a package that it has built for one that does not change.
	imports := slices.ContainsFunc(inst.Imports, func(imp *build.Instance) bool { return imp != s.view })
	if imports || s.used%maxPackages == 0 {
		s.context, s.used = s.newContext(), 0
	}
	s.used++
	return s.context.BuildInstance(Again(inst))
}

// newContext makes a context in which imports of the schema lead to what is evaluated.
func (s *Scope) newContext() *cue.Context {
	ctx := cuecontext.New()
	// CUE tells let clauses of one name apart by their number in the context. Those of
	// the schema were counted in another one, so their numbers must not be given again.
	ctx.CompileString(s.lets)
	within := ctx.CompileString(evaluated+": _").FillPath(cue.ParsePath(evaluated), s.value)
	ctx.BuildInstance(s.view, cue.Scope(within))
	return ctx
}

// Again is the instance without what an earlier build has left in it: its errors, and
// the value that a context keeps for it.
func Again(inst *build.Instance) *build.Instance {
	again := *inst
	again.ResolutionErr, again.Err = nil, nil
	return &again
}

// newScope evaluates the schema.
func (s *Set) newScope() (*Scope, error) {
	parsed, err := s.parsed()
	if err != nil {
		return nil, err
	}
	scope := &Scope{value: cuecontext.New().BuildInstance(Again(parsed)), lets: letClauses(parsed)}
	if err := scope.value.Err(); err != nil {
		return nil, err
	}
	scope.view, err = view(scope.value, parsed.ImportPath)
	return scope, err
}

// view makes a package whose definitions are references to those of the schema. CUE
// evaluates a package that is imported again in each evaluation that imports it; of this
// one there is nothing to evaluate.
func view(schema cue.Value, importPath string) (*build.Instance, error) {
	file := &ast.File{Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("schema")}}}
	it, err := schema.Fields(cue.Definitions(true))
	if err != nil {
		return nil, err
	}
	for it.Next() {
		definition := it.Selector().String()
		file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(definition), Value: ast.NewSel(ast.NewIdent(evaluated), definition)})
	}
	inst := build.NewContext().NewInstance("schema", nil)
	inst.ImportPath = importPath
	return inst, errors.Join(inst.AddSyntax(file), inst.Complete())
}

// letClauses writes as many let clauses as the package has.
func letClauses(inst *build.Instance) string {
	var src strings.Builder
	for _, f := range inst.Files {
		ast.Walk(f, func(n ast.Node) bool {
			if _, ok := n.(*ast.LetClause); ok {
				src.WriteString("{let x = 0, y: x}\n")
			}
			return true
		}, nil)
	}
	return src.String()
}

// A scopePool keeps the scopes that nobody uses at the moment.
type scopePool struct {
	mu   sync.Mutex
	free []*Scope
}

// Borrow returns a scope for the caller alone, until it is given back with Return.
func (s *Set) Borrow() (*Scope, error) {
	// It leaves its own scope in the pool.
	if _, err := s.described(); err != nil {
		return nil, err
	}
	if scope := s.scopes.take(); scope != nil {
		return scope, nil
	}
	return s.newScope()
}

// Return gives a scope back. One in which an evaluation has panicked must not come
// back. Values of the scope stay good.
func (s *Set) Return(scope *Scope) {
	s.scopes.mu.Lock()
	defer s.scopes.mu.Unlock()
	s.scopes.free = append(s.scopes.free, scope)
}

func (p *scopePool) take() *Scope {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return nil
	}
	scope := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return scope
}
