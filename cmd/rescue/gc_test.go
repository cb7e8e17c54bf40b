package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/aws/awstest"
	"github.com/rescuecue/rescue/funcs/rds"
	"github.com/rescuecue/rescue/funcs/rds/rdstest"
)

const exportBlueprint = `package shop

import "github.com/rescuecue/rescue/schema"

blueprint: schema.#Blueprint & {
	name: "shop"
	actions: export: {
		kind:  "Namespace"
		input: _
		phases: export: {
			func: "ExportRDSSnapshotToLocation"
			args: {
				namespace:  input.namespace.name
				instanceID: "shop"
				snapshotID: "s1"
				username:   "admin"
				password:   input.options.word
				dbEngine:   "PostgreSQL"
				region:     "test-1"
			}
		}
	}
}
`

// TestCollectRDS: the temporary instance of an export that was killed is found and
// removed, and no other.
func TestCollectRDS(t *testing.T) {
	if refusal := localRefusal(t); refusal != "" {
		t.Skip(refusal)
	}
	data := &rdstest.Memory{}
	s := rdstest.New(t, data, rdstest.Options{Looks: 1 << 30, PageSize: 2})
	dir := t.TempDir()
	data.Set(s.AddInstance(rdstest.Instance{ID: "shop"}), "saved")
	if err := s.AddSnapshot("s1", "shop"); err != nil {
		t.Fatal(err)
	}
	run := exportOf(t, s, dir)
	kill(t, s, run)
	temporary := othersThan(s.Instances(), "shop")
	if len(temporary) != 1 {
		t.Fatalf("instances %v", s.Instances())
	}
	marks, _ := s.Instance(temporary[0])
	bystanders := addBystanders(s, marks.Tags)

	found := collectRDS(t, s, dir)
	want := []gcDocument{{Kind: "DBInstance", Place: "test-1", Name: temporary[0], Run: marks.Tags[funcs.RunLabel], Phase: "export", RunState: "killed", Outcome: "found"}}
	if !slices.Equal(found, want) {
		t.Errorf("found %+v, want %+v", found, want)
	}
	want[0].Outcome = "removed"
	if removed := collectRDS(t, s, dir, "--yes"); !slices.Equal(removed, want) {
		t.Errorf("removed %+v, want %+v", removed, want)
	}
	if i, there := s.Instance(temporary[0]); there && i.Status != "deleting" {
		t.Errorf("%s is %s", i.ID, i.Status)
	}
	for _, id := range append(bystanders, "shop") {
		if i, there := s.Instance(id); !there || i.Status == "deleting" {
			t.Errorf("%s was deleted", id)
		}
	}
}

// addBystanders adds instances that have some marks of what is temporary, but not all.
func addBystanders(s *rdstest.Server, marks map[string]string) []string {
	const name = "-0123456789"
	without := func(key string) map[string]string {
		tags := maps.Clone(marks)
		delete(tags, key)
		return tags
	}
	with := func(key string) map[string]string {
		tags := maps.Clone(marks)
		tags[key] = "x"
		return tags
	}
	var ids []string
	for id, tags := range map[string]map[string]string{
		"shop-rescue-new":   without(funcs.TemporaryTag),
		"untagged" + name:   nil,
		"stays" + name:      without(funcs.TemporaryTag),
		"somebodys" + name:  without(funcs.RunLabel),
		"renamed-and-kept":  marks,
		"restored" + name:   with(rds.TagSnapshot),
		"moved-away" + name: with(rds.TagReplaced),
	} {
		s.AddInstance(rdstest.Instance{ID: id, Tags: tags})
		ids = append(ids, id)
	}
	return ids
}

// exportOf starts an export in a process of its own.
func exportOf(t *testing.T, s *rdstest.Server, dir string) *exec.Cmd {
	t.Helper()
	blueprint := filepath.Join(dir, "shop.cue")
	if err := os.WriteFile(blueprint, []byte(exportBlueprint), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := rescueWithAWS(t, s, "run", "export", "-b", blueprint, "--runtime", "local", "--state-dir", dir, "--namespace", "default", "--option", "word=x")
	cmd.Stderr = &bytes.Buffer{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func rescueWithAWS(t *testing.T, s *rdstest.Server, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "rescue", args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.URL, "AWS_ACCESS_KEY_ID="+awstest.TestKey.ID,
		"AWS_SECRET_ACCESS_KEY="+awstest.TestKey.Secret, "AWS_EC2_METADATA_DISABLED=true")
	return cmd
}

// kill kills the export as soon as its temporary instance is there.
func kill(t *testing.T, s *rdstest.Server, cmd *exec.Cmd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for len(s.Instances()) < 2 {
		select {
		case <-ctx.Done():
			t.Errorf("the export made no instance: %s", cmd.Stderr)
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the export succeeded")
	}
}

func othersThan(ids []string, id string) []string {
	return slices.DeleteFunc(ids, func(other string) bool { return other == id })
}

// gcDocument is what the test reads of the JSON.
type gcDocument struct{ Kind, Place, Name, Run, Phase, RunState, Outcome string }

func collectRDS(t *testing.T, s *rdstest.Server, dir string, args ...string) []gcDocument {
	t.Helper()
	args = append([]string{"gc", "--runtime", "local", "--state-dir", dir, "--region", "test-1", "-o", "json"}, args...)
	cmd := rescueWithAWS(t, s, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out, said.String())
	}
	doc := struct{ Leftovers []gcDocument }{}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return doc.Leftovers
}
