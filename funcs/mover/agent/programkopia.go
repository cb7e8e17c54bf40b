package agent

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/funcs/mover"
)

// kopiaRun is the work of the kopia program for one request.
type kopiaRun struct {
	*programs
	mover.ProgramAccess
	mark string // of this work in the repository; empty for none
}

// kopia serves the request with the kopia program.
func (p *programs) kopia(ctx context.Context) (Result, error) {
	k := &kopiaRun{programs: p}
	if p.req.Op == OpProbe {
		k.loc.Password = "any" // it must have one to ask at all
	}
	if err := k.prepare(ctx); err != nil {
		return Result{}, err
	}
	switch p.req.Op {
	case OpProbe:
		err := k.open(ctx)
		exists := err == nil || mover.CodeOf(err) == mover.CodeWrongKey
		if exists || mover.CodeOf(err) == mover.CodeNoRepository {
			err = nil
		}
		return Result{Exists: exists}, err
	case OpBackup:
		return k.backup(ctx)
	case OpRestore:
		return k.restore(ctx)
	case OpDelete:
		return Result{}, k.delete(ctx)
	case OpStats:
		found, err := k.find(ctx, p.req.Snapshot)
		return Result{Snapshots: newest(found)}, err
	case OpList:
		return k.list(ctx)
	case OpCheck:
		return Result{}, k.open(ctx)
	case OpMeasure:
		return k.measure(ctx)
	case OpReclaim:
		return Result{Reclaimed: &mover.ReclaimResult{Postponed: "the kopia program cannot reclaim space at once: run the phase with Rescue's tools image"}}, nil
	}
	return Result{}, &mover.Error{Code: mover.CodeNoProgram, Text: "this needs the program `rescue`: use Rescue's tools image"}
}

// prepare gives the program its configuration. What is secret goes to its environment,
// and all files are in the script's own directory.
func (k *kopiaRun) prepare(ctx context.Context) (err error) {
	if k.ProgramAccess, err = mover.ProgramAccessTo(k.loc, "CACHE"); err != nil {
		return err
	}
	if err := usableKey(k.Env["KOPIA_PASSWORD"], k.loc); err != nil {
		return err
	}
	env := map[string]string{
		"KOPIA_CHECK_FOR_UPDATES":      "false",
		"KOPIA_DISABLE_REPOSITORY_LOG": "true",
		// Without one of these, a mark cannot be removed. Which one depends on the release.
		"KOPIA_DANGEROUS_COMMANDS": "enabled",
		"KOPIA_ADVANCED_COMMANDS":  "enabled",
	}
	maps.Copy(env, k.Env)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		k.set(name, env[name])
	}
	k.tell(`export HOME="$dir" TMPDIR="$dir" KOPIA_CONFIG_PATH="$dir/repository.config" KOPIA_LOG_DIR="$dir/log"`)
	k.set("config", string(k.Config))
	// Only the script knows where its directory is.
	k.tell(`printf '%s' "${config%%'"CACHE"'*}\"$dir/cache\"${config#*'"CACHE"'}" >"$dir/repository.config"; unset config`)
	// The program takes the place of the shell that runs the step, so that it is what is
	// told to stop.
	k.tell(`kopia() { exec kopia --progress-update-interval=1h --no-auto-maintenance "$@"; }`)
	if k.Mounted == "" {
		return nil
	}
	r, err := k.step(ctx, "test", "-d", quote(k.Mounted))
	if err == nil && r.status != 0 {
		err = &mover.Error{Code: mover.CodeUnreachable, Text: fmt.Sprintf("the location's directory %s does not exist here: mount it in this container", k.Mounted)}
	}
	return err
}

// usableKey tells what the program would do to the key: it cuts off blanks, and asks a
// terminal for a key that is empty.
func usableKey(key string, loc mover.Location) error {
	switch {
	case key == "":
		return &mover.Error{Code: mover.CodeBadRequest, Text: fmt.Sprintf("the repository at %s needs an encryption key", loc)}
	case strings.TrimSpace(key) != key:
		return &mover.Error{Code: mover.CodeBadRequest, Text: "the kopia program cuts off blanks and line breaks at the ends of encryption keys, and this one has some: use Rescue's tools image"}
	}
	return nil
}

// run runs the program, which must succeed.
func (k *kopiaRun) run(ctx context.Context, what string, args ...string) (stepResult, error) {
	r, err := k.step(ctx, append([]string{programKopia}, args...)...)
	if err == nil && r.status != 0 {
		err = k.failed(r, what)
	}
	return r, err
}

// open tells whether the repository can be opened.
func (k *kopiaRun) open(ctx context.Context) error {
	_, err := k.run(ctx, "opening the repository", "repository", "status")
	return err
}

// all returns the snapshots, also unfinished ones, oldest first.
func (k *kopiaRun) all(ctx context.Context) ([]mover.ProgramSnapshot, error) {
	r, err := k.run(ctx, "listing the snapshots", "snapshot", "list", "--all", "--incomplete", "--show-identical", "--json")
	if err != nil {
		return nil, err
	}
	return mover.ParseProgramSnapshots(r.out)
}

func (k *kopiaRun) list(ctx context.Context) (Result, error) {
	all, err := k.all(ctx)
	var found []mover.Snapshot
	for _, s := range all {
		if !s.Incomplete {
			found = append(found, s.Snapshot)
		}
	}
	return Result{Snapshots: found}, err
}

// find returns the complete snapshots that are meant, oldest first, and an error if
// there is none.
func (k *kopiaRun) find(ctx context.Context, which mover.Selector) ([]mover.Snapshot, error) {
	if (which.ID == "") == (which.Tag == "") {
		return nil, &mover.Error{Code: mover.CodeBadRequest, Text: "a snapshot is named by its ID or by its tag"}
	}
	res, err := k.list(ctx)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(res.Snapshots, func(s mover.Snapshot) bool {
		return which.ID != "" && s.ID != which.ID || which.Tag != "" && s.Tag != which.Tag
	})
	if len(found) == 0 {
		return nil, noSuchSnapshot(k.loc, which)
	}
	return found, nil
}

func noSuchSnapshot(loc mover.Location, which mover.Selector) error {
	return &mover.Error{Code: mover.CodeNotFound, Text: fmt.Sprintf("the repository at %s has no %s", loc, which)}
}

// newest is the last of a list, as a list.
func newest(found []mover.Snapshot) []mover.Snapshot {
	return found[max(len(found)-1, 0):]
}

func (k *kopiaRun) measure(ctx context.Context) (Result, error) {
	if k.req.Measure != mover.MeasureRestoreSize {
		return Result{}, &mover.Error{Code: mover.CodeBadRequest, Text: fmt.Sprintf(
			"the kopia program cannot measure a snapshot as %q, but only as %q: use Rescue's tools image", k.req.Measure, mover.MeasureRestoreSize)}
	}
	found, err := k.find(ctx, k.req.Snapshot)
	if err != nil {
		return Result{}, err
	}
	s := newest(found)[0]
	return Result{Measured: &mover.Measured{Count: s.FileCount, Size: s.Size}}, nil
}

func (k *kopiaRun) delete(ctx context.Context) error {
	return k.marked(ctx, func(ctx context.Context) error {
		found, err := k.find(ctx, k.req.Snapshot)
		if err != nil {
			return err
		}
		args := []string{"snapshot", "delete", "--delete"}
		for _, s := range found {
			args = append(args, quote(s.ID))
		}
		_, err = k.run(ctx, "deleting the "+k.req.Snapshot.String(), args...)
		return err
	})
}

// restore writes a snapshot to where `rescue mover` would write it.
func (k *kopiaRun) restore(ctx context.Context) (Result, error) {
	if !path.IsAbs(k.req.Target) {
		return Result{}, &mover.Error{Code: mover.CodeBadRequest, Text: fmt.Sprintf("the restore path %q is not absolute", k.req.Target)}
	}
	var res Result
	err := k.marked(ctx, func(ctx context.Context) (err error) {
		res, err = k.write(ctx)
		return err
	})
	return res, err
}

func (k *kopiaRun) write(ctx context.Context) (Result, error) {
	found, err := k.find(ctx, k.req.Snapshot)
	if err != nil {
		return Result{}, err
	}
	s := newest(found)[0]
	source, target, err := part(s, k.req.Target, k.req.SubPath)
	if err != nil {
		return Result{}, err
	}
	parallel := 8
	if k.req.Parallel > 0 {
		parallel = k.req.Parallel
	}
	if r, err := k.step(ctx, "mkdir", "-p", quote(path.Dir(target))); err != nil || r.status != 0 {
		return Result{}, firstError(err, k.failed(r, "making the directory "+path.Dir(target)))
	}
	what := "restore of " + k.req.Snapshot.String() + " to " + target
	r, err := k.run(ctx, what, "snapshot", "restore", "--mode=local", fmt.Sprintf("--parallel=%d", parallel), quote(source), quote(target))
	if err != nil {
		if strings.Contains(r.errors, "entry not found") || strings.Contains(r.errors, "not found in") {
			err = &mover.Error{Code: mover.CodeNotFound, Text: fmt.Sprintf("the snapshot of %s has no directory %s", s.Path, k.req.SubPath)}
		}
		return Result{}, err
	}
	back := &mover.RestoreResult{SnapshotID: s.ID, Path: target, Size: s.Size, FileCount: s.FileCount}
	if source != s.ID {
		back.FileCount, back.Size = restoredOf(r.errors)
	}
	return Result{Restore: back}, nil
}

// part returns what the program is to restore, and to where, by the rules of `rescue
// mover`.
func part(s mover.Snapshot, target, subPath string) (source, to string, err error) {
	if subPath == "" {
		return s.ID, path.Join(target, s.Path), nil
	}
	sub := path.Clean("/" + subPath)
	if below, ok := relative(sub, s.Path); ok {
		return s.ID, path.Join(target, below), nil
	}
	inside, ok := relative(s.Path, sub)
	if !ok {
		return "", "", &mover.Error{Code: mover.CodeNotFound, Text: fmt.Sprintf("the snapshot holds %s, and %s is not in it", s.Path, sub)}
	}
	return s.ID + "/" + inside, path.Clean(target), nil
}

// relative returns name without the directory dir, and whether it lies there.
func relative(dir, name string) (string, bool) {
	if name == dir {
		return "", true
	}
	return strings.CutPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
