// Package rules holds the pages that explain the rules of vet, one a rule.
package rules

import "embed"

// FS has a file RULE.md for each rule.
//
//go:embed *.md
var FS embed.FS
