package vet

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// corpusErrors are the errors in the corpus of published blueprints, by file. Each
// was confirmed to be a mistake: a new one is a false alarm until it is looked at.
var corpusErrors = map[string][]string{
	"kanister-fixed-bugs/cassandra-kubeexec-containers.yaml":               {"79 unknown-argument", "123 unknown-argument"},
	"kanister-fixed-bugs/mysql-dep-config-deployment.yaml":                 {"65 unknown-input"},
	"kanister-historic/backup-volume-postgres-csi-blueprint-kubetask.yaml": {"19 unknown-output", "20 unknown-output"},
	"kanister-historic/backup-volume-postgres-csi-blueprint-preparedata.yaml": {
		"72 unknown-function",
	},
	"kanister-historic/mysql-mysql-dump-blueprint.yaml": {
		"12 unknown-function", "46 unknown-function", "77 unknown-function", "108 unknown-function",
	},
	"kanister-historic/postgres-blueprint.yaml":                       {"35 unknown-input"},
	"kanister-historic/postgresql-rds_postgres_blueprint.yaml":        {"61 unknown-object", "62 unknown-object"},
	"onedr0p--home-ops/cluster-apps-kasten-io-k10-blueprints-b2.yaml": {"22 unknown-volume"},
}

// corpusWarnings counts what is no error in the corpus, by severity and rule.
var corpusWarnings = map[Severity]map[string]int{
	Warning: {
		ruleDateOfText: 2, ruleDoubledDollar: 8, ruleImageTag: 20, ruleKastenName: 1, ruleMissingCounterpart: 7, ruleOldImage: 51, ruleOptionPath: 5,
		ruleRemovedFunction: 6, ruleRepeatedPhase: 9, ruleShellErrexit: 7, ruleShellInjection: 5, ruleStoppedPods: 9,
		ruleUndeclaredInput: 22, ruleUndeclaredKind: 33, ruleUnknownArtifact: 10, ruleUnnamedPhase: 1, ruleUnquotedValue: 74,
		ruleVolumeInUse: 1,
	},
	Info: {
		ruleCopyVolumeData: 2, ruleDeprecatedFunction: 14, ruleMissingCounterpart: 8, ruleUnquotedValue: 42, ruleUnusedArtifact: 10,
		ruleUnusedOutput: 1,
	},
}

// corpus returns the folder of published blueprints, or skips the test.
func corpus(t testing.TB) string {
	t.Helper()
	candidates := []string{os.Getenv("RESCUE_CORPUS")}
	for dir := ".."; len(dir) < 40; dir = filepath.Join("..", dir) {
		candidates = append(candidates, filepath.Join(dir, "shared", "corpus"))
	}
	for _, dir := range candidates {
		if info, err := os.Stat(filepath.Join(dir, "blueprints")); dir != "" && err == nil && info.IsDir() {
			return filepath.Join(dir, "blueprints")
		}
	}
	t.Skip("no corpus of published blueprints: set RESCUE_CORPUS to its folder to run this test")
	return ""
}

// TestCorpus compares what vet finds in published blueprints with what is known to
// be wrong with them.
func TestCorpus(t *testing.T) {
	root := corpus(t)
	units, early, err := new(Collector).Collect([]string{root})
	if err != nil || len(early) > 0 {
		t.Fatal(err, early)
	}
	findings, err := CheckAll(units)
	if err != nil {
		t.Fatal(err)
	}
	errors, warnings := map[string][]string{}, map[Severity]map[string]int{Warning: {}, Info: {}}
	for _, f := range findings {
		if f.Severity != Error {
			warnings[f.Severity][f.Rule]++
			continue
		}
		name, err := filepath.Rel(root, f.File)
		if err != nil {
			t.Fatal(err)
		}
		errors[name] = append(errors[name], itoa(f.Line)+" "+f.Rule)
	}
	if diff := cmp.Diff(corpusErrors, errors); diff != "" {
		t.Errorf("errors -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(corpusWarnings, warnings); diff != "" {
		t.Errorf("warnings -want +got:\n%s", diff)
	}
	t.Logf("%d blueprints, %d findings", len(units), len(findings))
}

// corpusRequests are the errors in the ActionSets and Profiles of the corpus, when
// they are checked together with the blueprints.
var corpusRequests = map[string][]string{
	"actionsets/kanister-docs/docs-tasks-logs_labels-myactionset.yaml":          {"1 structure"},
	"actionsets/kanister-docs/docs-templates-s3backup-2.yaml":                   {"11 object-kind"},
	"actionsets/kanister-docs/docs-templates-s3backup-3.yaml":                   {"11 object-kind"},
	"actionsets/kanister-docs/docs-templates-s3backup.yaml":                     {"11 object-kind"},
	"actionsets/kanister-docs/docs-tutorial-s3backup-4.yaml":                    {"16 object-reference"},
	"actionsets/kanister-examples/mongo-sidecar-restore-actionset.yaml":         {"8 missing-input", "16 unknown-field"},
	"actionsets/kanister-examples/postgres-basic-pgdump-restore-actionset.yaml": {"9 unknown-field"},
	"profiles/kanister-docs/docs-tooling-s3-profile.yaml":                       {"8 unknown-field"},
}

// TestCorpusRequests checks the ActionSets and Profiles of the corpus.
func TestCorpusRequests(t *testing.T) {
	root := filepath.Dir(corpus(t))
	units, early, err := new(Collector).Collect([]string{root})
	if err != nil || len(early) > 0 {
		t.Fatal(err, early)
	}
	findings, err := CheckAll(units)
	if err != nil {
		t.Fatal(err)
	}
	errors := map[string][]string{}
	for _, f := range findings {
		name, err := filepath.Rel(root, f.File)
		if err != nil {
			t.Fatal(err)
		}
		if f.Severity == Error && filepath.Dir(filepath.Dir(name)) != "blueprints" {
			errors[name] = append(errors[name], itoa(f.Line)+" "+f.Rule)
		}
	}
	if diff := cmp.Diff(corpusRequests, errors); diff != "" {
		t.Errorf("errors -want +got:\n%s", diff)
	}
}

// BenchmarkCorpus checks all published blueprints.
func BenchmarkCorpus(b *testing.B) {
	units, _, err := new(Collector).Collect([]string{corpus(b)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := CheckAll(units); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(units)*b.N)/b.Elapsed().Seconds(), "files/s")
}
