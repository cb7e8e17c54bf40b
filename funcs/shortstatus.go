package funcs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	maxStatusFields = 12
	maxStatusText   = 120
)

// shortStatus is what people want to know of an object's status: its plain fields,
// and its conditions with their reasons and messages. It is empty without one.
func shortStatus(object *unstructured.Unstructured) string {
	status, _, err := unstructured.NestedMap(object.Object, "status")
	if err != nil {
		return shorten(fmt.Sprint(object.Object["status"]))
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(status)) {
		switch v := status[name].(type) {
		case map[string]any, nil:
		case []any:
			parts = append(parts, statusConditions(name, v)...)
		default:
			parts = append(parts, name+"="+shorten(fmt.Sprint(v)))
		}
	}
	if len(parts) > maxStatusFields {
		parts = append(parts[:maxStatusFields], "…")
	}
	return strings.Join(parts, ", ")
}

// statusConditions shows a list of conditions, and no other list.
func statusConditions(name string, list []any) []string {
	if name != "conditions" {
		return nil
	}
	var parts []string
	for _, item := range list {
		c, _ := item.(map[string]any)
		if c["type"] == nil || c["status"] == nil {
			continue
		}
		text := fmt.Sprintf("%v=%v", c["type"], c["status"])
		if message, _ := c["message"].(string); message != "" {
			text += " (" + shorten(message) + ")"
		}
		parts = append(parts, text)
	}
	return parts
}

func shorten(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= maxStatusText {
		return string(runes)
	}
	return string(runes[:maxStatusText]) + "…"
}
