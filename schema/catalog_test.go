package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kanisterFunctions are those of Kanister's documentation, and CheckRepository.
var kanisterFunctions = []string{
	"BackupData", "BackupDataAll", "BackupDataStats", "BackupDataUsingKopiaServer", "CheckRepository",
	"CopyVolumeData", "CreateCSISnapshot", "CreateCSISnapshotStatic", "CreateRDSSnapshot",
	"CreateVolumeFromSnapshot", "CreateVolumeSnapshot", "DeleteCSISnapshot", "DeleteCSISnapshotContent",
	"DeleteData", "DeleteDataAll", "DeleteDataUsingKopiaServer", "DeleteRDSSnapshot", "DeleteVolumeSnapshot",
	"ExportRDSSnapshotToLocation", "KubeExec", "KubeExecAll", "KubeOps", "KubeTask", "LocationDelete",
	"MultiContainerRun", "PrepareData", "RestoreCSISnapshot", "RestoreData", "RestoreDataAll",
	"RestoreDataUsingKopiaServer", "RestoreRDSSnapshot", "ScaleWorkload", "Wait",
	"WaitForSnapshotCompletion", "WaitV2",
}

func TestEveryFunctionIsThere(t *testing.T) {
	if len(kanisterFunctions) != 35 {
		t.Fatalf("the list has %d functions", len(kanisterFunctions))
	}
	if diff := cmp.Diff(kanisterFunctions, FunctionNames()); diff != "" {
		t.Errorf("functions (-want +got):\n%s", diff)
	}
}

func TestEveryFunctionHasItsOwnFile(t *testing.T) {
	for _, name := range FunctionNames() {
		src, err := FS.ReadFile(strings.ToLower(name) + ".cue")
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(src), "\n#Functions: "+name+": {\n") {
			t.Errorf("%s.cue has no entry for %s", strings.ToLower(name), name)
		}
	}
}

func TestEverythingIsDocumented(t *testing.T) {
	for _, name := range FunctionNames() {
		f, _ := Function(name)
		if f.Doc == "" || f.Example == "" {
			t.Errorf("%s lacks a comment or an example", name)
		}
		for _, a := range slices.Concat(f.Args, f.Outputs) {
			if !strings.HasSuffix(a.Doc, ".") {
				t.Errorf("%s.%s: the comment %q is no sentence", name, a.Name, a.Doc)
			}
		}
	}
}

// Rules are about names, which nothing else checks.
func TestRulesNameArguments(t *testing.T) {
	for _, name := range FunctionNames() {
		f, _ := Function(name)
		for _, a := range namesInRules(f) {
			if _, ok := f.Arg(a); !ok {
				t.Errorf("%s: %q is no argument", name, a)
			}
		}
		if f.Script && f.Outputs != nil {
			t.Errorf("%s: a script decides about the outputs, but there are fixed ones", name)
		}
		if _, ok := Function(f.Deprecated); f.Deprecated != "" && !ok {
			t.Errorf("%s: there is no function %s to use instead", name, f.Deprecated)
		}
	}
}

func namesInRules(f Func) []string {
	names := slices.Concat(f.Required, f.Extensions)
	for _, group := range f.ExactlyOne {
		names = append(names, group...)
	}
	for needed, others := range f.Unless {
		names = append(append(names, needed), others...)
	}
	for arg, cases := range f.When {
		names = append(names, arg)
		for _, others := range cases {
			names = append(names, others...)
		}
	}
	for arg := range f.Fields {
		names = append(names, arg)
	}
	for arg := range f.AnyField {
		names = append(names, arg)
	}
	for alias, arg := range f.Aliases {
		names = append(names, alias, arg)
	}
	for arg := range f.ArgSince {
		names = append(names, arg)
	}
	return names
}

func TestFunction(t *testing.T) {
	f, ok := Function("BackupDataStats")
	if !ok {
		t.Fatal("no BackupDataStats")
	}
	if _, ok := Function("backupdatastats"); ok {
		t.Error("names are case sensitive")
	}
	want := []string{
		"namespace", "backupArtifactPrefix", "backupID", "statsMode", "encryptionKey", "image",
		"podOverride", "podAnnotations", "podLabels",
	}
	if diff := cmp.Diff(want, f.ArgNames()); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if got := f.Canonical("mode"); got != "statsMode" {
		t.Errorf("mode means %s", got)
	}
	mode, _ := f.Arg("statsMode")
	if mode.Default != `"restore-size"` || !strings.Contains(mode.Type, `"raw-data"`) {
		t.Errorf("statsMode: type %s, default %s", mode.Type, mode.Default)
	}
	size, _ := must(t, "MultiContainerRun").Arg("sharedVolumeSizeLimit")
	if size.Type != "#Quantity" || size.Default != "" {
		t.Errorf("sharedVolumeSizeLimit: type %s, default %s", size.Type, size.Default)
	}
	if doc, _ := Embedded().TypeDoc("#Quantity"); !strings.Contains(doc, "500Mi") {
		t.Errorf("#Quantity is described as %q", doc)
	}
	if o := must(t, "RestoreRDSSnapshot").Outputs; len(o) != 1 || !o[0].Optional {
		t.Errorf("outputs of RestoreRDSSnapshot: %v", o)
	}
	kinds := must(t, "KubeOps").When["operation"]["patch"]
	if diff := cmp.Diff([]string{"spec", "objectReference"}, kinds); diff != "" {
		t.Errorf("a patch needs (-want +got):\n%s", diff)
	}
}

func must(t *testing.T, name string) Func {
	t.Helper()
	f, ok := Function(name)
	if !ok {
		t.Fatalf("no function %s", name)
	}
	return f
}
