package main

import (
	"bytes"
	"embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/rescuecue/rescue/schema"
)

//go:embed *.tmpl
var templates embed.FS

// render returns the pages by file name.
func render(set *schema.Set) (map[string][]byte, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"summary": summary,
		"cell":    cell,
		"code":    code,
		"note":    note,
		"need":    need,
		"rules":   rules,
		"history": history,
		"types":   func(f schema.Func) []string { return types(set, f) },
	}).ParseFS(templates, "*.tmpl")
	if err != nil {
		return nil, err
	}
	pages := map[string][]byte{}
	var all []schema.Func
	for _, name := range set.Names() {
		f, _ := set.Function(name)
		all = append(all, f)
		if pages[name+".md"], err = execute(t, "function.md.tmpl", f); err != nil {
			return nil, err
		}
	}
	pages["README.md"], err = execute(t, "index.md.tmpl", all)
	return pages, err
}

func execute(t *template.Template, name string, data any) ([]byte, error) {
	var page bytes.Buffer
	err := t.ExecuteTemplate(&page, name, data)
	return page.Bytes(), err
}

// summary is the first sentence of a comment.
func summary(doc string) string {
	first, _, _ := strings.Cut(strings.ReplaceAll(doc, "\n", " "), ". ")
	return strings.TrimSuffix(first, ".") + "."
}

// cell makes text fit into one cell of a table.
func cell(text string) string {
	return strings.NewReplacer("\n", " ", "|", `\|`).Replace(text)
}

func code(cue string) string {
	return "`" + cell(strings.Join(strings.Fields(cue), " ")) + "`"
}

func note(f schema.Func) string {
	var notes []string
	if f.Deprecated != "" {
		notes = append(notes, "deprecated: "+f.Deprecated)
	}
	if f.Removed != "" {
		notes = append(notes, "removed in Kanister "+f.Removed)
	}
	return strings.Join(notes, ", ")
}

// need says when an argument must be given.
func need(f schema.Func, arg string) string {
	if slices.Contains(f.Required, arg) {
		return "yes"
	}
	for _, group := range f.ExactlyOne {
		if slices.Contains(group, arg) {
			return "one of these"
		}
	}
	for _, names := range f.Unless {
		if slices.Contains(names, arg) {
			return "it depends"
		}
	}
	for _, cases := range f.When {
		for _, names := range cases {
			if slices.Contains(names, arg) {
				return "it depends"
			}
		}
	}
	return "no"
}

// rules are the sentences about arguments that depend on each other.
func rules(f schema.Func) []string {
	var sentences []string
	say := func(format string, args ...any) { sentences = append(sentences, fmt.Sprintf(format, args...)) }
	for _, group := range f.ExactlyOne {
		say("Exactly one of %s must be given.", names(group, "and"))
	}
	for _, arg := range sorted(f.Unless) {
		say("Without `%s`, %s must be given.", arg, names(f.Unless[arg], "and"))
	}
	for _, arg := range sorted(f.When) {
		for _, value := range sorted(f.When[arg]) {
			say("With `%s` %s, %s must be given.", arg, value, names(f.When[arg][value], "and"))
		}
	}
	for _, arg := range sorted(f.Fields) {
		say("`%s` must have %s.", arg, names(f.Fields[arg], "and"))
	}
	for _, arg := range sorted(f.AnyField) {
		say("`%s` must have %s.", arg, names(f.AnyField[arg], "or"))
	}
	return sentences
}

// history says how Kanister's releases differ from this page.
func history(f schema.Func) []string {
	var sentences []string
	say := func(format string, args ...any) { sentences = append(sentences, fmt.Sprintf(format, args...)) }
	if f.Since != "" {
		say("Kanister has this function since %s.", f.Since)
	}
	if f.Removed != "" {
		say("Kanister %s removed this function. It runs here all the same.", f.Removed)
	}
	byRelease := map[string][]string{}
	for _, arg := range sorted(f.ArgSince) {
		byRelease[f.ArgSince[arg]] = append(byRelease[f.ArgSince[arg]], arg)
	}
	for _, release := range sorted(byRelease) {
		say("Kanister takes %s since %s.", names(byRelease[release], "and"), release)
	}
	for _, arg := range sorted(f.ValueSince) {
		for _, value := range sorted(f.ValueSince[arg]) {
			say("Kanister takes the %s %s since %s.", arg, value, f.ValueSince[arg][value])
		}
	}
	for _, alias := range sorted(f.Aliases) {
		say("Kanister's documentation spells `%s` as `%s`, which Kanister refuses. Both are understood here.", f.Aliases[alias], alias)
	}
	if len(f.Extensions) > 0 {
		say("Kanister refuses %s.", names(f.Extensions, "and"))
	}
	return sentences
}

var definition = regexp.MustCompile(`#\w+`)

// types explains the definitions that the arguments' types name.
func types(set *schema.Set, f schema.Func) []string {
	used := map[string]string{}
	for _, a := range slices.Concat(f.Args, f.Outputs) {
		for _, name := range definition.FindAllString(a.Type, -1) {
			doc, _ := set.TypeDoc(name)
			used[name] = strings.Replace(cell(doc), name, "`"+name+"`", 1)
		}
	}
	var lines []string
	for _, name := range sorted(used) {
		lines = append(lines, used[name])
	}
	return lines
}

// names lists words in code font: `a`, `b` and `c`.
func names(words []string, conjunction string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "`" + w + "`"
	}
	last := len(quoted) - 1
	if last == 0 {
		return quoted[0]
	}
	return strings.Join(quoted[:last], ", ") + " " + conjunction + " " + quoted[last]
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
