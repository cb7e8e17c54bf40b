package schema

import (
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/token"
)

// maxPackages is how many packages a Scope takes. All that is evaluated in a context
// stays in memory as long as the context does, megabytes for each package, and a new
// scope costs about as much time as one of them.
const maxPackages = 5

// A Scope is a context of evaluation in which the schema is built already: a package
// that imports it costs its own evaluation there, and not that of the schema. One
// goroutine uses it at a time.
type Scope struct {
	context  *cue.Context
	packages *build.Context
	value    cue.Value
	used     int
}

// Instance returns a new package, still without files, whose import of the schema
// resolves to that of the scope. CUE's own packages resolve too, and no others.
func (s *Scope) Instance(dir string) *build.Instance { return s.packages.NewInstance(dir, nil) }

// Build evaluates a package of the scope as its files are now.
func (s *Scope) Build(inst *build.Instance) cue.Value {
	s.used++
	return s.context.BuildInstance(Again(inst))
}

// Again is the instance without what an earlier build has left in it: its errors, and
// the value that a context keeps for it.
func Again(inst *build.Instance) *build.Instance {
	again := *inst
	again.ResolutionErr, again.Err = nil, nil
	return &again
}

// newScope evaluates the schema in a context of its own.
func (s *Set) newScope() (*Scope, error) {
	parsed, err := s.parsed()
	if err != nil {
		return nil, err
	}
	scope := &Scope{context: cuecontext.New()}
	scope.value = scope.context.BuildInstance(Again(parsed))
	if err := scope.value.Err(); err != nil {
		return nil, err
	}
	inst, err := scope.view(parsed.ImportPath)
	scope.packages = build.NewContext(build.Loader(func(_ token.Pos, path string) *build.Instance {
		if path == parsed.ImportPath {
			return inst
		}
		return nil
	}))
	return scope, err
}

// view makes a package whose definitions are references to those of the schema, and
// builds it. CUE evaluates a package that is imported again in each evaluation that
// imports it; of this one there is nothing to evaluate.
func (s *Scope) view(importPath string) (*build.Instance, error) {
	const name = "evaluated"
	file := &ast.File{Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("schema")}}}
	it, err := s.value.Fields(cue.Definitions(true))
	if err != nil {
		return nil, err
	}
	for it.Next() {
		definition := it.Selector().String()
		file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(definition), Value: ast.NewSel(ast.NewIdent(name), definition)})
	}
	inst := build.NewContext().NewInstance("schema", nil)
	inst.ImportPath = importPath
	if err := inst.AddSyntax(file); err != nil {
		return nil, err
	}
	within := s.context.CompileString(name+": _").FillPath(cue.ParsePath(name), s.value)
	return inst, s.context.BuildInstance(inst, cue.Scope(within)).Err()
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
	if scope.used >= maxPackages {
		return
	}
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
