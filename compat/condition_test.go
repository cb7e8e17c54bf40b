package compat

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// sampleObject is an object as client-go decodes it.
func sampleObject() map[string]any {
	return map[string]any{
		"spec": map[string]any{"replicas": int64(3), "ratio": 0.5, "big": int64(2000000)},
		"status": map[string]any{
			"phase": "Active", "readyReplicas": int64(3), "ok": true, "none": nil, "empty": "",
			"evil":       `"}}{{fail "x"}}`,
			"code":       `a" (fail "boom") "`,
			"conditions": []any{map[string]any{"type": "Ready", "status": "True"}},
			"token":      "dHJ1ZQ==",
		},
	}
}

// sampleFind answers JSONPaths of the sample object.
func sampleFind(path string) (string, error) {
	known := map[string]string{
		"$.status.phase": "Active", "$.spec.replicas": "3", "$.status.readyReplicas": "3", "$.spec.ratio": "0.5",
		"$.status.ok": "true", "$.status.empty": "", "$.status.evil": `"}}{{fail "x"}}`, "$.status.code": `a" (fail "boom") "`,
		"$.status.ticks": "a`b",
		`$.status.conditions[?(@.type=="Ready")].status`: "True",
		"$.status.quoted": `"in quotes"`,
	}
	if text, ok := known[path]; ok {
		return text, nil
	}
	return "", errors.New("not found")
}

func TestWaitCondition(t *testing.T) {
	for text, want := range map[string]string{
		`{{ eq "{ $.status.phase }" "Active" }}`:                                            "true",
		`{{ if (eq "{ $.status.phase }" "Active") }}true{{end}}`:                            "true",
		"{{ if eq `{$.status.phase}` \"Active\" }}\n true \n{{ end }}":                      "true",
		`{{ and (eq {$.status.readyReplicas} 3) (eq {$.spec.replicas} 3.0) }}`:              "true",
		`{{ if and (eq {$.spec.replicas} {$.status.readyReplicas}) }}true{{ end }}`:         "true",
		`{{ gt {$.spec.ratio} 0.4 }}`:                                                       "true",
		`{{ eq {$.status.phase} "Active" }}`:                                                "true",
		`{{ {$.status.ok} }}`:                                                               "true",
		`{{{$.status.ok}}}`:                                                                 "true",
		`{ $.status.ok }`:                                                                   "true",
		`{{ not {$.status.ok} }}`:                                                           "false",
		`{{ if "{$.status.empty}" }}true{{ else }}false{{ end }}`:                           "false",
		`{{ eq "{ $.status.conditions[?(@.type=="Ready")].status }" "True" }}`:              "true",
		`{{ eq "a-{$.status.phase}-\"{$.spec.replicas}\"" "a-Active-\"3\"" }}`:              "true",
		`{{ eq "{$.spec.replicas}" "3" }}`:                                                  "true",
		`{{ "{$.status.phase}" | lower | eq "active" }}`:                                    "true",
		`{{ eq {$.status.quoted} "in quotes" }}`:                                            "true",
		`{{/* { $.no.such } */}}{{ true }}`:                                                 "true",
		`{{/* don't */}}{{ eq "{$.status.phase}" "Active" }}`:                               "true",
		`{{- /* "{ $.no.such }" */ -}} true`:                                                "true",
		`{{ $ready := "{$.status.phase}" }}{{ eq $ready "Active" }}`:                        "true",
		`{{ eq '{' 123 }}`:                                                                  "true",
		`{{ or (eq "{$.status.phase}" "Active") (eq "{$.no.such}" "x") }}`:                  "true",
		`{{ if eq "{$.status.phase}" "Active" }}true{{ else }}{{ "{$.no.such}" }}{{ end }}`: "true",
		`{{ range $i := list 1 2 }}{{ . }}{{ end }}`:                                        "12",
		`{{ eq "{$.status.ticks}" "a` + "`" + `b" }}`:                                       "true",
		"{{ eq `x{$.status.ticks}` \"xa`b\" }}":                                             "true",
		`{ no piece } {{ "{" }}`:                                                            "{ no piece } {",
		`{ $ unclosed`:                                                                      "{ $ unclosed",
	} {
		c, err := ParseWait(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := c.Render(nil, sampleFind); err != nil || got != want {
			t.Errorf("%s: %q, error %v", text, got, err)
		}
	}
}

// TestWaitConditionPastesNoCode: what the object holds is a value, whatever it is.
func TestWaitConditionPastesNoCode(t *testing.T) {
	for _, path := range []string{"$.status.evil", "$.status.code"} {
		value, err := sampleFind(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{`{{ "{%s}" }}`, `{{ {%s} }}`, `{%s}`, "{{ `{%s}` }}"} {
			c, err := ParseWait(fmt.Sprintf(text, path))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := c.Render(nil, sampleFind); err != nil || got != strings.TrimSpace(value) {
				t.Errorf("%s with %s: %q, error %v", text, path, got, err)
			}
		}
	}
}

func TestWaitV2Condition(t *testing.T) {
	for text, want := range map[string]string{
		`{{ eq .status.readyReplicas .spec.replicas }}`:       "true",
		`{{ eq .status.readyReplicas 3 }}`:                    "true",
		`{{ eq .status.readyReplicas 3.0 }}`:                  "true",
		`{{ eq .status.phase "Failed" "Active" }}`:            "true",
		`{{ ge $.status.readyReplicas 2 }}`:                   "true",
		`{{ if .status.absent }}true{{ else }}false{{ end }}`: "false",
		`{{ not .status.absent.deeper }}`:                     "true",
		`{{ eq .status.absent 3 }}`:                           "false",
		`{{ ne .status.absent "x" }}`:                         "true",
		`{{ .status.absent }}`:                                "<no value>",
		`{{ exists .status "phase" }}`:                        "true",
		`{{ exists .status "conditions" 0 "type" }}`:          "true",
		`{{ exists .status "conditions" 1 }}`:                 "false",
		`{{ exists .status "absent" }}`:                       "false",
		`{{ .status.token | base64decode }}`:                  "true",
		`{{ .spec.big }}`:                                     "2e+06", // as kubectl
		`{{ printf "%.0f" .spec.big }}`:                       "2000000",
		`{{range .status.conditions}}{{if eq .type "Ready"}}{{eq .status "True"}}{{end}}{{end}}`: "true",
		`{{ $ok := false }}{{ range .status.conditions }}{{ $ok = true }}{{ end }}{{ $ok }}`:     "true",
	} {
		c, err := ParseWaitV2(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := c.Render(sampleObject(), nil); err != nil || got != want {
			t.Errorf("%s: %q, error %v", text, got, err)
		}
	}
}

func TestConditionNotYet(t *testing.T) {
	v1 := []string{
		`{{ eq "{$.no.such}" "x" }}`,
		`{{ eq {$.no.such} 3 }}`,
		`{$.no.such}`,
		`{{ not "{$.no.such}" }}`,
		`{{ semverCompare ">=1.2" "{$.status.empty}" }}`,
	}
	v2 := []string{
		`{{ lt .status.absent 3 }}`,
		`{{ .status.none.deeper }}`,
		`{{ index .status.absent 0 }}`,
		`{{ index .status.conditions 7 }}`,
		`{{ (index .status.conditions 7).type }}`,
		`{{ base64decode .status.absent }}`,
		`{{ base64decode .status.phase }}`,
		`{{ len .status.none }}`,
		`{{ lt (index .status "absent") 3 }}`,
	}
	for _, text := range v1 {
		notYet(t, text, ParseWait)
	}
	for _, text := range v2 {
		notYet(t, text, ParseWaitV2)
	}
}

func notYet(t *testing.T, text string, parse func(string) (*Condition, error)) {
	t.Helper()
	c, err := parse(text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	got, err := c.Render(sampleObject(), sampleFind)
	if later := (*NotYet)(nil); !errors.As(err, &later) {
		t.Errorf("%s: %q, error %v", text, got, err)
	}
}

func TestConditionNever(t *testing.T) {
	for text, want := range map[string]string{
		`{{ lt .status.phase 3 }}`:           "incompatible types for comparison: a text and a number",
		`{{ eq .status.conditions 3 }}`:      "a list and a number",
		`{{ .status.phase.deeper }}`:         "can't evaluate field deeper",
		`{{ range .status.phase }}{{ end }}`: "",
		`{{ base64decode .spec.replicas }}`:  "wrong type for value",
	} {
		if want != "" {
			never(t, text, want, ParseWaitV2)
		}
	}
	for text, want := range map[string]string{
		`{{ gt "{$.spec.replicas}" 2 }}`:                                     `{{gt "{$.spec.replicas}" 2}}: error calling gt: incompatible types`,
		`{{ if eq "{$.status.phase}" "Active" }}{{ fail "no good" }}{{end}}`: "error calling fail: no good",
		`{{ env "HOME" }}`: "is refused",
	} {
		never(t, text, want, ParseWait)
	}
}

func never(t *testing.T, text, want string, parse func(string) (*Condition, error)) {
	t.Helper()
	c, err := parse(text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	got, err := c.Render(sampleObject(), sampleFind)
	if te := (*TemplateError)(nil); !errors.As(err, &te) || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %q, error %v", text, got, err)
	}
}

func TestConditionDoesNotParse(t *testing.T) {
	for text, c := range map[string]struct {
		parse func(string) (*Condition, error)
		line  int
		want  []string
	}{
		"\n{{ if eq \"{ $.status.phase\" \"Active\" }}true{{ end }}": {ParseWait, 2, []string{"no closing brace", "{ $.status.phase }"}},
		"\n{{ if eq \"{ $.status.phase }\" }}true":                   {ParseWait, 2, []string{"unexpected EOF", "{{ end }} is missing"}},
		"\n{{ eq \"{ $.status.conditions[0.status }\" \"True\" }}":   {ParseWait, 2, []string{"a [ that is not closed"}},
		`{{ eq "{ $.status.conditions[?(@.a=='x)] }" "y" }}`:         {ParseWait, 1, []string{"a quote that is not closed"}},
		`{ $.status.conditions] }`:                                   {ParseWait, 1, []string{"a ] without a ["}},
		"{{ eq \"{\n$.a }\" }}\n{{ upcase \"a\" }}":                  {ParseWait, 3, []string{`unknown function "upcase"`}},
		`{{ eq "{ $.a } }}`:                                          {ParseWait, 1, []string{"unterminated quoted string"}},
		"{{ true }}\n{{ eq .status.phase \"Active\" }}":              {ParseWait, 2, []string{"no data", "{ $.status.phase }", "WaitV2"}},
		`{{ eq $.status.phase "Active" }}`:                           {ParseWait, 1, []string{"no data"}},
		"{{ eq \"a\n{$.b}\" \"c\" }}":                                {ParseWait, 1, []string{"backquotes"}},
		`{{ .status.phase | upper }}`:                                {ParseWaitV2, 1, []string{`unknown function "upper"`, "base64decode"}},
		`{{ if .status }}`:                                           {ParseWaitV2, 1, []string{"unexpected EOF"}},
		`{{ eq "{ $.status.phase }" "x" `:                            {ParseWaitV2, 1, []string{"unclosed action"}},
	} {
		_, err := c.parse(text)
		te := (*TemplateError)(nil)
		if !errors.As(err, &te) || te.Line != c.line {
			t.Errorf("%q: error %v", text, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "jsonPath") {
				t.Errorf("%q: error %v", text, err)
			}
		}
	}
}

func TestConditionPaths(t *testing.T) {
	c, err := ParseWait(`{{ eq "{$.a}{ $.b }" "{$.a}" }}`)
	if err != nil || strings.Join(c.Paths(), " ") != "$.a $.b" {
		t.Errorf("paths %v, error %v", c.Paths(), err)
	}
}

func FuzzWaitCondition(f *testing.F) {
	for _, seed := range []string{
		`{{ if (eq "{ $.status.phase }" "Active") }}true{{end}}`, `{{ and (eq {$.status.readyReplicas} 3) }}`,
		"{{/* {$.a} */}}`{$.b}`", "{{ `{$.b}` }}", `{{ '{' }}{$}`, `{{"\"{$.x}\n"}}`, "{{{$.a\n}}}", `{{ "{$.a" }}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseWait(text)
		if err != nil {
			if te := (*TemplateError)(nil); !errors.As(err, &te) {
				t.Fatalf("error is a %T", err)
			}
			return
		}
		if strings.Count(c.text, "\n") != strings.Count(text, "\n") {
			t.Fatalf("lines have moved: %q became %q", text, c.text)
		}
	})
}

// FuzzWaitConditionValue: whatever an object holds, it comes out as it is.
func FuzzWaitConditionValue(f *testing.F) {
	var conditions []*Condition
	for _, text := range []string{`{{ "<{$.v}>" }}`, "{{ `<{$.v}>` }}", `<{$.v}>`, `<{{ print {$.v} "" }}>`} {
		c, err := ParseWait(text)
		if err != nil {
			f.Fatal(err)
		}
		conditions = append(conditions, c)
	}
	f.Add(`"}}{{fail "x"}}`)
	f.Add("`")
	f.Add(`1" (fail "x") "`)
	f.Fuzz(func(t *testing.T, value string) {
		for i, c := range conditions {
			got, err := c.Render(nil, func(string) (string, error) { return value, nil })
			bare := i == len(conditions)-1 // where 0x10 is a number
			if err != nil || got != "<"+value+">" && (!bare || operand(value) == value) {
				t.Fatalf("condition %d with %q: %q, error %v", i, value, got, err)
			}
		}
	})
}
