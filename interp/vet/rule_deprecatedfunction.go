package vet

import "fmt"

// deprecatedFunction reports functions that Kanister advises against. BackupData has
// a rule of its own.
func deprecatedFunction(o *outline) {
	o.eachPhase(func(p *outlinePhase) {
		f, _ := o.schema.Function(p.function)
		if f.Deprecated != "" && p.function != "BackupData" {
			p.mark(Finding{
				Rule:       ruleDeprecatedFunction,
				Message:    fmt.Sprintf("Kanister advises against %s", f.Name),
				Suggestion: fmt.Sprintf("use %s", f.Deprecated),
			})
		}
	})
}
