package schema

import (
	"fmt"
	"sync"

	"cuelang.org/go/cue"
)

// descriptions are what a set says about its functions, read from the evaluated
// schema one by one: most programs ask about a few.
type descriptions struct {
	// entries are those of #Functions.
	entries  map[string]cue.Value
	releases Releases
	// types has the comments on the definitions that arguments name.
	types func() map[string]string

	mu        sync.Mutex
	functions map[string]Func
}

// descriptions evaluates the schema once. It panics where the embedded schema is
// broken; With has made sure of added files.
func (s *Set) descriptions() *descriptions {
	d, err := s.described()
	if err != nil {
		panic(fmt.Sprintf("the embedded schema is broken: %v", err))
	}
	return d
}

// check says what is wrong with the schema.
func (s *Set) check() error {
	d, err := s.described()
	if err != nil {
		return err
	}
	for name := range d.entries {
		if _, _, err := d.function(name); err != nil {
			return err
		}
	}
	return nil
}

// describe reads the schema in a scope that a package is evaluated in afterwards, so
// that a program that checks one blueprint evaluates the schema once.
func (s *Set) describe() (*descriptions, error) {
	scope, err := s.newScope()
	if err != nil {
		return nil, err
	}
	v := scope.value
	d := &descriptions{entries: map[string]cue.Value{}, functions: map[string]Func{}}
	d.types = sync.OnceValue(func() map[string]string { return typeDocs(v) })
	if err := v.LookupPath(cue.ParsePath("#Kanister")).Decode(&d.releases); err != nil {
		return nil, err
	}
	it, err := v.LookupPath(cue.ParsePath("#Functions")).Fields()
	if err != nil {
		return nil, err
	}
	for it.Next() {
		d.entries[it.Selector().Unquoted()] = it.Value()
	}
	s.Return(scope)
	return d, nil
}

// function describes a function on the first demand.
func (d *descriptions) function(name string) (Func, bool, error) {
	entry, ok := d.entries[name]
	if !ok {
		return Func{}, false, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if f, ok := d.functions[name]; ok {
		return f, true, nil
	}
	f, err := describe(name, entry)
	if err != nil {
		return Func{}, false, err
	}
	d.functions[name] = f
	return f, true, nil
}

// typeDocs collects the comments on the schema's definitions.
func typeDocs(v cue.Value) map[string]string {
	docs := map[string]string{}
	it, err := v.Fields(cue.Definitions(true))
	for err == nil && it.Next() {
		if it.Selector().IsDefinition() {
			docs[it.Selector().String()] = comment(it.Value())
		}
	}
	return docs
}
