package vet

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TestPodTypes compares the table of a pod's fields with the Kubernetes API.
func TestPodTypes(t *testing.T) {
	table := podTable{done: map[string]bool{}}
	table.add(reflect.TypeFor[corev1.PodSpec]())
	golden(t, "podspec.txt", []byte(table.text.String()))
}

// A podTable writes the types that a pod's spec consists of.
type podTable struct {
	text strings.Builder
	done map[string]bool
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
		text, element := podType(f.Type)
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
func podType(typ reflect.Type) (text string, element reflect.Type) {
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
		return podType(typ.Elem())
	case reflect.Slice:
		text, element = podType(typ.Elem())
		return "[]" + text, element
	case reflect.Map:
		text, element = podType(typ.Elem())
		return "{}" + text, element
	case reflect.Struct:
		return typ.Name(), typ
	case reflect.String:
		return "string", nil
	case reflect.Bool:
		return "bool", nil
	}
	return "int", nil
}
