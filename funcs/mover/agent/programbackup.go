package agent

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rescuecue/rescue/funcs/mover"
)

// backup stores a path, making the repository if there truly is none.
func (k *kopiaRun) backup(ctx context.Context) (Result, error) {
	from := path.Clean(k.req.Path)
	if !path.IsAbs(from) || !utf8.ValidString(from) {
		return Result{}, &mover.Error{Code: mover.CodeBadRequest, Text: fmt.Sprintf("%q is not a path that can be backed up: give an absolute one", k.req.Path)}
	}
	r, err := k.step(ctx, "test", "-e", quote(from))
	if err == nil && r.status != 0 {
		err = &mover.Error{Code: mover.CodeNotFound, Text: fmt.Sprintf("there is nothing at %s to back up", from)}
	}
	if err != nil {
		return Result{}, err
	}
	var made mover.BackupResult
	store := func(ctx context.Context) (err error) {
		made, err = k.upload(ctx, from)
		return err
	}
	err = k.marked(ctx, store)
	if mover.CodeOf(err) == mover.CodeNoRepository && !k.Server {
		if err = k.create(ctx); err == nil {
			err = k.marked(ctx, store)
		}
	}
	return Result{Backup: &made}, err
}

// create makes the repository as `rescue mover` would: the same first backups in other
// pods may do so at this moment.
func (k *kopiaRun) create(ctx context.Context) error {
	files, err := mover.EmptyRepository(ctx, k.loc)
	if err != nil {
		return err
	}
	k.tell(`rm -rf "$dir/source"; mkdir "$dir/source"`)
	if k.Directory != "" {
		k.tell("mkdir -p " + quote(k.Directory))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		k.tell(`mkdir -p "$dir/source/"` + quote(path.Dir(name)))
		k.tell("printf " + octal(files[name]) + ` >"$dir/source/"` + quote(name))
	}
	r, err := k.copySource(ctx)
	// The repository of another that was quicker has other bytes. Opening it tells
	// whether it has our key.
	if err == nil && r.status != 0 && !strings.Contains(r.errors, "incompatible data") {
		err = k.failed(r, "making the repository at "+k.loc.String())
	}
	return err
}

// copySource copies what is in the script's directory source, laid out as a repository,
// to that of the location. What is there already stays as it is.
func (k *kopiaRun) copySource(ctx context.Context) (stepResult, error) {
	k.tell(`printf '{"storage":{"type":"filesystem","config":{"path":"%s","dirShards":null}},"caching":{},"hostname":"rescue","username":"rescue"}' "$dir/source" >"$dir/source.config"`)
	return k.step(ctx, programKopia, `--config-file="$dir/source.config"`, "repository", "sync-to", "from-config", "--no-update", `--file="$dir/repository.config"`)
}

// upload stores the tree, under the mark.
func (k *kopiaRun) upload(ctx context.Context, from string) (mover.BackupResult, error) {
	if err := k.awaitClock(ctx); err != nil {
		return mover.BackupResult{}, err
	}
	source := k.Owner + ":" + from
	// Policies that the repository holds may leave files out. These do not.
	_, err := k.run(ctx, "setting the policy of "+source, "policy", "set", quote(source),
		"--inherit=false", "--ignore-cache-dirs=false", "--one-file-system=false", "--clear-ignore",
		"--clear-dot-ignore", "--add-dot-ignore=.rescue-ignores-nothing",
		"--ignore-file-errors=false", "--ignore-dir-errors=false", "--ignore-identical-snapshots=false", "--compression=zstd-fastest")
	if err != nil {
		return mover.BackupResult{}, err
	}
	// What is uploaded is only counted in full when it is flushed before the count is shown.
	args := []string{"snapshot", "create", "--json", "--fail-fast", "--pin=rescue", "--progress", "--flush-per-source"}
	if !k.Server {
		args = append(args, "--override-source="+quote(source))
	}
	if k.req.Parallel > 0 {
		args = append(args, fmt.Sprintf("--parallel=%d", k.req.Parallel))
	}
	for _, tag := range k.tags() {
		args = append(args, "--tags="+quote(tag))
	}
	strangers, err := k.strangers(ctx, from)
	if err != nil {
		return mover.BackupResult{}, err
	}
	if strangers {
		args = append(args, "--force-hash=100")
	}
	r, err := k.run(ctx, "backup of "+from, append(args, quote(from))...)
	if err != nil {
		return mover.BackupResult{}, err
	}
	s, err := mover.ParseProgramSnapshot(r.out)
	if err == nil && s.Incomplete {
		err = fmt.Errorf("backup of %s: the kopia program broke off", from)
	}
	return mover.BackupResult{
		SnapshotID: s.ID, Path: s.Path, RootSize: s.Size, FileCount: s.FileCount, PhysicalSize: sizeIn(uploadedTalk, r.errors),
	}, err
}

// tags are those of `rescue mover`.
func (k *kopiaRun) tags() []string {
	all := maps.Clone(k.req.Tags)
	if all == nil {
		all = map[string]string{}
	}
	if k.req.Tag != "" {
		all["backupTag"] = k.req.Tag
	}
	if k.req.Origin != "" {
		all["origin"] = k.req.Origin
	}
	var tags []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		tags = append(tags, name+":"+all[name])
	}
	return tags
}

// strangers tells whether the program would compare files with those of another volume
// that was mounted at the same path: it takes those that look the same for unchanged.
func (k *kopiaRun) strangers(ctx context.Context, from string) (bool, error) {
	all, err := k.all(ctx)
	return slices.ContainsFunc(all, func(s mover.ProgramSnapshot) bool {
		return s.Owner == k.Owner && s.Path == from && s.Origin != k.req.Origin
	}), err
}

// maxClockWait bounds the wait of awaitClock, as that of `rescue mover`.
const maxClockWait = 5 * time.Minute

// awaitClock waits until the container's clock is past the last reclaiming of space: of
// two entries for one piece of data kopia believes the later one.
func (k *kopiaRun) awaitClock(ctx context.Context) error {
	if k.Server {
		return nil
	}
	const watermark = "xw" // followed by the time, in seconds
	blobs, err := k.blobs(ctx, watermark)
	if err != nil {
		return err
	}
	var last int64
	for _, b := range blobs {
		if at, err := strconv.ParseInt(strings.TrimPrefix(b.ID, watermark), 10, 64); err == nil {
			last = max(last, at)
		}
	}
	r, err := k.step(ctx, "date", "+%s")
	if err != nil {
		return err
	}
	now, err := strconv.ParseInt(strings.TrimSpace(string(r.out)), 10, 64)
	if err != nil {
		return fmt.Errorf("the container's clock cannot be read: %w", err)
	}
	behind := time.Duration(last-now) * time.Second
	if behind > maxClockWait {
		return fmt.Errorf("the clock of this container is %s behind that of the machine which last cleaned up the repository at %s: set the clocks right", behind, k.loc)
	}
	return pause(ctx, behind)
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
