package vet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema/suggest"
)

// resourceSpec checks what KubeOps creates or patches. Of a legacy blueprint, that it can
// be read and says what it is was seen before.
func resourceSpec(o *outline) {
	o.eachPhase(func(p *outlinePhase) {
		if o.native {
			for _, e := range p.unreadable {
				e.at.at(e.finding)
			}
		}
		operation, _ := p.arg("operation").literal()
		for _, m := range p.manifests {
			if o.native {
				m.object(operation)
			}
			m.builtinKind(operation)
			m.podSpec(p.kindOf(m), operation)
		}
	})
}

// A manifestError is what keeps a text from being read.
type manifestError struct {
	at      *manifest
	finding Finding
}

// manifestErrors are those of YAML, unless what is put into the text may decide it.
func manifestErrors(m *manifest, err error) []manifestError {
	var list compat.Errors
	if !errors.As(err, &list) || m.open() {
		return nil
	}
	var all []manifestError
	for _, e := range list {
		f := Finding{Rule: ruleResourceSpec, Message: "the spec cannot be read: " + e.Msg, Suggestion: e.Hint}
		all = append(all, manifestError{m, m.src.atLine(e.Line, e.Column, "", f)})
	}
	return all
}

// object checks that there is an object, and that one to be created says what it is.
func (m *manifest) object(operation string) {
	var f Finding
	switch {
	case m.root.Kind == compat.String && isPlaceholder(m.root.Str):
		return // The whole object is put in.
	case m.root.Kind != compat.Map:
		f = Finding{Rule: ruleResourceSpec, Message: fmt.Sprintf("the spec must be an object, found %s", m.root.Kind)}
	case operation == "create" && !m.open():
		f = incompleteObject(m.root, func(string) bool { return true })
	}
	if f.Message != "" {
		m.at(m.src.atLine(m.root.Line, m.root.Column, "", f))
	}
}

// incompleteObject says what an object lacks that is to be created. The function tells
// whether a field that is not in sight is really not there.
func incompleteObject(root *compat.Value, certain func(string) bool) Finding {
	var missing []string
	for _, name := range []string{"apiVersion", "kind"} {
		if text, ok := root.Get(name).Text(); (!ok || text == "") && certain(name) {
			missing = append(missing, name)
		}
	}
	metadata := root.Get("metadata")
	if metadata.Get("name") == nil && metadata.Get("generateName") == nil && root.Get("items") == nil && certain("name") {
		missing = append(missing, "metadata.name")
	}
	if len(missing) == 0 {
		return Finding{}
	}
	list := strings.Join(missing, ", ")
	return Finding{Rule: ruleResourceSpec, Message: "the object to create has no " + list, Expected: list}
}

// builtinKinds are the kinds of the API's oldest groups.
var builtinKinds = map[string][]string{
	"v1":       {"ConfigMap", "Endpoints", "Event", "LimitRange", "List", "Namespace", "Node", "PersistentVolume", "PersistentVolumeClaim", "Pod", "PodTemplate", "ReplicationController", "ResourceQuota", "Secret", "Service", "ServiceAccount"},
	"apps/v1":  {"ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"},
	"batch/v1": {"CronJob", "Job"},
}

// builtinKind finds kinds that the named group does not have.
func (m *manifest) builtinKind(operation string) {
	version, kind := text(m.root, "apiVersion"), m.root.Get("kind")
	name, ok := kind.Text()
	known := builtinKinds[version]
	if operation != "create" || known == nil || !ok || contains(known, name) || m.filled(kind.Line) {
		return
	}
	f := Finding{Rule: ruleResourceSpec, Message: fmt.Sprintf("%s has no kind %q", version, name), Found: name}
	for _, other := range sortedKeys(builtinKinds) {
		if contains(builtinKinds[other], name) {
			f.Suggestion = "write apiVersion: " + other
		}
	}
	if near := suggest.Nearest(name, known); near != "" {
		f = f.hint(name, "kinds", known)
	}
	if f.Suggestion != "" {
		m.at(m.src.atLine(kind.Line, kind.Column, name, f))
	}
}

// podSpec checks the fields of the pod in an object. A field that is like none may be one
// of a newer Kubernetes.
func (m *manifest) podSpec(kind, operation string) {
	pod, path := m.pod(kind)
	if pod == nil || pod.Kind != compat.Map {
		return
	}
	c := &legacyChecker{src: m.src, manifest: operation == "create"}
	c.podFields(pod, "PodSpec", path)
	for _, f := range c.findings {
		field := f.Expected == "" && f.Found == ""
		if m.filled(f.Line) && (!field || m.form.piece(m.src.offset(f.Line, f.Column)).value != nil) {
			continue
		}
		f.Rule, f.Help, f.Path = ruleResourceSpec, "", ""
		f.Severity = ""
		if field && f.Replacement == "" && strings.Contains(f.Message, "has no field") {
			f.Severity = Warning
		}
		m.at(f)
	}
}
