package schema

import (
	"sync"

	"cuelang.org/go/cue"
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
	inst := Again(parsed)
	scope := &Scope{context: cuecontext.New()}
	scope.packages = build.NewContext(build.Loader(func(_ token.Pos, path string) *build.Instance {
		if path == inst.ImportPath {
			return inst
		}
		return nil
	}))
	scope.value = scope.context.BuildInstance(inst)
	return scope, scope.value.Err()
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
