package vet

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIgnores: which findings the comments leave, in YAML.
func TestIgnores(t *testing.T) {
	const why = " # rescue:ignore image-tag -- it is ours"
	script := func(comment string) string {
		return "        image: shop:1\n        command:\n        - bash\n        - -ec\n" + comment +
			"        - |\n          look\n          look {{ .Options.a }}\n\n          look {{ .Options.b }}\n        - '{{ .Options.c }}'\n"
	}
	for _, c := range []struct {
		name, args string
		want       []string
	}{
		{"none", untagged, []string{"warning image-tag 10"}},
		{"behind", "        image: shop" + why + "\n        command: [look]\n", nil},
		{"above", "       " + why + "\n" + untagged, nil},
		{"above other comments", "       " + why + "\n\n        # rescue:ignore old-image -- very old\n" + untagged, []string{"warning unused-ignore 12"}},
		{"too far above", "       " + why + "\n        command: [look]\n        image: shop\n", []string{"warning unused-ignore 10", "warning image-tag 12"}},
		{"several rules", "        # rescue:ignore old-image,image-tag -- the cluster has no other\n        image: x/kanister-tools:latest\n        command: [look]\n", []string{"warning unused-ignore 10"}},
		{"without a reason", "        image: shop # rescue:ignore image-tag\n        command: [look]\n", []string{"warning ignore-reason 10"}},
		{"an empty reason", "        image: shop # rescue:ignore image-tag --\n        command: [look]\n", []string{"warning ignore-reason 10"}},
		{"words instead of a reason", "        image: shop # rescue:ignore image-tag because\n        command: [look]\n", []string{"warning ignore-reason 10"}},
		{"no such rule", "        image: shop # rescue:ignore image-tags -- ours\n        command: [look]\n", []string{"warning image-tag 10", "warning unknown-rule 10"}},
		{"the file", "        command: [look]\n        image: shop\n# rescue:ignore-file image-tag -- all ours\n", nil},
		{"no comment", "        image: shop\n        command: [\"xrescue:ignore image-tag -- y\", '#rescue:ignored image-tag']\n", []string{"warning image-tag 10"}},
		{"in the text", script("        # none\n"), []string{"warning shell-injection 17", "warning shell-injection 19"}},
		{"behind a line of the text", strings.Replace(script(""), "Options.a }}", "Options.a }} # rescue:ignore shell-injection -- admins set it", 1),
			[]string{"warning shell-injection 18"}},
		{"above a line of the text", strings.Replace(script(""), "          look {{ .Options.b", "          # rescue:ignore shell-injection -- admins set it\n          look {{ .Options.b", 1),
			[]string{"warning shell-injection 16"}},
		{"above the text", script("        # rescue:ignore shell-injection -- admins set it\n"), nil},
		{"behind the header of the text", strings.Replace(script(""), "- |\n", "- | # rescue:ignore shell-injection -- admins set it\n", 1), nil},
		{"an error", "        image: shop:1\n        comand: [look] # rescue:ignore unknown-argument, missing-argument -- a test\n        command: [look]\n", []string{"warning unused-ignore 11"}},
		{"nothing is said where there are errors", "        image: shop:1 # rescue:ignore image-tag -- ours\n        command: 5\n        comand: []\n", []string{"error unknown-argument 12"}},
		{"a rule that is off", "        image: shop:1\n        command: ['{{ toJson .Profile }}'] # rescue:ignore profile-in-command -- kando\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := report(t, filepath.Join(t.TempDir(), "bp.yaml"), onePhase(c.args), nil)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s\n%s", diff, onePhase(c.args))
			}
		})
	}
}

// TestIgnoresInCUE: which findings the comments leave, in CUE.
func TestIgnoresInCUE(t *testing.T) {
	text := func(phase string) string {
		return "package a\n\nimport \"github.com/rescuecue/rescue/schema\"\n\nblueprint: schema.#Blueprint & {\n\tname: \"a\"\n" +
			"\tactions: check: {\n\t\tinput: _\n\t\tphases: look: {\n\t\t\tfunc: \"KubeTask\"\n" + phase + "\t\t}\n\t}\n}\n"
	}
	const script = "\t\t\targs: {\n\t\t\t\timage: \"shop:1\"\nCOMMENT\t\t\t\tcommand: [\"bash\", \"-ec\", \"\"\"\n" +
		"\t\t\t\t\tlook\n\t\t\t\t\tlook \\(input.options.a)IN\n\t\t\t\t\t\"\"\"]\n\t\t\t}\n"
	fill := func(comment, in string) string {
		return text(strings.NewReplacer("COMMENT", comment, "IN", in).Replace(script))
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"none":     {text("\t\t\targs: {image: \"shop\", command: [\"look\"]}\n"), []string{"warning image-tag 11"}},
		"behind":   {text("\t\t\targs: {image: \"shop\", command: [\"look\"]} // rescue:ignore image-tag -- ours\n"), nil},
		"above":    {text("\t\t\t// rescue:ignore image-tag -- ours\n\t\t\targs: {image: \"shop\", command: [\"look\"]}\n"), nil},
		"file":     {"// rescue:ignore-file image-tag -- ours\n" + text("\t\t\targs: {image: \"shop\", command: [\"look\"]}\n"), nil},
		"in text":  {fill("", ""), []string{"warning shell-injection 15"}},
		"its line": {fill("", " # rescue:ignore shell-injection -- admins set it"), nil},
		"the text": {fill("\t\t\t\t// rescue:ignore shell-injection -- admins set it\n", ""), nil},
		"unused":   {fill("\t\t\t\t// rescue:ignore image-tag -- ours\n", ""), []string{"warning unused-ignore 13", "warning shell-injection 16"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := report(t, filepath.Join(t.TempDir(), "bp.cue"), c.text, nil)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s\n%s", diff, c.text)
			}
		})
	}
}

// FuzzIgnores: whatever the text, reading its comments ends, and what is said of them
// lies in it.
func FuzzIgnores(f *testing.F) {
	f.Add("a: | # rescue:ignore image-tag -- x\n  b\nc: \"\"\"\n d\n \"\"\"\n// rescue:ignore-file a,b, c --\n#rescue:ignore")
	f.Fuzz(func(t *testing.T, text string) {
		src := newSource("a", []byte(text))
		all, findings := ignores(src)
		for _, i := range all {
			if i.from < 0 || i.to < i.from || i.to > len(src.lines)+1 {
				t.Fatalf("lines %d to %d of %d", i.from, i.to, len(src.lines))
			}
			findings = append(findings, i.unused(src, func(string) bool { return true })...)
		}
		for _, f := range findings {
			if f.Line < 1 || f.Line > len(src.lines) {
				t.Fatalf("a finding at line %d of %d", f.Line, len(src.lines))
			}
		}
	})
}
