package vet

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/schema"
)

// testdata/page has a blueprint for each section of the page that documents
// Kanister's functions, of the same form as the example there, with what is wrong
// with it.

// pageDefects is what is wrong with the pages: after the name of the file, each
// finding's rule and the line that it stands on, in the order of the lines.
var pageDefects = map[string][]string{
	"backupdata":    {"undeclared-kind pod: \"{{ index .Deployment.Pods 0 }}\""},
	"backupdataall": {"unknown-phase info: \"{{ .Phases.savePages.Output.BackupAllInfo }}\""},
	"backupdatastats": {
		"argument-alias mode: restore-size",
		"undeclared-input backupID: \"{{ .ArtifactsIn.wikiCopy.KeyValue.id }}\"",
	},
	"backupdatausingkopiaserver": {
		"structure backup:",
		"removed-function - func: BackupDataUsingKopiaServer",
		"undeclared-kind pod: \"{{ index .Deployment.Pods 0 }}\"",
	},
	"copyvolumedata":          {"unnamed-phase - func: CopyVolumeData"},
	"createcsisnapshotstatic": {"argument-alias handle: snap-000000000000002a"},
	"createvolumefromsnapshot": {
		"removed-function - func: CreateVolumeSnapshot",
		"removed-function - func: CreateVolumeFromSnapshot",
		"undeclared-input snapshots: \"{{ .ArtifactsIn.shopVolumes.KeyValue.snapshots }}\"",
	},
	"createvolumesnapshot": {"removed-function - func: CreateVolumeSnapshot"},
	"deletedata":           {"undeclared-input backupTag: \"{{ .ArtifactsIn.wikiCopy.KeyValue.tag }}\""},
	"deletedataall":        {"undeclared-input backupInfo: \"{{ .ArtifactsIn.wikiCopies.KeyValue.info }}\""},
	"deletedatausingkopiaserver": {
		"removed-function - func: BackupDataUsingKopiaServer",
		"removed-function - func: DeleteDataUsingKopiaServer",
		"undeclared-input backupID: \"{{ .ArtifactsIn.wikiSnapshot.KeyValue.id }}\"",
		"old-image image: ghcr.io/kanisterio/kanister-tools:0.89.0",
	},
	"deleterdssnapshot": {"structure delete:"},
	"deletevolumesnapshot": {
		"removed-function - func: CreateVolumeSnapshot",
		"removed-function - func: DeleteVolumeSnapshot",
		"undeclared-input snapshots: \"{{ .ArtifactsIn.shopVolumes.KeyValue.snapshots }}\"",
	},
	"kubeexec":          {"undeclared-kind pod: \"{{ index .Deployment.Pods 0 }}\""},
	"kubeexecall":       {"undeclared-kind pods: \"{{ index .Deployment.Pods 0 }} {{ index .Deployment.Pods 1 }}\""},
	"locationdelete":    {"location-url artifact: s3://ledger-bucket/exports/monday"},
	"multicontainerrun": {"unknown-container - name: export", "shell-errexit mkfifo /exchange/rows"},
	"preparedata":       {"stopped-workload - func: ScaleWorkload"},
	"restoredata": {
		`escaped-quotes namespace: \"{{.Deployment.Namespace }}\"`,
		`escaped-quotes name: \"{{ .Deployment.Name }}\"`,
		`escaped-quotes namespace: \"{{.Deployment.Namespace }}\"`,
		`escaped-quotes pod: \"{{ index .Deployment.Pods 0 }}\"`,
		`stopped-pods pod: \"{{ index .Deployment.Pods 0 }}\"`,
		`escaped-quotes backupTag: \"{{.ArtifactsIn.wikiCopy.KeyValue.tag }}\"`,
		`undeclared-input backupTag: \"{{.ArtifactsIn.wikiCopy.KeyValue.tag }}\"`,
		`escaped-quotes namespace: \"{{.Deployment.Namespace }}\"`,
		`escaped-quotes name: \"{{ .Deployment.Name }}\"`,
	},
	"restoredataall": {"undeclared-input backupInfo: \"{{ .ArtifactsIn.wikiCopies.KeyValue.info }}\""},
	"restoredatausingkopiaserver": {
		"removed-function - func: BackupDataUsingKopiaServer",
		`escaped-quotes namespace: \"{{.Deployment.Namespace }}\"`,
		`escaped-quotes name: \"{{ .Deployment.Name }}\"`,
		"missing-argument - func: RestoreDataUsingKopiaServer",
		`escaped-quotes namespace: \"{{ .Deployment.Namespace }}\"`,
		`escaped-quotes pod: \"{{ index.Deployment.Pods 0 }}\"`,
		`template-syntax pod: \"{{ index.Deployment.Pods 0 }}\"`,
		`escaped-quotes backupIdentifier: \"{{.ArtifactsIn.wikiSnapshot.KeyValue.id }}\"`,
		`undeclared-input backupIdentifier: \"{{.ArtifactsIn.wikiSnapshot.KeyValue.id }}\"`,
		`escaped-quotes namespace: \"{{.Deployment.Namespace }}\"`,
		`escaped-quotes name: \"{{ .Deployment.Name }}\"`,
	},
	"waitforsnapshotcompletion": {
		"removed-function - func: CreateVolumeSnapshot",
		"removed-function - func: WaitForSnapshotCompletion",
	},
}

// pageMends are the changes, old and new in turn, that the findings' suggestions
// come to. Functions that Kanister removed stay: they run here.
var pageMends = map[string][]string{
	"backupdata":      {"  backup:\n", "  backup:\n    kind: Deployment\n"},
	"backupdataall":   {".Phases.savePages", ".Phases.SavePages"},
	"backupdatastats": {"mode: restore-size", "statsMode: restore-size", "  measure:\n", "  measure:\n    inputArtifactNames: [wikiCopy]\n"},
	"backupdatausingkopiaserver": {
		"backup:\n", "  backup:\n    kind: Deployment\n", "  outputArtifacts:\n    wikiSnapshot:\n      keyValue:\n        id:",
		"    outputArtifacts:\n      wikiSnapshot:\n        keyValue:\n          id:", "  phases:\n  - func", "    phases:\n    - func",
		"\n    name: save", "\n      name: save", "\n    args:", "\n      args:", "\n      namespace:", "\n        namespace:", "\n      pod:", "\n        pod:",
		"\n      container:", "\n        container:", "\n      includePath:", "\n        includePath:",
	},
	"copyvolumedata":           {"- func: CopyVolumeData\n", "- func: CopyVolumeData\n      name: copy\n"},
	"createcsisnapshotstatic":  {"handle:", "snapshotHandle:"},
	"createvolumefromsnapshot": {"  restore:\n", "  restore:\n    inputArtifactNames: [shopVolumes]\n"},
	"deletedata":               {"  delete:\n", "  delete:\n    inputArtifactNames: [wikiCopy]\n"},
	"deletedataall":            {"  delete:\n", "  delete:\n    inputArtifactNames: [wikiCopies]\n"},
	"deletedatausingkopiaserver": {
		"  delete:\n", "  delete:\n    inputArtifactNames: [wikiSnapshot]\n", "kanister-tools:0.89.0", "kanister-tools:0.110.0",
	},
	"deleterdssnapshot": {
		"  kind: Namespace\n  inputArtifactNames:\n  -", "    kind: Namespace\n    inputArtifactNames:\n    -",
		"\n  phases:\n  - func: Delete", "\n    phases:\n    - func: Delete", "\n    name: drop", "\n      name: drop",
		"\n    args:\n      snapshotID", "\n      args:\n        snapshotID",
	},
	"deletevolumesnapshot": {"  delete:\n", "  delete:\n    inputArtifactNames: [shopVolumes]\n"},
	"kubeexec":             {"  backup:\n", "  backup:\n    kind: Deployment\n"},
	"kubeexecall":          {"  backupPrehook:\n", "  backupPrehook:\n    kind: Deployment\n"},
	"locationdelete":       {"s3://ledger-bucket/exports", "exports"},
	"multicontainerrun":    {"name: export", "name: output", "- bash\n        - -c", "- bash\n        - -ec"},
	"preparedata": {
		"          mv /spare/index.db /pages/index.db\n", "          mv /spare/index.db /pages/index.db\n" +
			"    - func: ScaleWorkload\n      name: openWiki\n      args: {namespace: '{{ .Deployment.Namespace }}', " +
			"name: '{{ .Deployment.Name }}', kind: deployment, replicas: 1}\n",
	},
	"restoredata": {
		`\"`, `"`, `pod: "{{ index .Deployment.Pods 0 }}"` + "\n        image", "volumes: {wiki-pages: /srv/pages}\n        image",
		"  restore:\n", "  restore:\n    inputArtifactNames: [wikiCopy]\n",
	},
	"restoredataall": {"  restore:\n", "  restore:\n    inputArtifactNames: [wikiCopies]\n"},
	"restoredatausingkopiaserver": {
		`\"`, `"`, `pod: "{{ index.Deployment.Pods 0 }}"`, "volumes: {wiki-pages: /srv/pages}\n        image: registry.example.com/rescue-tools:1.0",
		"  restore:\n", "  restore:\n    inputArtifactNames: [wikiSnapshot]\n",
	},
}

// pageNames are the names of the pages. There is one for each function that the
// documentation has; CheckRepository is in the code alone.
func pageNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, path := range fixtures(t, "page/*.yaml") {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".yaml"))
	}
	var functions []string
	for _, f := range schema.FunctionNames() {
		if f != "CheckRepository" {
			functions = append(functions, strings.ToLower(f))
		}
	}
	slices.Sort(functions)
	if diff := cmp.Diff(functions, names); diff != "" {
		t.Fatalf("pages -want +got:\n%s", diff)
	}
	return names
}

func pagePath(name string) string { return filepath.Join("testdata", "page", name+".yaml") }

// ofPage are the findings that a page is about: each shows a function, and not what a
// whole blueprint has to have.
func ofPage(findings []Finding) []Finding {
	return slices.DeleteFunc(wrong(findings), func(f Finding) bool { return f.Rule == ruleMissingCounterpart })
}

// TestPage compares what is found in the pages with what is wrong with them, and
// the text of it with the golden file.
func TestPage(t *testing.T) {
	found := map[string][]string{}
	var all []Finding
	for _, name := range pageNames(t) {
		for _, f := range ofPage(check(t, pagePath(name))) {
			found[name] = append(found[name], f.Rule+" "+strings.TrimSpace(f.Snippet))
			if f.Suggestion == "" {
				t.Errorf("%s does not say how to mend it: %s", location(f), f.Message)
			}
			all = append(all, f)
		}
	}
	if diff := cmp.Diff(pageDefects, found); diff != "" {
		t.Errorf("defects -want +got:\n%s", diff)
	}
	var text bytes.Buffer
	if err := WriteText(&text, all, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "page", "findings.txt"), text.Bytes())
}

// mendedPage is the text of a page after its mends.
func mendedPage(t *testing.T, name string) string {
	t.Helper()
	text := mustRead(t, pagePath(name))
	for mends := range slices.Chunk(pageMends[name], 2) {
		if !strings.Contains(text, mends[0]) {
			t.Fatalf("%s has no %q to mend", name, mends[0])
		}
		text = strings.ReplaceAll(text, mends[0], mends[1])
	}
	return text
}

// TestMendedPages: once what is found is mended, nothing more is found, neither in
// the page nor in the CUE that it becomes.
func TestMendedPages(t *testing.T) {
	for _, name := range pageNames(t) {
		text := mendedPage(t, name)
		for _, f := range ofPage(Check(Unit{Files: []File{{Name: name + ".yaml", Data: []byte(text)}}})) {
			if f.Rule != ruleRemovedFunction {
				t.Errorf("%s: %s [%s]", location(f), f.Message, f.Rule)
			}
		}
		src := convertedPage(t, name, text)
		for _, f := range ofPage(Check(Unit{Language: CUE, Files: []File{{Name: name + ".cue", Data: src}}})) {
			t.Errorf("%s: %s [%s]\n%s", location(f), f.Message, f.Rule, src)
		}
	}
}

func convertedPage(t *testing.T, name, text string) []byte {
	t.Helper()
	docs, err := compat.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	bp, problems := compat.ReadBlueprint(docs[0])
	if len(problems) > 0 {
		t.Fatal(compat.Errors(problems))
	}
	conversion, err := compat.Convert(bp, compat.ConvertOptions{Package: strings.ReplaceAll(name, "-", "")})
	if err != nil {
		t.Fatal(err)
	}
	if len(conversion.Warnings) > 0 {
		t.Errorf("%s: %v", name, compat.Errors(conversion.Warnings))
	}
	return conversion.CUE
}

// pageCUE is what stock `cue vet` finds in the pages: the part of the defects that
// a type can tell.
var pageCUE = map[string]string{
	"backupdatausingkopiaserver":  "backup.phases: field not allowed",
	"deleterdssnapshot":           "actions.delete: conflicting values null and",
	"restoredatausingkopiaserver": "RestoreDataUsingKopiaServer needs the argument image",
}

// TestPagesWithStockCUE runs the stock command over the pages, and over the CUE
// that they become.
func TestPagesWithStockCUE(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the cue command")
	}
	dir := cueModule(t)
	command := filepath.Join(dir, "cue-command")
	if out, err := exec.Command("go", "build", "-o", command, "cuelang.org/go/cmd/cue").CombinedOutput(); err != nil {
		t.Fatalf("building the cue command: %v\n%s", err, out)
	}
	vet := func(args ...string) string {
		cmd := exec.Command(command, append([]string{"vet"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CUE_CACHE_DIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if (err == nil) != (len(out) == 0) {
			t.Fatalf("cue vet %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	for _, name := range pageNames(t) {
		writeTo(t, filepath.Join(dir, name+".yaml"), mustRead(t, pagePath(name)))
		writeTo(t, filepath.Join(dir, name, name+".cue"), string(convertedPage(t, name, mendedPage(t, name))))
		out := vet("-c", "-d", "#Blueprint", schema.Module+"/schema/kanister", name+".yaml")
		want := pageCUE[name]
		if (want == "") != (out == "") || !strings.Contains(out, want) {
			t.Errorf("cue vet %s.yaml: want %q, got:\n%s", name, want, out)
		}
	}
	if out := vet("-c=false", "./..."); out != "" {
		t.Errorf("cue vet of what the pages become:\n%s", out)
	}
}

// cueModule makes a module that has the schema vendored.
func cueModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeTo(t, filepath.Join(dir, "cue.mod", "module.cue"), "module: \"example.com/pages\"\nlanguage: version: \"v0.17.0\"\n")
	err := fs.WalkDir(schema.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := schema.FS.ReadFile(path)
		writeTo(t, filepath.Join(dir, "cue.mod", "pkg", schema.Module, "schema", path), string(src))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeTo(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
