package vet

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// function checks that there is such a function, and its arguments.
func (p *legacyPhase) function() {
	if p.phase.Func == "" {
		return
	}
	function, known := p.set.Function(p.phase.Func)
	if !known {
		p.value(p.phase.FuncPos, p.path+".func", functionFinding(p.set, p.phase.Func))
		return
	}
	if function.Removed != "" {
		p.value(p.phase.FuncPos, p.path+".func", removedFinding(function.Name, function.Removed))
	}
	p.arguments(function)
	p.locationURL()
}

// unnamed warns of a phase without a name.
func (p *legacyPhase) unnamed() {
	if p.phase.Name != "" || p.phase.Value.Kind != compat.Map || misspelt("name", fieldNamesIn(p.phase.Unknown)) {
		return
	}
	f := Finding{Rule: ruleUnnamedPhase, Message: "the phase has no name, so that no template can read its outputs", Suggestion: "add `name: …`"}
	if p.phase == p.action.DeferPhase {
		f.Message = "the defer phase has no name; reports call it by one"
	}
	p.value(p.phase.Value, p.path, f)
}

var urlScheme = regexp.MustCompile(`^[a-z][a-z0-9]+://`)

// locationURL warns of an address where Kanister wants a path: it deletes nothing
// then, and reports success.
func (p *legacyPhase) locationURL() {
	artifact := p.phase.Arg("artifact")
	if p.phase.Func != "LocationDelete" || artifact == nil || !urlScheme.MatchString(artifact.Value.Str) {
		return
	}
	scheme := urlScheme.FindString(artifact.Value.Str)
	p.part(artifact.Value, 0, len(artifact.Value.Str), p.path+".args.artifact", Finding{
		Rule:       ruleLocationURL,
		Message:    fmt.Sprintf("Kanister finds nothing below %s, deletes nothing and reports success", scheme),
		Suggestion: fmt.Sprintf("write the path in the bucket, without %s and the bucket's name", scheme),
	})
}

// toolsImage is Kanister's image of tools, with its release.
var toolsImage = regexp.MustCompile(`kanister-tools:v?0\.(\d+)\.\d+`)

const (
	// newestTools is the newest release of the tools image that is known here.
	newestTools = 119
	// staleAfter so many releases, an image is called old.
	staleAfter = 20
)

// oldImages warns of tools that are much older than Kanister.
func (p *legacyPhase) oldImages(v *compat.Value, path string) {
	if v.Kind == compat.String {
		for _, m := range toolsImage.FindAllStringSubmatchIndex(v.Str, -1) {
			release, err := strconv.Atoi(v.Str[m[2]:m[3]])
			if err != nil || newestTools-release <= staleAfter {
				continue
			}
			p.part(v, m[0], m[1], path, Finding{
				Rule: ruleOldImage,
				Message: fmt.Sprintf("these tools are %d releases older than kanister-tools:0.%d.0; the data movers in them have changed since",
					newestTools-release, newestTools),
				Suggestion: "name one release in the whole blueprint, and a newer one",
			})
		}
	}
	for _, f := range v.Fields {
		p.oldImages(f.Value, path+"."+f.Name)
	}
	for i, item := range v.Items {
		p.oldImages(item, fmt.Sprintf("%s.%d", path, i))
	}
}

// objects checks what the phase declares.
func (p *legacyPhase) objects() {
	for _, o := range p.phase.Objects {
		path := p.path + ".objects." + o.Name
		if kind := o.Value.Field("kind"); kind != nil {
			p.objectKind(o.Name, kind.Value, path+".kind")
		}
		p.unknownFields(unknownOf(o.Value, objectFields), "an object", objectFields)
		p.templates(o.Value, path, inObjects)
	}
}

var objectFields = []string{"apiVersion", "group", "resource", "kind", "name", "namespace"}

func unknownOf(v *compat.Value, names []string) []*compat.Field {
	var unknown []*compat.Field
	for _, f := range v.Fields {
		if !contains(names, f.Name) {
			unknown = append(unknown, f)
		}
	}
	return unknown
}

// objectKind finds objects that Kanister does not fetch.
func (p *legacyPhase) objectKind(name string, kind *compat.Value, path string) {
	s, ok := kind.Text()
	if !ok || s == "" || isTemplate(s) || strings.EqualFold(s, "Secret") || strings.EqualFold(s, "ConfigMap") {
		return
	}
	f := Finding{Rule: ruleUnknownKind, Severity: Warning, Message: fmt.Sprintf("object %q is never fetched: its kind is neither Secret nor ConfigMap", name)}
	p.value(kind, path, f.hint(s, "kinds", []string{"Secret", "ConfigMap"}))
}
