package compat

import (
	"reflect"
	"strconv"
	"strings"
	"text/template/parse"
)

// TemplateUse says what a template reads and calls.
type TemplateUse struct {
	// Tree is what text/template made of the text; nodes' positions in it are byte
	// offsets in the text.
	Tree *parse.Tree
	// Refs to parameters, in the order written.
	Refs []TemplateRef
	// Funcs called, in the order written, `index` included.
	Funcs []TemplateCall
}

// TemplateRef is a path from the root of the parameters.
type TemplateRef struct {
	// Offset and End delimit the path's own text, without the index call round it.
	Offset, End int
	Path        []PathStep
	// Tested says that the reference stands in an if, with, and, or, not: it may be
	// missing or empty.
	Tested bool
	// Conditional says that the reference stands in the body of an if, a with or a
	// range: it may never be read.
	Conditional bool
	// Printed says that the template prints the value just as it is.
	Printed bool
}

// PathStep is one step of a path.
type PathStep struct {
	// Name of the field or key; for a list the digits of the index.
	Name string
	// Index says that the step was taken by the function index, for which a
	// missing key is no error.
	Index bool
	// Computed says that the key is known only when the template runs; Name is
	// then its source text.
	Computed bool
}

// TemplateCall is a function's name at its place.
type TemplateCall struct {
	Name   string
	Offset int
	// Glued is the field that stands right behind the name: index.Deployment calls
	// index without arguments, and wants a field of what it returns.
	Glued string
}

// Names are the names of the path's steps.
func (r TemplateRef) Names() []string {
	names := make([]string, len(r.Path))
	for i, s := range r.Path {
		names[i] = s.Name
	}
	return names
}

// SecretData tells whether the path leads to a field of a Secret: bytes, that is.
func (r TemplateRef) SecretData() bool {
	names := r.Names()
	switch {
	case len(names) == 0:
		return false
	case names[0] == "Phases" && len(names) > 2:
		names = names[2:]
	case names[0] == "DeferPhase":
		names = names[1:]
	case names[0] == "Profile":
		return len(names) == 5 && names[1] == "Credential" && names[2] == "Secret" && names[3] == "Data"
	}
	return len(names) == 4 && names[0] == "Secrets" && names[2] == "Data"
}

// String writes the reference as a template would.
func (r TemplateRef) String() string {
	var b strings.Builder
	for _, s := range r.Path {
		switch {
		case !s.Index:
			b.WriteString("." + s.Name)
		case s.Computed:
			b.WriteString("[" + s.Name + "]")
		default:
			b.WriteString("[" + strconv.Quote(s.Name) + "]")
		}
	}
	return b.String()
}

// TemplateRefs parses a template without running it. Functions need not exist.
// The error is a *TemplateError.
func TemplateRefs(text string) (*TemplateUse, error) {
	tree, err := parseTemplate(text)
	if err != nil {
		return nil, err
	}
	c := &refCollector{use: &TemplateUse{Tree: tree}, vars: map[string][]PathStep{"$": {}}}
	c.list(tree.Root, dot{known: true})
	return c.use, nil
}

// parseTemplate parses without looking at the functions.
func parseTemplate(text string) (*parse.Tree, error) {
	if err := checkSize(text); err != nil {
		return nil, err
	}
	tree := parse.New(templateName)
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(text, "", "", map[string]*parse.Tree{}); err != nil {
		return nil, parseError(err, text)
	}
	if tree.Root == nil {
		tree.Root = &parse.ListNode{NodeType: parse.NodeList}
	}
	return tree, nil
}

// refCollector walks a template. vars maps a variable to the path that it stands
// for; a variable that stands for something else is not in it.
type refCollector struct {
	use    *TemplateUse
	vars   map[string][]PathStep
	tested bool
	// depth counts the bodies of if, with and range round the node.
	depth int
	// printed says that what is read next is printed as it is.
	printed bool
}

// A dot is what `.` stands for: a path of the parameters, or what is not known.
type dot struct {
	path  []PathStep
	known bool
}

func (c *refCollector) list(l *parse.ListNode, at dot) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		c.node(n, at)
	}
}

func (c *refCollector) node(n parse.Node, at dot) {
	switch n := n.(type) {
	case *parse.ActionNode:
		c.printed = len(n.Pipe.Decl) == 0
		c.pipe(n.Pipe, at)
		c.printed = false
	case *parse.IfNode:
		c.branch(&n.BranchNode, at, at)
	case *parse.WithNode:
		c.branch(&n.BranchNode, at, c.value(n.Pipe, at))
	case *parse.RangeNode:
		c.pipe(n.Pipe, at)
		c.body(n.List, dot{})
		c.body(n.ElseList, at)
	case *parse.TemplateNode:
		c.pipe(n.Pipe, at)
	}
}

// branch walks an if or a with; inside is the dot of its body.
func (c *refCollector) branch(b *parse.BranchNode, at, inside dot) {
	before := c.tested
	c.tested = true
	c.pipe(b.Pipe, at)
	c.tested = before
	c.body(b.List, inside)
	c.body(b.ElseList, at)
}

// body walks what may not be executed.
func (c *refCollector) body(l *parse.ListNode, at dot) {
	c.depth++
	c.list(l, at)
	c.depth--
}

func (c *refCollector) pipe(p *parse.PipeNode, at dot) {
	if p == nil {
		return
	}
	c.printed = c.printed && len(p.Cmds) == 1
	for _, cmd := range p.Cmds {
		c.command(cmd, at)
	}
	for _, v := range p.Decl {
		c.declare(v.Ident[0], p, at)
	}
}

// declare notes which path a variable stands for.
func (c *refCollector) declare(name string, p *parse.PipeNode, at dot) {
	delete(c.vars, name)
	if v := c.value(p, at); len(p.Decl) == 1 && v.known {
		c.vars[name] = v.path
	}
}

// value is what a pipe comes to, if that is a path.
func (c *refCollector) value(p *parse.PipeNode, at dot) dot {
	if p == nil || len(p.Cmds) != 1 {
		return dot{}
	}
	path, known := c.path(&parse.PipeNode{NodeType: parse.NodePipe, Cmds: p.Cmds}, at)
	return dot{path, known}
}

func (c *refCollector) command(cmd *parse.CommandNode, at dot) {
	if path, n, ok := c.indexed(cmd, at); ok {
		c.call(cmd.Args[0].(*parse.IdentifierNode))
		c.reference(n, path)
		for _, key := range cmd.Args[2:] {
			c.operand(key, at)
		}
		return
	}
	c.printed = c.printed && len(cmd.Args) == 1
	before := c.tested
	if id, ok := cmd.Args[0].(*parse.IdentifierNode); ok && (id.Ident == "and" || id.Ident == "or" || id.Ident == "not") {
		c.tested = true
	}
	for _, arg := range cmd.Args {
		c.operand(arg, at)
	}
	c.tested = before
}

func (c *refCollector) call(id *parse.IdentifierNode) {
	c.use.Funcs = append(c.use.Funcs, TemplateCall{Name: id.Ident, Offset: int(id.Pos)})
}

func (c *refCollector) operand(n parse.Node, at dot) {
	if path, ok := c.path(n, at); ok {
		if len(path) > 0 {
			c.reference(n, path)
		}
		return
	}
	switch n := n.(type) {
	case *parse.IdentifierNode:
		c.call(n)
	case *parse.PipeNode:
		c.pipe(n, at)
	case *parse.ChainNode:
		if id, ok := n.Node.(*parse.IdentifierNode); ok {
			glued := TemplateCall{Name: id.Ident, Offset: int(id.Pos), Glued: "." + strings.Join(n.Field, ".")}
			c.use.Funcs = append(c.use.Funcs, glued)
			return
		}
		c.operand(n.Node, at)
	}
}

// indexed reads `index PATH KEY…` as a path.
func (c *refCollector) indexed(cmd *parse.CommandNode, at dot) ([]PathStep, parse.Node, bool) {
	id, ok := cmd.Args[0].(*parse.IdentifierNode)
	if !ok || id.Ident != "index" || len(cmd.Args) < 2 {
		return nil, nil, false
	}
	path, ok := c.path(cmd.Args[1], at)
	if !ok {
		return nil, nil, false
	}
	path = path[:len(path):len(path)]
	for _, key := range cmd.Args[2:] {
		path = append(path, indexStep(key))
	}
	return path, cmd.Args[1], true
}

func indexStep(key parse.Node) PathStep {
	switch key := key.(type) {
	case *parse.StringNode:
		return PathStep{Name: key.Text, Index: true}
	case *parse.NumberNode:
		return PathStep{Name: key.Text, Index: true}
	}
	return PathStep{Name: key.String(), Index: true, Computed: true}
}

// path reads a node as a path from the root.
func (c *refCollector) path(n parse.Node, at dot) ([]PathStep, bool) {
	switch n := n.(type) {
	case *parse.FieldNode:
		return fieldSteps(at.path, n.Ident), at.known
	case *parse.DotNode:
		return at.path, at.known
	case *parse.VariableNode:
		base, ok := c.vars[n.Ident[0]]
		return fieldSteps(base, n.Ident[1:]), ok
	case *parse.ChainNode:
		base, ok := c.path(n.Node, at)
		return fieldSteps(base, n.Field), ok
	case *parse.PipeNode:
		if len(n.Decl) == 0 && len(n.Cmds) == 1 {
			if path, _, ok := c.indexed(n.Cmds[0], at); ok {
				return path, true
			}
			if len(n.Cmds[0].Args) == 1 {
				return c.path(n.Cmds[0].Args[0], at)
			}
		}
	}
	return nil, false
}

func fieldSteps(base []PathStep, names []string) []PathStep {
	steps := base[:len(base):len(base)]
	for _, name := range names {
		steps = append(steps, PathStep{Name: name})
	}
	return steps
}

func (c *refCollector) reference(n parse.Node, path []PathStep) {
	if len(path) == 0 {
		return
	}
	start, end := span(n)
	c.use.Refs = append(c.use.Refs, TemplateRef{
		Offset: start, End: end, Path: path, Tested: c.tested, Conditional: c.depth > 0, Printed: c.printed,
	})
	c.printed = false
}

// span gives the extent of an operand in the text. The parser puts the position
// of a chain of fields at its second dot.
func span(n parse.Node) (start, end int) {
	start = int(n.Position())
	switch n := n.(type) {
	case *parse.FieldNode:
		if len(n.Ident) > 1 {
			start -= len(n.Ident[0]) + 1
		}
	case *parse.VariableNode:
		if len(n.Ident) > 1 {
			start -= len(n.Ident[0])
		}
	case *parse.ChainNode:
		start, _ = span(n.Node)
	case *parse.PipeNode:
		start-- // the parenthesis
	}
	return start, start + len(n.String())
}

// isNil also sees a typed nil in the interface.
func isNil(n parse.Node) bool {
	return n == nil || reflect.ValueOf(n).IsNil()
}
