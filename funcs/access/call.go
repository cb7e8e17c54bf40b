package access

// A Call is a phase, as far as it is known before it runs.
type Call struct {
	// Kind of the object that the action works on, as blueprints name it: Deployment.
	Kind string
	// Args are the arguments: texts, numbers, booleans, []any, map[string]any, and in
	// the place of what only a run knows an Unknown, or TargetNamespace.
	Args map[string]any
	// ClaimLocation says that backups are kept in a volume of the cluster.
	ClaimLocation bool
}

// Unknown stands for a value that only a run knows.
type Unknown struct {
	// Source is the expression or template that gives it.
	Source string
}

// TargetNamespace stands for the namespace of the action's object. No namespace can be
// called so.
const TargetNamespace = "(the namespace of the object)"

// Text returns a text among the arguments, by the path to it, "" if it is not there.
func (c Call) Text(path ...string) string {
	text, _ := c.lookup(path).(string)
	return text
}

func (c Call) lookup(path []string) any {
	var at any = c.Args
	for _, field := range path {
		fields, ok := at.(map[string]any)
		if !ok {
			return at // what is unknown as a whole has unknown parts
		}
		at = fields[field]
	}
	return at
}

// WhereKind tells places apart.
type WhereKind string

// Places.
const (
	// Cluster is for resources that have no namespace.
	Cluster WhereKind = "cluster"
	// Target is the namespace of the action's object.
	Target WhereKind = "target"
	// Work is the namespace that rescue works in.
	Work WhereKind = "work"
	// Named is a namespace that the blueprint names.
	Named WhereKind = "named"
	// Open is a namespace that only a run knows.
	Open WhereKind = "open"
)

// Where is the place of a need.
type Where struct {
	Kind WhereKind
	// Name of a Named one, and the expression of an Open one.
	Name string
}

// A Place says where a call needs something.
type Place func(Call) Where

// InCluster is no namespace.
func InCluster(Call) Where { return Where{Kind: Cluster} }

// InWork is the namespace that rescue works in.
func InWork(Call) Where { return Where{Kind: Work} }

// InTarget is the namespace of the action's object.
func InTarget(Call) Where { return Where{Kind: Target} }

// In is the namespace that an argument names; the first of the others, if it is not given.
func In(otherwise Place, path ...string) Place {
	return func(c Call) Where { return WhereOf(c.lookup(path), otherwise(c)) }
}

// WhereOf is the place that a value names.
func WhereOf(value any, otherwise Where) Where {
	switch v := value.(type) {
	case Unknown:
		return Where{Kind: Open, Name: v.Source}
	case string:
		switch v {
		case "":
		case TargetNamespace:
			return Where{Kind: Target}
		default:
			return Where{Kind: Named, Name: v}
		}
	}
	return otherwise
}
