package agent_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/funcs/mover/agent"
	"github.com/rescuecue/rescue/funcs/store/cloudtest"
)

// The keys that a role gives are known in the mover alone. They must not get out of it, also
// where the store repeats them in its errors.
func TestServeKeysOfRole(t *testing.T) {
	cloud := cloudtest.TalkativeS3(t)
	for _, op := range []agent.Op{
		agent.OpProbe, agent.OpBackup, agent.OpRestore, agent.OpDelete, agent.OpStats, agent.OpList, agent.OpCheck, agent.OpMeasure,
		agent.OpReclaim, agent.OpDeleteObjects,
	} {
		t.Run(string(op), func(t *testing.T) {
			req := request(t, op)
			req.Profile, req.Path, req.Target, req.Key, req.Repository = cloud.Profile, t.TempDir(), t.TempDir(), "a", cloud.Profile.Location.Bucket+"/app"
			var said strings.Builder
			exec := func(ctx context.Context, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
				return here(t)(ctx, command, stdin, io.MultiWriter(stdout, &said), io.MultiWriter(stderr, &said))
			}
			_, err := agent.Call(t.Context(), exec, "pod shop/web", req, nil)
			if err == nil {
				t.Fatal("the store refuses, and it works all the same")
			}
			all := err.Error() + "\n" + said.String()
			if !strings.Contains(all, "refused to *** with ***") {
				t.Errorf("it is not what the store says: %s", all)
			}
			for _, canary := range cloud.Canaries {
				if strings.Contains(all, canary) {
					t.Errorf("%s got out: %s", canary, all)
				}
			}
		})
	}
}
