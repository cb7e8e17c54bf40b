package vet

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// A Release of Kanister, such as 0.119.0.
type Release [3]int

var releaseText = regexp.MustCompile(`^v?(\d+)\.(\d+)(?:\.(\d+))?$`)

// ParseRelease reads 0.119 or v0.119.0.
func ParseRelease(text string) (Release, error) {
	m := releaseText.FindStringSubmatch(text)
	if m == nil {
		return Release{}, fmt.Errorf("expected a release such as 0.119, found %q", text)
	}
	var r Release
	for i, digits := range m[1:] {
		if digits == "" {
			continue
		}
		var err error
		if r[i], err = strconv.Atoi(digits); err != nil {
			return Release{}, fmt.Errorf("%q is no release: %w", text, err)
		}
	}
	return r, nil
}

func (r Release) String() string { return fmt.Sprintf("%d.%d.%d", r[0], r[1], r[2]) }

// before tells whether r is older than a release of the schema; an empty one is the
// oldest.
func (r Release) before(other string) bool {
	if other == "" {
		return false
	}
	o, err := ParseRelease(other)
	if err != nil {
		return false // The schema's tests parse all of them.
	}
	for i := range r {
		if r[i] != o[i] {
			return r[i] < o[i]
		}
	}
	return false
}

// Known says whether the schema knows what the release has: releases that are too old
// or too new are taken for the nearest one that is known.
func (r Release) Known() (first, newest string, ok bool) {
	k := schema.Kanister()
	return k.First, k.Newest, !r.before(k.First) && (r.before(k.Newest) || r.String() == k.Newest)
}

// KnownReleases lists the releases that the schema knows, the newest first, without
// their patches.
func KnownReleases() []string {
	k := schema.Kanister()
	first, err := ParseRelease(k.First)
	newest, newestErr := ParseRelease(k.Newest)
	if err != nil || newestErr != nil {
		return nil // The schema's tests parse all of them.
	}
	var list []string
	for minor := newest[1]; minor >= first[1]; minor-- {
		list = append(list, fmt.Sprintf("%d.%d", newest[0], minor))
	}
	return list
}

// lacks tells whether something that is there since one release, and gone in another,
// is not in r.
func (r Release) lacks(since, removed string) bool {
	return r.before(since) || removed != "" && !r.before(removed)
}

// CheckRelease returns what that release of Kanister would refuse of the units, or
// drop in silence, and what it lacks.
func CheckRelease(units []Unit, r Release) []Finding {
	var findings []Finding
	for _, u := range units {
		if u.Language == CUE {
			findings = append(findings, r.checkCUE(u)...)
			continue
		}
		findings = append(findings, r.checkYAML(u.Files[0])...)
	}
	return settleRelease(units, findings)
}

// JoinRelease puts what a release would refuse to the other findings. A warning at the
// same place, or what counts less, is about the same thing, and says less.
func JoinRelease(findings, refused []Finding) []Finding {
	findings = slices.DeleteFunc(findings, func(f Finding) bool {
		return f.Severity != Error && slices.ContainsFunc(refused, func(r Finding) bool {
			return r.File == f.File && r.Line == f.Line && r.Column == f.Column
		})
	})
	return append(findings, refused...)
}

func (r Release) checkYAML(file File) []Finding {
	c := &legacyChecker{src: newSource(file.Name, file.Data), set: schema.Embedded()}
	// What cannot be read is reported elsewhere.
	docs, _ := compat.Parse(file.Name, file.Data)
	for _, doc := range docs {
		switch doc.Kind {
		case compat.KindBlueprint:
			r.blueprint(c, doc)
		case compat.KindRepositoryServer:
			if removed := schema.Kanister().RepositoryServer; r.lacks("", removed) {
				c.value(doc.Root.Get("kind"), "kind", r.finding(fmt.Sprintf("no RepositoryServers: they were removed in %s", removed)))
			}
		case compat.KindProfile:
			if t := doc.Root.Get("location").Get("type"); text(doc.Root.Get("location"), "type") == compat.LocationFilesystem {
				c.value(t, "location.type", r.finding("no location of the type filesystem: it is Rescue's own"))
			}
		}
	}
	return c.findings
}

func (r Release) blueprint(c *legacyChecker, doc *compat.Document) {
	// What is wrong with the structure is reported elsewhere.
	bp, _ := compat.ReadBlueprint(doc)
	b := &legacyBlueprint{c, bp}
	for _, a := range bp.Actions {
		for _, p := range a.AllPhases() {
			r.phase(&legacyPhase{legacyAction: &legacyAction{legacyBlueprint: b, action: a}, phase: p, path: phasePath(a, p)})
		}
	}
}

// finding says what the release has not.
func (r Release) finding(has string) Finding {
	return Finding{Rule: ruleKanisterRelease, Message: fmt.Sprintf("Kanister %s has %s", r, has)}
}

// phase checks one call.
func (r Release) phase(p *legacyPhase) {
	function, known := schema.Function(p.phase.Func)
	if !known {
		return // It is reported for all releases.
	}
	if f, refused := r.function(function); refused {
		p.value(p.phase.FuncPos, p.path+".func", f)
		return
	}
	for _, arg := range p.phase.Args {
		path := p.path + ".args." + arg.Name
		if f, refused := r.argument(function, arg.Name); refused {
			p.key(arg, path, f)
			continue
		}
		if text, ok := arg.Value.Text(); ok {
			if f, refused := r.value(function, arg.Name, text); refused {
				p.value(arg.Value, path, f)
			}
		}
		r.templates(p, arg.Value, path)
	}
	for _, o := range p.phase.Objects {
		kind := o.Value.Get("kind")
		if text, _ := kind.Text(); strings.EqualFold(text, "ConfigMap") {
			if f, refused := r.configMap(o.Name); refused {
				p.value(kind, p.path+".objects."+o.Name+".kind", f)
			}
		}
	}
}

// templates finds parameters that the release does not have.
func (r Release) templates(p *legacyPhase, v *compat.Value, path string) {
	removed := schema.Kanister().RepositoryServer
	if !r.lacks("", removed) {
		return
	}
	if v.Kind == compat.String && isTemplate(v.Str) {
		use, err := compat.TemplateRefs(v.Str)
		if err != nil {
			return // It is reported elsewhere.
		}
		for _, ref := range use.Refs {
			if ref.Path[0].Name == "RepositoryServer" {
				p.part(v, ref.Offset, ref.End, path, r.finding(fmt.Sprintf("no parameter .RepositoryServer: it was removed in %s", removed)))
			}
		}
	}
	for _, f := range v.Fields {
		r.templates(p, f.Value, path+"."+f.Name)
	}
	for i, item := range v.Items {
		r.templates(p, item, fmt.Sprintf("%s.%d", path, i))
	}
}

func (r Release) function(f schema.Func) (Finding, bool) {
	switch {
	case r.before(f.Since):
		return r.finding(fmt.Sprintf("no function %s: it came with %s", f.Name, f.Since)), true
	case r.lacks("", f.Removed):
		out := r.finding(fmt.Sprintf("no function %s: it was removed in %s", f.Name, f.Removed))
		if s := successor(f.Name); s != "" {
			out.Suggestion = s + " is what it has instead"
		}
		return out, true
	}
	return Finding{}, false
}

func (r Release) argument(f schema.Func, arg string) (Finding, bool) {
	canonical := f.Canonical(arg)
	since := f.ArgSince[canonical]
	switch {
	case canonical != arg:
		out := r.finding(fmt.Sprintf("no argument %q of %s: only its documentation calls %s that", arg, f.Name, canonical))
		out.Suggestion, out.Replacement = fmt.Sprintf("write %q", canonical), canonical
		return out, true
	case contains(f.Extensions, arg):
		out := r.finding(fmt.Sprintf("no argument %q of %s: it is Rescue's own", arg, f.Name))
		out.Suggestion = "leave it out"
		return out, true
	case r.before(since):
		return r.finding(fmt.Sprintf("no argument %q of %s: it came with %s", arg, f.Name, since)), true
	}
	return Finding{}, false
}

func (r Release) value(f schema.Func, arg, value string) (Finding, bool) {
	since := f.ValueSince[arg][value]
	if !r.before(since) {
		return Finding{}, false
	}
	return r.finding(fmt.Sprintf("no %s %s of %s: it came with %s", arg, value, f.Name, since)), true
}

func (r Release) configMap(name string) (Finding, bool) {
	since := schema.Kanister().ConfigMapObjects
	if !r.before(since) {
		return Finding{}, false
	}
	out := r.finding(fmt.Sprintf("no ConfigMaps as objects of a phase: they came with %s, and %s is dropped in silence", since, name))
	out.Suggestion = "name it in the ActionSet's configMaps, and read .ConfigMaps"
	return out, true
}
