package vet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema/suggest"
)

// ConfigName is the name of the configuration file. It is looked for in the folder of
// what is checked and in those above, up to the root of the repository.
const ConfigName = ".rescue.yaml"

// Off is the severity of a rule in a configuration that is not to report anything.
const Off Severity = "off"

// A Config says which rules count how much. The zero value changes nothing. It is
// described in docs/vet-config.md.
type Config struct {
	// dir is the folder that the patterns are relative to.
	dir       string
	rules     map[string]Severity
	exclude   []string
	overrides []override
	// problems are the mistakes in the file itself.
	problems []Finding
}

// An override sets the severity of rules for some files.
type override struct {
	paths []string
	rules map[string]Severity
}

// FindConfig returns the configuration for a file or folder, or nil if there is none.
// Mistakes in it become findings of whatever is checked with it.
func FindConfig(path string) *Config {
	return new(configFinder).find(File{Name: path}.path())
}

// LoadConfig reads a configuration file. The error is about reading it; mistakes in
// it become findings.
func LoadConfig(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	abs := File{Name: path}.path()
	return parseConfig(shownPath(abs), filepath.Dir(abs), data), nil
}

// A configFinder remembers what it found, folder by folder.
type configFinder struct{ byFolder map[string]*Config }

// find returns the configuration for an absolute path.
func (f *configFinder) find(path string) *Config {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return f.folder(path)
	}
	return f.folder(filepath.Dir(path))
}

func (f *configFinder) folder(dir string) *Config {
	if known, ok := f.byFolder[dir]; ok {
		return known
	}
	config := f.read(dir)
	if f.byFolder == nil {
		f.byFolder = map[string]*Config{}
	}
	f.byFolder[dir] = config
	return config
}

func (f *configFinder) read(dir string) *Config {
	path := filepath.Join(dir, ConfigName)
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		return parseConfig(shownPath(path), dir, data)
	case !errors.Is(err, fs.ErrNotExist):
		name := shownPath(path)
		return &Config{dir: dir, problems: []Finding{whole(name, ruleConfiguration, "the file cannot be read: "+err.Error(), "")}}
	}
	if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil || filepath.Dir(dir) == dir {
		return nil
	}
	return f.folder(filepath.Dir(dir))
}

// shownPath is a path as a user would write it here.
func shownPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil {
		return rel
	}
	return path
}

// Excludes tells whether the configuration leaves a file or folder out.
func (c *Config) Excludes(path string) bool {
	return c != nil && c.matches(c.exclude, path)
}

// matches compares a path, relative to the configuration's folder, with patterns. One
// that matches a folder matches all that is in it.
func (c *Config) matches(patterns []string, path string) bool {
	rel, err := filepath.Rel(c.dir, File{Name: path}.path())
	if err != nil {
		return false
	}
	for _, pattern := range patterns {
		for at := filepath.ToSlash(rel); at != "." && at != "/" && at != ".."; at = filepath.ToSlash(filepath.Dir(at)) {
			if ok, err := doublestar.Match(pattern, at); err == nil && ok {
				return true
			}
		}
	}
	return false
}

// severity is what the configuration makes of a rule in a file; "" leaves it as it
// is. Later overrides go before earlier ones.
func (c *Config) severity(rule, path string) Severity {
	if c == nil {
		return ""
	}
	for i := len(c.overrides) - 1; i >= 0; i-- {
		o := c.overrides[i]
		if s, ok := o.rules[rule]; ok && c.matches(o.paths, path) {
			return s
		}
	}
	return c.rules[rule]
}

// parseConfig reads a configuration. What is wrong with it becomes findings; the rest
// of it counts.
func parseConfig(name, dir string, data []byte) *Config {
	r := &configReader{&legacyChecker{src: newSource(name, data)}}
	config := &Config{dir: dir}
	docs, err := compat.Parse(name, data)
	switch {
	case err != nil:
		r.parseErrors(err)
		for i := range r.findings {
			r.findings[i].Rule = ruleConfiguration
			r.findings[i] = r.findings[i].complete()
		}
	case len(docs) > 1:
		r.complain(docs[1].Root, "", Finding{Message: "the file has more than one document"})
	case len(docs) == 1 && docs[0].Root.Kind != compat.Null:
		r.config(config, docs[0].Root)
	}
	config.problems = r.findings
	return config
}

type configReader struct{ *legacyChecker }

func (r *configReader) complain(v *compat.Value, path string, f Finding) {
	f.Rule = ruleConfiguration
	r.value(v, path, f)
}

// fields calls a function for each field of a map, and reports those it has none for.
func (r *configReader) fields(v *compat.Value, path string, known map[string]func(*compat.Value)) {
	if v.Kind != compat.Map {
		r.complain(v, path, Finding{Message: "expected a map, found " + v.Kind.String(), Expected: "map", Found: foundText(v)})
		return
	}
	for _, f := range v.Fields {
		read, ok := known[f.Name]
		if !ok {
			finding := Finding{Rule: ruleConfiguration, Message: fmt.Sprintf("there is no setting %q here", f.Name)}
			r.key(f, path, finding.hint(f.Name, "settings", sortedKeys(known)))
			continue
		}
		read(f.Value)
	}
}

func (r *configReader) config(c *Config, root *compat.Value) {
	r.fields(root, "", map[string]func(*compat.Value){
		"rules":   func(v *compat.Value) { c.rules = r.rules(v, "rules") },
		"exclude": func(v *compat.Value) { c.exclude = r.patterns(v, "exclude") },
		"overrides": func(v *compat.Value) {
			if v.Kind != compat.List {
				r.complain(v, "overrides", Finding{Message: "overrides is a list of paths and rules, found " + v.Kind.String(), Expected: "list", Found: foundText(v)})
			}
			for _, item := range v.Items {
				c.overrides = append(c.overrides, r.override(item))
			}
		},
	})
}

func (r *configReader) override(v *compat.Value) override {
	var o override
	before := len(r.findings)
	r.fields(v, "overrides", map[string]func(*compat.Value){
		"paths": func(v *compat.Value) { o.paths = r.patterns(v, "overrides.paths") },
		"rules": func(v *compat.Value) { o.rules = r.rules(v, "overrides.rules") },
	})
	if len(r.findings) == before && (v.Get("paths") == nil || v.Get("rules") == nil) {
		r.complain(v, "overrides", Finding{Message: "an override needs paths and rules"})
	}
	return o
}

// rules reads severities by the names of rules.
func (r *configReader) rules(v *compat.Value, path string) map[string]Severity {
	if v.Kind != compat.Map {
		r.complain(v, path, Finding{Message: "rules is a map of names to severities, found " + v.Kind.String(), Expected: "map", Found: foundText(v)})
		return nil
	}
	severities := map[string]Severity{}
	for _, f := range v.Fields {
		at := path + "." + f.Name
		if _, known := ruleNamed(f.Name); !known {
			r.key(f, at, unknownRuleFinding(ruleConfiguration, f.Name))
			continue
		}
		// YAML takes a bare off for false.
		switch s := Severity(f.Value.Str); s {
		case Off, Info, Warning, Error:
			severities[f.Name] = s
		default:
			finding := Finding{
				Message:  fmt.Sprintf("%s: expected off, info, warning or error", f.Name),
				Expected: "off, info, warning or error",
				Found:    foundText(f.Value),
			}
			if near := suggest.Nearest(f.Value.Str, []string{"off", "info", "warning", "error"}); near != "" {
				finding = finding.hint(f.Value.Str, "severities", []string{near})
			}
			r.complain(f.Value, at, finding)
		}
	}
	return severities
}

// unknownRuleFinding says that there is no such rule.
func unknownRuleFinding(rule, name string) Finding {
	f := Finding{Rule: rule, Message: fmt.Sprintf("there is no rule %q", name)}
	if f = f.hint(name, "rules", RuleNames()); f.Replacement == "" {
		f.Suggestion = "`rescue explain` lists the rules"
	}
	return f
}

// patterns reads a list of patterns for paths.
func (r *configReader) patterns(v *compat.Value, path string) []string {
	if v.Kind != compat.List {
		r.complain(v, path, Finding{Message: path + " is a list of patterns, found " + v.Kind.String(), Expected: "list", Found: foundText(v)})
		return nil
	}
	var patterns []string
	for _, item := range v.Items {
		switch text, ok := item.Text(); {
		case !ok:
			r.complain(item, path, Finding{Message: "expected a pattern such as vendor/**", Expected: "string", Found: foundText(item)})
		case !doublestar.ValidatePattern(text):
			r.complain(item, path, Finding{Message: fmt.Sprintf("%q is no pattern: a bracket or brace is not closed", text)})
		default:
			patterns = append(patterns, filepath.ToSlash(filepath.Clean(text)))
		}
	}
	return patterns
}
