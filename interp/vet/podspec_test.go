package vet

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TestPodTypes compares the table of a pod's fields with the Kubernetes API.
func TestPodTypes(t *testing.T) {
	table := podTable{done: map[string]bool{}, choices: map[string][]string{}}
	for _, path := range []string{"k8s.io/api/core/v1", "k8s.io/apimachinery/pkg/apis/meta/v1"} {
		table.addChoices(t, path)
	}
	table.add(reflect.TypeFor[corev1.PodSpec]())
	golden(t, "podspec.txt", []byte(table.text.String()))
}

// A podTable writes the types that a pod's spec consists of.
type podTable struct {
	text strings.Builder
	done map[string]bool
	// choices are the values of the texts that have only some.
	choices map[string][]string
}

// addChoices reads the values of a package's enumerations, which only its source tells.
func (p *podTable) addChoices(t *testing.T, path string) {
	t.Helper()
	pkg, err := build.Default.Import(path, ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg.Dir, "types.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	enums := map[string]bool{}
	for _, d := range file.Decls {
		if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.TYPE && strings.Contains(d.Doc.Text()+"\n", "+enum\n") {
			enums[d.Specs[0].(*ast.TypeSpec).Name.Name] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		typ, ok := spec.Type.(*ast.Ident)
		if !ok || !enums[typ.Name] || len(spec.Values) != 1 {
			return true
		}
		if text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value); err == nil && text != "" {
			p.choices[path+"."+typ.Name] = append(p.choices[path+"."+typ.Name], text)
		}
		return true
	})
}

func (p *podTable) add(typ reflect.Type) {
	if p.done[typ.Name()] {
		return
	}
	p.done[typ.Name()] = true
	var inside []reflect.Type
	fmt.Fprintf(&p.text, "%s:", typ.Name())
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		text, element := p.podType(f.Type)
		fmt.Fprintf(&p.text, " %s=%s", name, text)
		if strings.Contains(f.Tag.Get("patchStrategy"), "merge") && f.Type.Kind() == reflect.Slice {
			fmt.Fprintf(&p.text, "/%s", f.Tag.Get("patchMergeKey"))
		}
		if element != nil {
			inside = append(inside, element)
		}
	}
	p.text.WriteString("\n")
	for _, typ := range inside {
		p.add(typ)
	}
}

// podType names a type as the table does; element is the struct in it.
func (p *podTable) podType(typ reflect.Type) (text string, element reflect.Type) {
	switch typ {
	case reflect.TypeFor[resource.Quantity]():
		return "quantity", nil
	case reflect.TypeFor[intstr.IntOrString]():
		return "scalar", nil
	case reflect.TypeFor[metav1.Time]():
		return "string", nil
	case reflect.TypeFor[metav1.FieldsV1]():
		return "any", nil
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return p.podType(typ.Elem())
	case reflect.Slice:
		text, element = p.podType(typ.Elem())
		return "[]" + text, element
	case reflect.Map:
		text, element = p.podType(typ.Elem())
		return "{}" + text, element
	case reflect.Struct:
		return typ.Name(), typ
	case reflect.String:
		if values := p.choices[typ.PkgPath()+"."+typ.Name()]; len(values) > 1 {
			return strings.Join(values, "|"), nil
		}
		return "string", nil
	case reflect.Bool:
		return "bool", nil
	}
	return "int", nil
}
