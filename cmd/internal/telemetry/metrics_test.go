package telemetry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rescuecue/rescue/interp/run"
)

// ended is a run of one phase that took 2 of the run's 3 seconds.
func ended(at time.Time, state run.State) Run {
	phaseEnd := at.Add(-time.Second)
	started := phaseEnd.Add(-2 * time.Second)
	return Run{Object: "shop/db", Result: &run.Result{
		Blueprint: "pg", Action: "backup", State: state, Started: at.Add(-3 * time.Second), Ended: at,
		Phases: []*run.PhaseResult{{
			Name: "dump", Func: "KubeTask", State: state, Started: &started, Ended: &phaseEnd, Attempts: 2,
			Progress: &run.Progress{Uploaded: 42},
		}},
	}}
}

func metricsOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMetricsOfARun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rescue.prom")
	if err := WriteMetrics(path, []Run{ended(time.Unix(1000, 0), run.Complete)}); err != nil {
		t.Fatal(err)
	}
	text := metricsOf(t, path)
	of := `action="backup",blueprint="pg"`
	for _, want := range []string{
		"rescue_run_success{" + of + `,object="shop/db"} 1`,
		"rescue_run_duration_seconds{" + of + `,object="shop/db"} 3`,
		"rescue_run_end_timestamp_seconds{" + of + `,object="shop/db"} 1000`,
		"rescue_run_last_success_timestamp_seconds{" + of + `,object="shop/db"} 1000`,
		"rescue_phase_success{" + of + `,func="KubeTask",object="shop/db",phase="dump"} 1`,
		"rescue_phase_duration_seconds{" + of + `,func="KubeTask",object="shop/db",phase="dump"} 2`,
		"rescue_phase_attempts{" + of + `,func="KubeTask",object="shop/db",phase="dump"} 2`,
		"rescue_phase_bytes{" + of + `,func="KubeTask",kind="uploaded",object="shop/db",phase="dump"} 42`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
}

// TestLastSuccessOutlivesAFailure: an alert on its age has something to compare.
func TestLastSuccessOutlivesAFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rescue.prom")
	for _, r := range []Run{ended(time.Unix(1000, 0), run.Complete), ended(time.Unix(2000, 0), run.Failed), ended(time.Unix(3000, 0), run.Failed)} {
		if err := WriteMetrics(path, []Run{r}); err != nil {
			t.Fatal(err)
		}
	}
	text := metricsOf(t, path)
	for _, want := range []string{`rescue_run_last_success_timestamp_seconds{action="backup",blueprint="pg",object="shop/db"} 1000`, `rescue_run_success{action="backup",blueprint="pg",object="shop/db"} 0`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
}

func TestAFileOfAnotherKindIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte("remember the milk\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := WriteMetrics(path, []Run{ended(time.Unix(1000, 0), run.Complete)})
	if err == nil || !strings.Contains(err.Error(), "holds no metrics") || !strings.Contains(metricsOf(t, path), "milk") {
		t.Errorf("error %v, file %q", err, metricsOf(t, path))
	}
}
