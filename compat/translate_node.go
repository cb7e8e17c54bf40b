package compat

import (
	"strings"
	"text/template/parse"
	"unicode"
)

// isolated says whether a node renders the same outside of its template: it uses
// no variable of its surroundings, and declares none for them.
func isolated(n parse.Node) bool {
	if a, ok := n.(*parse.ActionNode); ok && len(a.Pipe.Decl) > 0 {
		return false
	}
	declared := map[string]bool{"$": true}
	free := false
	walkNodes(n, func(n parse.Node) {
		switch n := n.(type) {
		case *parse.PipeNode:
			for _, d := range n.Decl {
				// To assign to a variable is not to declare one.
				free = free || n.IsAssign && !declared[d.Ident[0]]
				declared[d.Ident[0]] = true
			}
		case *parse.VariableNode:
			free = free || !declared[n.Ident[0]]
		case *parse.TemplateNode:
			free = true
		}
	})
	return !free
}

// walkNodes visits a node and what is in it, in the order written.
func walkNodes(n parse.Node, visit func(parse.Node)) {
	if isNil(n) {
		return
	}
	visit(n)
	for _, child := range children(n) {
		walkNodes(child, visit)
	}
}

func children(n parse.Node) []parse.Node {
	switch n := n.(type) {
	case *parse.ListNode:
		return n.Nodes
	case *parse.ActionNode:
		return []parse.Node{n.Pipe}
	case *parse.IfNode:
		return []parse.Node{n.Pipe, n.List, n.ElseList}
	case *parse.WithNode:
		return []parse.Node{n.Pipe, n.List, n.ElseList}
	case *parse.RangeNode:
		return []parse.Node{n.Pipe, n.List, n.ElseList}
	case *parse.PipeNode:
		return nodesOf(n.Cmds)
	case *parse.CommandNode:
		return n.Args
	case *parse.ChainNode:
		return []parse.Node{n.Node}
	}
	return nil
}

func nodesOf(cmds []*parse.CommandNode) []parse.Node {
	nodes := make([]parse.Node, len(cmds))
	for i, c := range cmds {
		nodes[i] = c
	}
	return nodes
}

// nodeName makes a name of what a node reads: region of .Profile.Location.Region.
func nodeName(n parse.Node) string {
	name := "text"
	walkNodes(n, func(n parse.Node) {
		if f, ok := n.(*parse.FieldNode); ok && name == "text" {
			name = f.Ident[len(f.Ident)-1]
		}
	})
	if !plainLabel.MatchString(name) {
		name = "text"
	}
	if strings.ToUpper(name) == name {
		return strings.ToLower(name)
	}
	runes := []rune(name)
	runes[0] = unicode.ToLower(runes[0])
	return string(runes)
}
