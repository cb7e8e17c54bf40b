package conformance

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/local"
)

func TestMain(m *testing.M) {
	local.ContainerMain()
	goleak.VerifyTestMain(m)
}

// TestLocal runs the cases on the local runtime. The same ones run on a real cluster
// by make e2e.
func TestLocal(t *testing.T) {
	env := &funcs.Env{Clock: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))}
	cluster, err := local.Open(t.TempDir(), local.Options{Log: env.Log})
	if err != nil && (strings.Contains(err.Error(), "does not let rescue isolate containers") || strings.Contains(err.Error(), "needs Linux")) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	cluster.Env(env)
	Test(t, Place{Name: "local", Env: env, Image: "any:1", StorageClass: "local", SnapshotClass: "local", Driver: "rescue.local"})
}
