package rbac

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// FormatVersion of the document that WriteJSON writes.
const FormatVersion = "1.0"

// WriteYAML writes roles, and their bindings, as kubectl takes them, with the reasons as
// comments.
func (f *Found) WriteYAML(w io.Writer, names Names) error {
	out := &strings.Builder{}
	comment(out, "", fmt.Sprintf("What the actions of the blueprint %s need: %s.", f.Blueprint, list(f.Actions)))
	for _, gap := range f.Gaps {
		comment(out, "", "Not known: "+gap)
	}
	roles := f.Roles(names)
	for i, role := range roles {
		if i > 0 {
			out.WriteString("---\n")
		}
		role.write(out)
	}
	for _, role := range roles {
		if names.Account != "" {
			out.WriteString("---\n")
			role.writeBinding(out, names)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (r Role) write(out *strings.Builder) {
	r.head(out, r.Kind)
	out.WriteString("rules:\n")
	for _, g := range r.Grants {
		for _, line := range g.reasons() {
			comment(out, "  ", line)
		}
		fmt.Fprintf(out, "  - apiGroups: [%q]\n    resources: [%q]\n", g.Group, g.Resource)
		if len(g.Names) > 0 {
			fmt.Fprintf(out, "    resourceNames: %s\n", flow(g.Names))
		}
		fmt.Fprintf(out, "    verbs: %s\n", flow(g.Verbs))
	}
}

func (r Role) head(out *strings.Builder, kind string) {
	if r.Kind == "Role" && r.Namespace == "" {
		comment(out, "", map[bool]string{
			true:  "In the namespace that rescue works in: kubectl apply --namespace NAME.",
			false: "In the namespace of the application: kubectl apply --namespace NAME.",
		}[strings.HasSuffix(r.Name, "-work")])
	}
	fmt.Fprintf(out, "apiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata:\n  name: %q\n", kind, r.Name)
	if r.Namespace != "" {
		fmt.Fprintf(out, "  namespace: %q\n", r.Namespace)
	}
}

func (r Role) writeBinding(out *strings.Builder, names Names) {
	r.head(out, r.Kind+"Binding")
	fmt.Fprintf(out, "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: %s\n  name: %q\n", r.Kind, r.Name)
	fmt.Fprintf(out, "subjects:\n  - kind: ServiceAccount\n    name: %q\n    namespace: %q\n", names.Account, names.AccountNamespace)
}

// flow is a list of texts in a form that JSON and YAML share.
func flow(list []string) string {
	quoted := make([]string, len(list))
	for i, text := range list {
		quoted[i] = fmt.Sprintf("%q", text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// comment writes one line: what stands in a blueprint must not get out of it.
func comment(out *strings.Builder, indent, text string) {
	fmt.Fprintf(out, "%s# %s\n", indent, strings.Join(strings.Fields(text), " "))
}

func list(names []string) string { return strings.Join(names, ", ") }

type ruleDocument struct {
	APIGroups     []string `json:"apiGroups"`
	Resources     []string `json:"resources"`
	ResourceNames []string `json:"resourceNames,omitempty"`
	Verbs         []string `json:"verbs"`
	Reasons       []Reason `json:"reasons"`
}

type roleDocument struct {
	Kind      string         `json:"kind"`
	Name      string         `json:"name"`
	Namespace string         `json:"namespace"`
	Rules     []ruleDocument `json:"rules"`
}

// WriteJSON writes the same for programs: docs/rbac.md describes it.
func (f *Found) WriteJSON(w io.Writer, names Names) error {
	doc := struct {
		FormatVersion string         `json:"formatVersion"`
		Blueprint     string         `json:"blueprint"`
		Actions       []string       `json:"actions"`
		Roles         []roleDocument `json:"roles"`
		Gaps          []string       `json:"gaps"`
	}{FormatVersion, f.Blueprint, append([]string{}, f.Actions...), []roleDocument{}, append([]string{}, f.Gaps...)}
	for _, role := range f.Roles(names) {
		one := roleDocument{Kind: role.Kind, Name: role.Name, Namespace: role.Namespace, Rules: []ruleDocument{}}
		for _, g := range role.Grants {
			one.Rules = append(one.Rules, ruleDocument{[]string{g.Group}, []string{g.Resource}, g.Names, g.Verbs, g.Reasons})
		}
		doc.Roles = append(doc.Roles, one)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
