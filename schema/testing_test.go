package schema

import (
	"slices"
	"strings"
	"testing"
)

const testedTimelog = `package timelog

import "github.com/rescuecue/rescue/schema"

blueprint: schema.#Blueprint & {
	name: "time-log"
	actions: backup: {
		kind:  "Deployment"
		input: _
		phases: copyLog: {
			func: "BackupData"
			args: {
				namespace:            input.deployment.namespace
				pod:                  input.deployment.pods[0]
				container:            "tools"
				includePath:          "/var/log/time-log"
				backupArtifactPrefix: "\(input.profile.location.bucket)/time-log"
			}
		}
		outputArtifacts: timeLog: keyValue: id: phases.copyLog.output.backupID
	}
}
`

// testsOfTimelog are tests of testedTimelog, in a package of their own.
const testsOfTimelog = `package tests

import (
	"example.com/shop:timelog"
	"github.com/rescuecue/rescue/schema"
)

tests: [string]: schema.#Test & {of: timelog.blueprint}
tests: one: {
	action: "backup"
	input: {
		deployment: {name: "time-logger", namespace: "demo", pods: ["time-logger-0"]}
		profile: schema.#TestProfile
	}
	phases: copyLog: output: backupID: "k42"
	expect: phases: copyLog: args: {
		pod:         "time-logger-0"
		includePath: =~"^/var"
	}
}
`

// The stock command finds what is wrong with a test at the line that is wrong.
func TestMistakesInTestsAreFound(t *testing.T) {
	for _, m := range []struct{ what, old, new, message, at string }{
		{"a test that is right", "", "", "", ""},
		{"unknown action", `"backup"`, `"bakcup"`, `the blueprint has no action "bakcup"`, "tests/tests.cue:10"},
		{"phase of an output", "copyLog: output", "copyLogg: output", `the action has no phase "copyLogg"`, "tests/tests.cue:15"},
		{"expected phase", "expect: phases: copyLog", "expect: phases: copyLogg", `the action has no phase "copyLogg"`, "tests/tests.cue:16"},
		{"output", "backupID", "backupId", "field not allowed", "tests/tests.cue:15"},
		{"argument that is not passed", "includePath", "encryptionKey", `passes no argument "encryptionKey"`, "tests/tests.cue:18"},
		{"argument", `pod:         "time-logger-0"`, `pod: "time-logger-1"`, "conflicting values", "tests/tests.cue:17"},
		{"pattern", `"^/var"`, `"^/etc"`, "out of bound", "tests/tests.cue:18"},
		{"input", "deployment: {", "deploymant: {", "field not allowed", "tests/tests.cue:12"},
		{"field", "expect:", "expekt:", "field not allowed", "tests/tests.cue:16"},
	} {
		t.Run(m.what, func(t *testing.T) {
			t.Parallel()
			src := testsOfTimelog
			if m.old != "" {
				if src = strings.Replace(src, m.old, m.new, 1); src == testsOfTimelog {
					t.Fatalf("there is no %q", m.old)
				}
			}
			found := vet(t, module(t, map[string]string{
				"blueprint.cue":   testedTimelog,
				"tests/tests.cue": src,
			}), "-c=false", "./...")
			if m.message == "" {
				if len(found) > 0 {
					t.Errorf("found:\n%s", messages(found))
				}
				return
			}
			right := func(f finding) bool {
				return strings.Contains(f.message, m.message) && slices.Contains(f.places, "./"+m.at)
			}
			if !slices.ContainsFunc(found, right) {
				t.Errorf("expected %q at %s, found:\n%s", m.message, m.at, messages(found))
			}
		})
	}
}
