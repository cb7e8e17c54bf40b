package funcs_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

func deleteArgs(more funcs.Args) funcs.Args {
	return merged(funcs.Args{"namespace": "shop", "backupArtifactPrefix": "time-log", "encryptionKey": "canary-key"}, more)
}

func TestDeleteData(t *testing.T) {
	d := newDataEnv(t)
	src := sample(t)
	first := run(t, funcs.BackupData(), d, backupArgs(src, nil))
	second := run(t, funcs.BackupData(), d, backupArgs(src, nil))
	if out := run(t, funcs.DeleteData(), d, deleteArgs(funcs.Args{"backupID": first["backupID"]})); !cmp.Equal(out, funcs.Output{"spaceFreed": "0 B"}) {
		t.Errorf("outputs %v", out)
	}
	pod := d.pods[0]
	if want := agent.IdleCommand(); !strings.HasPrefix(pod.Name, "delete-data-") || pod.Namespace != "shop" ||
		pod.Spec.Containers[0].Image != funcs.DefaultToolsImage || !slices.Equal(pod.Spec.Containers[0].Command, want) {
		t.Errorf("pod %s/%s of %s runs %q", pod.Namespace, pod.Name, pod.Spec.Containers[0].Image, pod.Spec.Containers[0].Command)
	}
	restore := func(out funcs.Output) error {
		_, err := funcs.RestoreData().Exec(t.Context(), d.Env, restoreArgs(funcs.Args{"backupIdentifier": out["backupID"], "restorePath": t.TempDir()}))
		return err
	}
	if err := restore(first); mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("restore of the deleted one: %v", err)
	}
	if err := restore(second); err != nil {
		t.Errorf("restore of the other one: %v", err)
	}
	d.ToolsImage = "tools:2"
	run(t, funcs.DeleteData(), d, deleteArgs(funcs.Args{"backupTag": second["backupTag"], "reclaimSpace": true}))
	run(t, funcs.DeleteData(), d, deleteArgs(funcs.Args{"backupID": second["backupID"], "image": "tools:3"}))
	if !strings.Contains(d.log.String(), "no such snapshot to delete") {
		t.Errorf("nothing is said of a snapshot that was gone:\n%s", d.log)
	}
	var images []string
	for _, p := range d.pods {
		if strings.HasPrefix(p.Name, "delete-data-") {
			images = append(images, p.Spec.Containers[0].Image)
		}
	}
	if want := []string{funcs.DefaultToolsImage, "tools:2", "tools:3"}; !slices.Equal(images, want) {
		t.Errorf("images %v, want %v", images, want)
	}
	if err := restore(second); mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("restore of the second: %v", err)
	}
}

func TestDeleteDataSeveral(t *testing.T) {
	d := newDataEnv(t)
	m := d.answering(noted)
	out := run(t, funcs.DeleteData(), d, deleteArgs(funcs.Args{
		"backupArtifactPrefix": " a  backups/b\ta ", "backupID": "1 2 3", "reclaimSpace": true,
	}))
	var got []string
	for _, r := range m.requests {
		got = append(got, string(r.Op)+" "+r.Repository+" "+r.Snapshot.ID)
	}
	want := []string{"delete backups/a 1", "delete backups/b 2", "delete backups/a 3", "reclaim backups/a ", "reclaim backups/b "}
	if diff := cmp.Diff(want, got); diff != "" || len(d.pods) != 1 {
		t.Errorf("requests (-want +got):\n%s%d pods", diff, len(d.pods))
	}
	if out["spaceFreed"] != "2000 B" {
		t.Errorf("outputs %v", out)
	}
}

// What can be backed up can be deleted.
func TestDeleteDataOfAPathWithBlanks(t *testing.T) {
	d := newDataEnv(t)
	const blanks = "my shop/time log"
	made := run(t, funcs.BackupData(), d, backupArgs(sample(t), funcs.Args{"backupArtifactPrefix": blanks}))
	run(t, funcs.DeleteData(), d, deleteArgs(funcs.Args{"backupArtifactPrefix": blanks, "backupID": made["backupID"]}))
	_, err := funcs.DeleteData().Exec(t.Context(), d.Env, deleteArgs(funcs.Args{"backupArtifactPrefix": blanks, "backupTag": made["backupTag"]}))
	if mover.CodeOf(err) != mover.CodeNotFound {
		t.Errorf("a second time, by its tag: %v", err)
	}
}

func TestDeleteDataPartly(t *testing.T) {
	d := newDataEnv(t)
	d.answering(func(_ string, req agent.Request) (agent.Result, error) {
		switch {
		case req.Op == agent.OpReclaim && req.Repository == "backups/c":
			return agent.Result{}, errors.New("no room to move")
		case req.Repository == "backups/b":
			return agent.Result{}, &mover.Error{Code: mover.CodeNoRepository, Text: "no repository"}
		}
		return noted("", req)
	})
	_, err := funcs.DeleteData().Exec(t.Context(), d.Env, deleteArgs(funcs.Args{
		"backupArtifactPrefix": "a b c", "backupID": "1 2 3", "reclaimSpace": true,
	}))
	if mover.CodeOf(err) != mover.CodeNoRepository {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{"no repository", "their space could not be reclaimed", "no room to move", "deleted all the same: snapshot 1 in backups/a, snapshot 3 in backups/c"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error without %q:\n%v", want, err)
		}
	}
}

func TestDeleteDataPostponed(t *testing.T) {
	d := newDataEnv(t)
	d.answering(func(_ string, req agent.Request) (agent.Result, error) {
		if req.Op == agent.OpReclaim {
			return agent.Result{Reclaimed: &mover.ReclaimResult{Postponed: "the repository is in use"}}, nil
		}
		return noted("", req)
	})
	out := run(t, funcs.DeleteData(), d, deleteArgs(funcs.Args{"backupID": "1", "reclaimSpace": true}))
	if out["spaceFreed"] != "0 B" || !strings.Contains(d.log.String(), "the repository is in use") {
		t.Errorf("outputs %v, log:\n%s", out, d.log)
	}
}

func TestDeleteDataErrors(t *testing.T) {
	d := newDataEnv(t)
	run(t, funcs.BackupData(), d, backupArgs(sample(t), nil))
	for name, tc := range map[string]struct {
		args funcs.Args
		want string
	}{
		"neither":            {nil, "one of backupID and backupTag"},
		"both":               {funcs.Args{"backupID": "1", "backupTag": "t"}, "one of backupID and backupTag"},
		"blank":              {funcs.Args{"backupID": " "}, "one of backupID and backupTag"},
		"too few paths":      {funcs.Args{"backupID": "1 2"}, "2 snapshots need as many paths"},
		"too many paths":     {funcs.Args{"backupID": "1 2", "backupArtifactPrefix": "a b c"}, "2 snapshots need as many paths"},
		"unknown tag":        {funcs.Args{"backupTag": "t"}, "no snapshot with the tag t"},
		"missing repository": {funcs.Args{"backupID": "1", "backupArtifactPrefix": "other"}, "no backup repository at"},
		"wrong key":          {funcs.Args{"backupID": "1", "encryptionKey": "x"}, "key does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := funcs.DeleteData().Exec(t.Context(), d.Env, deleteArgs(tc.args))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// TestLocationDeleteInClaim: only a pod can see the location.
func TestLocationDeleteInClaim(t *testing.T) {
	d := newDataEnv(t)
	d.Params.Profile.Location.Claim, d.Params.Profile.Location.Endpoint = "backups", "/no/such/mount"
	m := d.answering(func(string, agent.Request) (agent.Result, error) {
		return agent.Result{Deleted: &agent.Deleted{Objects: 3}}, nil
	})
	if out := run(t, funcs.LocationDelete(), d, funcs.Args{"artifact": "backups/a/b"}); len(out) != 0 {
		t.Errorf("outputs %v", out)
	}
	if req := m.requests[0]; req.Op != agent.OpDeleteObjects || req.Key != "a/b" || !strings.Contains(d.log.String(), "objects=3") {
		t.Errorf("%s of %q, log:\n%s", req.Op, req.Key, d.log)
	}
	pod := d.pods[0]
	if mount := pod.Spec.Containers[0].VolumeMounts[0]; pod.Namespace != "shop" || mount.MountPath != "/no/such/mount" || pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName != "backups" {
		t.Errorf("pod in %s mounts %+v", pod.Namespace, mount)
	}
}
