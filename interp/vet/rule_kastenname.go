package vet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/schema/suggest"
)

// kastenNames are the names by which Kasten finds the actions that it runs itself. A
// policy can name any other.
var kastenNames = []string{"backup", "restore", "delete", "backupPrehook", "backupPosthook", "restorePrehook", "restorePosthook"}

// kastenName warns of actions that are meant to have one of Kasten's names and have
// almost that: Kasten passes over them without a word.
func kastenName(o *outline) {
	for _, a := range o.actions {
		meant := meantName(a.name)
		taken := slices.ContainsFunc(o.actions, func(other *outlineAction) bool { return other.name == meant })
		if meant == "" || taken {
			continue
		}
		a.mark(Finding{
			Rule:        ruleKastenName,
			Message:     fmt.Sprintf("Kasten runs %q by itself, but nothing of the name %q", meant, a.name),
			Suggestion:  fmt.Sprintf("did you mean %q?", meant),
			Replacement: meant,
		})
	}
}

// meantName is the name of Kasten's that a name was meant to be; "" if it is one, or
// like none.
func meantName(name string) string {
	if slices.Contains(kastenNames, name) {
		return ""
	}
	for _, known := range kastenNames {
		if plainName(known) == plainName(name) {
			return known
		}
	}
	if !strings.Contains(strings.ToLower(name), "hook") {
		return ""
	}
	return suggest.Nearest(name, kastenNames)
}

// plainName leaves out what people write differently: case, dashes, where pre and
// post stand. What does not call itself a hook is none: pre-backup is as good a name for a
// policy to give as any.
func plainName(name string) string {
	name = strings.NewReplacer("-", "", "_", "", "post", "pos").Replace(strings.ToLower(name))
	for _, when := range []string{"pre", "pos"} {
		if rest, ok := strings.CutPrefix(name, when); ok && strings.HasSuffix(rest, "hook") {
			name = strings.TrimSuffix(rest, "hook") + when + "hook"
		}
	}
	return name
}
