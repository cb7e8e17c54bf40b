package schema

import (
	"slices"

	"cuelang.org/go/cue"
)

// Func describes one function, as its .cue file does.
type Func struct {
	Name string
	// Doc is the comment on the function, without its example.
	Doc string
	// Example is a phase that calls the function, as CUE source; it may be empty.
	Example string
	Args    []Arg
	// Required names the arguments that must be given.
	Required []string
	// ExactlyOne has groups of arguments of which exactly one must be given.
	ExactlyOne [][]string
	// Unless: without the argument that is the key, those of the value are needed.
	Unless map[string][]string
	// When: argument to its value to the arguments that are needed then.
	When map[string]map[string][]string
	// Fields: argument to the fields that its value must have.
	Fields map[string][]string
	// AnyField: argument to the fields of which its value must have at least one.
	AnyField map[string][]string
	// Aliases maps other spellings to the argument they mean.
	Aliases map[string]string
	// Script says that the outputs are what the command writes.
	Script bool
	// Outputs that the function returns itself.
	Outputs []Arg
	// Deprecated says what to use instead, Since and Removed name Kanister releases.
	Deprecated, Since, Removed string
	// ArgSince names the Kanister release that brought an argument, ValueSince the one
	// that brought a value of an argument.
	ArgSince   map[string]string
	ValueSince map[string]map[string]string
	// Extensions are arguments that Kanister refuses.
	Extensions []string
}

// Arg is an argument or an output.
type Arg struct {
	Name string
	// Doc is the comment on it.
	Doc string
	// Type is its constraint as CUE source. It may name a definition of the schema,
	// such as #Quantity.
	Type string
	// Default is what an absent argument means, as CUE source; it is empty where the
	// function decides.
	Default string
	// Optional marks an output that the function does not always return.
	Optional bool
	// Kind are the kinds of value it takes.
	Kind cue.Kind
	// Value is the constraint itself. It belongs to the catalogue's context and
	// must only be read.
	Value cue.Value
}

// ArgNames lists the arguments in the order of the schema, without aliases.
func (f Func) ArgNames() []string {
	var names []string
	for _, a := range f.Args {
		if _, alias := f.Aliases[a.Name]; !alias {
			names = append(names, a.Name)
		}
	}
	return names
}

// Arg returns the argument of that name, an alias included.
func (f Func) Arg(name string) (Arg, bool) {
	i := slices.IndexFunc(f.Args, func(a Arg) bool { return a.Name == name })
	if i < 0 {
		return Arg{}, false
	}
	return f.Args[i], true
}

// Canonical returns the argument that name means.
func (f Func) Canonical(name string) string {
	if c, ok := f.Aliases[name]; ok {
		return c
	}
	return name
}

// Function returns the description of a function of the embedded schema.
func Function(name string) (Func, bool) { return Embedded().Function(name) }

// FunctionNames lists all functions of the embedded schema in alphabetical order.
func FunctionNames() []string { return Embedded().Names() }

// Releases is what is known of Kanister's releases beside its functions. Each is a
// release such as 0.115.0.
type Releases struct {
	// First and Newest are the releases of which it is known what they have.
	First  string `json:"first"`
	Newest string `json:"newest"`
	// ConfigMapObjects is the release that brought ConfigMaps as objects of a phase.
	ConfigMapObjects string `json:"configMapObjects"`
	// RepositoryServer is the release that took RepositoryServers away.
	RepositoryServer string `json:"repositoryServer"`
}

// Kanister returns what is known of Kanister's releases.
func Kanister() Releases { return Embedded().descriptions().releases }
