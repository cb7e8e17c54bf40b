package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rescuecue/rescue/funcs/mover"
)

// markPoll is how often who waits for the others looks for them.
const markPoll = 2 * time.Second

// marked does work with a mark in the repository, as `rescue mover` does: nobody then
// reclaims space that this work is about to use. Behind a server there are no marks, for
// the server has one itself.
func (k *kopiaRun) marked(ctx context.Context, work func(context.Context) error) error {
	if k.Server {
		return work(ctx)
	}
	err := k.setMark(ctx)
	// Credentials that may only read are enough for a restore.
	if mover.CodeOf(err) == mover.CodeDenied && k.req.Op == OpRestore && ctx.Err() == nil {
		return work(ctx)
	}
	if err == nil {
		err = k.awaitOthers(ctx)
	}
	if err == nil {
		err = work(ctx)
	}
	k.removeMark(ctx)
	return err
}

// setMark stores the mark. The program has no command that does so, but one that copies a
// repository: so it gets a second one to copy from, which is the same and has nothing
// but the mark.
func (k *kopiaRun) setMark(ctx context.Context) error {
	k.tell(`rm -rf "$dir/source"; mkdir "$dir/source"`)
	k.tell(`printf '{"default":[],"maxNonShardedLength":1000}' >"$dir/source/.shards"`)
	k.tell(`format() { kopia blob show kopia.repository >"$dir/source/kopia.repository.f"; }`)
	if _, err := k.must(ctx, "opening the repository", "format"); err != nil {
		return err
	}
	k.mark = mover.ProgramMark + k.nonce
	k.tell(`hostname >"$dir/source/"` + k.mark + `.f 2>/dev/null || echo unknown >"$dir/source/"` + k.mark + ".f")
	r, err := k.copySource(ctx)
	if err == nil && r.status != 0 {
		err = k.failed(r, "marking the repository at "+k.loc.String()+" as in use")
	}
	return err
}

// must runs what has to succeed.
func (k *kopiaRun) must(ctx context.Context, what string, words ...string) (stepResult, error) {
	r, err := k.step(ctx, words...)
	if err == nil && r.status != 0 {
		err = k.failed(r, what)
	}
	return r, err
}

// awaitOthers waits until nobody reclaims space. A mark that does not change for long
// is that of somebody who was killed.
func (k *kopiaRun) awaitOthers(ctx context.Context) error {
	since, seen := time.Now(), ""
	for {
		marks, err := k.blobs(ctx, mover.ReclaimMark)
		if err != nil || len(marks) == 0 {
			return err
		}
		if now := fmt.Sprint(marks); now != seen {
			since, seen = time.Now(), now
		}
		if time.Since(since) > mover.MarkStale() {
			return nil
		}
		if err := pause(ctx, markPoll); err != nil {
			return err
		}
	}
}

// removeMark takes the mark back. If that fails, it keeps space from being reclaimed for
// a day, and does no other harm.
func (k *kopiaRun) removeMark(ctx context.Context) {
	if k.mark == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	// See above.
	_, _ = k.step(ctx, programKopia, "blob", "delete", k.mark)
	k.mark = ""
}

// programBlob is one as `kopia blob list --json` shows it.
type programBlob struct {
	ID        string    `json:"id"`
	Timestamp time.Time `json:"timestamp"`
}

func (k *kopiaRun) blobs(ctx context.Context, prefix string) ([]programBlob, error) {
	r, err := k.run(ctx, "listing the repository at "+k.loc.String(), "blob", "list", "--json", "--prefix="+quote(prefix))
	if err != nil {
		return nil, err
	}
	var found []programBlob
	if err := json.Unmarshal(r.out, &found); err != nil {
		return nil, fmt.Errorf("the kopia program's list of blobs: %w", err)
	}
	return found, nil
}
