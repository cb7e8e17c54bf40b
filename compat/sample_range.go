package compat

import (
	"fmt"
	"strings"
	"text/template/parse"
)

// A rangeUse is a range over a part of the Kubernetes object.
type rangeUse struct {
	path []string
	// fields are those that the range reads of each item; without any, the items are
	// texts.
	fields []string
}

// objectRanges finds the ranges over a part of the object that stands in a template
// as a path.
func objectRanges(tree *parse.Tree) []rangeUse {
	var found []rangeUse
	walkNodes(tree.Root, func(n parse.Node) {
		r, ok := n.(*parse.RangeNode)
		if !ok || len(r.Pipe.Cmds) != 1 || len(r.Pipe.Cmds[0].Args) != 1 {
			return
		}
		path := pathNames(r.Pipe.Cmds[0].Args[0], "$")
		if len(path) < 2 || path[0] != "Object" {
			return
		}
		item := ""
		if decl := r.Pipe.Decl; len(decl) > 0 {
			item = decl[len(decl)-1].Ident[0]
		}
		found = append(found, rangeUse{path: path[1:], fields: fieldsRead(r.List, item)})
	})
	return found
}

// pathNames are the names of .a.b, and of $v.a.b for the variable.
func pathNames(n parse.Node, variable string) []string {
	switch n := n.(type) {
	case *parse.FieldNode:
		return n.Ident
	case *parse.VariableNode:
		if n.Ident[0] == variable {
			return n.Ident[1:]
		}
	}
	return nil
}

// fieldsRead lists the fields of the dot and of a variable that the nodes read.
func fieldsRead(list *parse.ListNode, variable string) []string {
	var fields []string
	walkNodes(list, func(n parse.Node) {
		if names := pathNames(n, variable); len(names) > 0 {
			fields = append(fields, names[0])
		}
		if c, ok := n.(*parse.CommandNode); ok && len(c.Args) == 3 && c.Args[0].String() == "index" {
			if key, ok := c.Args[2].(*parse.StringNode); ok {
				fields = append(fields, key.Text)
			}
		}
	})
	return fields
}

// ranges makes up what the templates of an action go round.
func (s *sampler) ranges(a *BlueprintAction) {
	a.eachText(func(t templateText) {
		if !strings.Contains(t.text, "range") || !isTemplate(t.text) {
			return
		}
		use, err := TemplateRefs(t.text)
		if err != nil {
			return
		}
		for _, r := range objectRanges(use.Tree) {
			s.objectValue(r.path, s.collection(r.fields))
		}
	})
}

// collection is a list or a map of up to three items.
func (s *sampler) collection(fields []string) any {
	list, dict := []any{}, map[string]any{}
	for range s.rnd.Intn(4) {
		list = append(list, s.item(fields))
		dict[fmt.Sprintf("%c/key", 'a'+s.rnd.Intn(26))] = s.item(fields)
	}
	if s.rnd.Intn(2) == 0 {
		return dict
	}
	return list
}

func (s *sampler) item(fields []string) any {
	if len(fields) == 0 {
		return s.word()
	}
	item := map[string]any{}
	for _, f := range fields {
		item[f] = s.word()
	}
	return item
}
