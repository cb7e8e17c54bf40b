package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rescuecue/rescue/funcs/mover"
)

// resticServes tells whether an operation can be about a repository of restic. Such
// repositories are only read and tidied up: all new backups are kopia's.
func resticServes(op Op) bool {
	return slices.Contains([]Op{OpRestore, OpDelete, OpStats, OpList, OpCheck, OpMeasure, OpReclaim}, op)
}

// aResticID is one as restic prints it, short or whole. Those of kopia have another length.
var aResticID = regexp.MustCompile(`^([0-9a-f]{8}|[0-9a-f]{64})$`)

// resticID tells whether a snapshot could be restic's. Without an ID it could.
func resticID(id string) bool { return id == "" || aResticID.MatchString(id) }

// resticRun is the work of the restic program for one request.
type resticRun struct {
	*programs
	flags []string
}

// restic serves the request with the restic program. found tells whether there is a
// repository of restic at all.
func (p *programs) restic(ctx context.Context) (res Result, found bool, err error) {
	r := &resticRun{programs: p}
	if err := r.prepare(); err != nil {
		return Result{}, false, err
	}
	if _, err := r.run(ctx, "opening the repository", "cat", "config"); err != nil {
		return Result{}, mover.CodeOf(err) == mover.CodeWrongKey, err
	}
	res, err = r.serve(ctx)
	res.By = programRestic
	return res, true, err
}

func (r *resticRun) serve(ctx context.Context) (Result, error) {
	switch r.req.Op {
	case OpRestore:
		return r.restore(ctx)
	case OpDelete:
		return Result{}, r.delete(ctx)
	case OpStats:
		found, err := r.find(ctx)
		return Result{Snapshots: newest(found)}, err
	case OpList:
		all, err := r.list(ctx)
		return Result{Snapshots: all}, err
	case OpCheck:
		return Result{}, nil // it was opened
	case OpMeasure:
		return r.measure(ctx)
	case OpReclaim:
		done, err := r.run(ctx, "reclaiming space in the repository at "+r.loc.String(), "prune")
		return Result{Reclaimed: &mover.ReclaimResult{Freed: sizeIn(prunedTalk, string(done.out))}}, err
	}
	return Result{}, &mover.Error{Code: mover.CodeBadRequest, Text: fmt.Sprintf("a repository of restic does not serve %q", r.req.Op)}
}

// prepare gives the program what it needs, in its environment and in files of the
// script's own directory.
func (r *resticRun) prepare() error {
	access, err := mover.ResticAccessTo(r.loc)
	if err != nil {
		return err
	}
	r.tell(`export HOME="$dir" TMPDIR="$dir" RESTIC_CACHE_DIR="$dir/restic"`)
	for _, name := range slices.Sorted(maps.Keys(access.Env)) {
		r.set(name, access.Env[name])
	}
	if access.GoogleKey != "" {
		r.file("google.json", access.GoogleKey)
		r.tell(`export GOOGLE_APPLICATION_CREDENTIALS="$dir/google.json"`)
	}
	if access.CABundle != "" {
		r.file("ca.pem", access.CABundle)
		r.flags = append(r.flags, `--cacert="$dir/ca.pem"`)
	}
	if access.Insecure {
		r.flags = append(r.flags, "--insecure-tls")
	}
	return nil
}

// file writes a file into the script's directory.
func (r *resticRun) file(name, content string) {
	r.tell("printf '%s' " + quote(content) + ` >"$dir/"` + name)
}

// run runs the program, which must succeed.
func (r *resticRun) run(ctx context.Context, what string, args ...string) (stepResult, error) {
	done, err := r.step(ctx, slices.Concat([]string{programRestic}, r.flags, args)...)
	if err == nil && done.status != 0 {
		err = r.failed(done, what)
	}
	return done, err
}

// resticSnapshot is one as `restic snapshots --json` shows it.
type resticSnapshot struct {
	ID    string    `json:"id"`
	Time  time.Time `json:"time"`
	Paths []string  `json:"paths"`
	Tags  []string  `json:"tags"`
}

// list returns all snapshots, oldest first. Kanister gives each one tag.
func (r *resticRun) list(ctx context.Context) ([]mover.Snapshot, error) {
	done, err := r.run(ctx, "listing the snapshots", "snapshots", "--json", "--no-lock")
	if err != nil {
		return nil, err
	}
	return parseResticSnapshots(done.out)
}

func parseResticSnapshots(text []byte) ([]mover.Snapshot, error) {
	var listed []resticSnapshot
	if err := json.Unmarshal(text, &listed); err != nil {
		return nil, fmt.Errorf("restic's list of snapshots: %w", err)
	}
	all := make([]mover.Snapshot, len(listed))
	for i, s := range listed {
		all[i] = mover.Snapshot{ID: s.ID, Path: strings.Join(s.Paths, " "), Tag: strings.Join(s.Tags, ","), Start: s.Time, End: s.Time}
	}
	slices.SortStableFunc(all, func(a, b mover.Snapshot) int { return a.Start.Compare(b.Start) })
	return all, nil
}

// find returns the snapshots that are meant, oldest first, and an error if there is
// none.
func (r *resticRun) find(ctx context.Context) ([]mover.Snapshot, error) {
	which := r.req.Snapshot
	all, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(s mover.Snapshot) bool {
		if which.Tag != "" {
			return !slices.Contains(strings.Split(s.Tag, ","), which.Tag)
		}
		return which.ID == "" || !strings.HasPrefix(s.ID, which.ID)
	})
	if len(found) == 0 {
		return nil, noSuchSnapshot(r.loc, which)
	}
	return found, nil
}

// restore writes the snapshot below the target, with its whole path, as restic does and
// `rescue mover` as well.
func (r *resticRun) restore(ctx context.Context) (Result, error) {
	if !path.IsAbs(r.req.Target) {
		return Result{}, &mover.Error{Code: mover.CodeBadRequest, Text: fmt.Sprintf("the restore path %q is not absolute", r.req.Target)}
	}
	found, err := r.find(ctx)
	if err != nil {
		return Result{}, err
	}
	s := newest(found)[0]
	from, at := s.ID, path.Join(r.req.Target, s.Path)
	if r.req.SubPath != "" {
		if err := r.knowsParts(ctx); err != nil {
			return Result{}, err
		}
		from, at = from+":"+path.Clean("/"+r.req.SubPath), r.req.Target
	}
	if _, err := r.run(ctx, "restore of "+r.req.Snapshot.String()+" to "+r.req.Target, "restore", quote(from), "--target", quote(r.req.Target)); err != nil {
		return Result{}, err
	}
	size, err := r.stats(ctx, s.ID, mover.MeasureRestoreSize)
	return Result{Restore: &mover.RestoreResult{SnapshotID: s.ID, Path: at, Size: size.Size, FileCount: size.Count}}, err
}

// aVersion starts what `restic version` prints.
var aVersion = regexp.MustCompile(`^restic ([0-9]+)\.([0-9]+)`)

// knowsParts is an error if the program cannot restore a part of a snapshot to a place of
// its own. It learned that in its version 0.16.
func (r *resticRun) knowsParts(ctx context.Context) error {
	done, err := r.run(ctx, "restic version", "version")
	if err != nil {
		return err
	}
	m := aVersion.FindSubmatch(done.out)
	if m == nil {
		return nil
	}
	major, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return err
	}
	minor, err := strconv.Atoi(string(m[2]))
	if err != nil {
		return err
	}
	if major == 0 && minor < 16 {
		return &mover.Error{Code: mover.CodeBadRequest, Text: fmt.Sprintf(
			"%s cannot restore a part of a snapshot: leave backupPath out, or give an image with restic 0.16 or newer", m[0])}
	}
	return nil
}

// delete forgets the snapshots. Locks that killed programs have left are removed first:
// forgetting needs the repository for itself.
func (r *resticRun) delete(ctx context.Context) error {
	found, err := r.find(ctx)
	if err != nil {
		return err
	}
	if _, err := r.run(ctx, "removing stale locks", "unlock"); err != nil {
		return err
	}
	args := []string{"forget"}
	for _, s := range found {
		args = append(args, s.ID)
	}
	_, err = r.run(ctx, "deleting the "+r.req.Snapshot.String(), args...)
	return err
}

func (r *resticRun) measure(ctx context.Context) (Result, error) {
	found, err := r.find(ctx)
	if err != nil {
		return Result{}, err
	}
	size, err := r.stats(ctx, newest(found)[0].ID, r.req.Measure)
	return Result{Measured: &size}, err
}

// stats measures in restic's way: it counts directories and links in restore-size.
func (r *resticRun) stats(ctx context.Context, id string, how mover.Measure) (mover.Measured, error) {
	done, err := r.run(ctx, "measuring the snapshot "+id, "stats", "--json", "--no-lock", "--mode", quote(string(how)), id)
	if err != nil {
		return mover.Measured{}, err
	}
	return parseResticStats(done.out, how)
}

func parseResticStats(text []byte, how mover.Measure) (mover.Measured, error) {
	var stats struct {
		Size  *int64 `json:"total_size"`
		Files int64  `json:"total_file_count"`
		Blobs int64  `json:"total_blob_count"`
	}
	if err := json.Unmarshal(text, &stats); err != nil {
		return mover.Measured{}, fmt.Errorf("restic's statistics: %w", err)
	}
	if stats.Size == nil {
		return mover.Measured{}, fmt.Errorf("restic's statistics have no size: %.100q", text)
	}
	if how == mover.MeasureRaw {
		return mover.Measured{Count: stats.Blobs, Size: *stats.Size}, nil
	}
	return mover.Measured{Count: stats.Files, Size: *stats.Size}, nil
}
