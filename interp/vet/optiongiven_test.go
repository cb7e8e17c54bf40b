package vet

import "testing"

func TestOptionGiven(t *testing.T) {
	for before, want := range map[string]bool{
		`{{ if `:                             false,
		`{{ if and (hasKey .Options "x") `:   true,
		`{{ if hasKey .Options "x" }}{{ if `: true,
		`{{- with index .Options "x" }}{{ range .Pods }}.{{ end }}{{ if `:       true,
		`{{ if index .Options "y" }}{{ if `:                                     false,
		`{{ if index .Options "x" }}a{{ end }}{{ if `:                           false,
		`{{ if index .Options "x" }}a{{ else }}{{ if `:                          false,
		`{{ if index .Options "x" }}{{ if .A }}{{ else }}b{{ end }}{{ if eq `:   true,
		`{{ if index .Options "x" }}{{ end }}{{ if index .Options "x" }}{{ if `: true,
		`{{ index .Options "x" }}{{ if `:                                        false,
	} {
		if got := optionGiven(before, "x"); got != want {
			t.Errorf("behind %s: %t", before, got)
		}
	}
}
