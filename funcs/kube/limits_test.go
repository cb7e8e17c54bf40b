package kube

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestDocsTellTheLimits: docs/time-limits.md has the limits that hold.
func TestDocsTellTheLimits(t *testing.T) {
	src, err := os.ReadFile("../../docs/time-limits.md")
	if err != nil {
		t.Fatal(err)
	}
	p := Patience{}.withDefaults()
	for row, limit := range map[string]time.Duration{
		"a pod of ours starts":           p.Start,
		"… its image cannot be pulled":   p.Image,
		"… a Secret, ConfigMap":          p.Config,
		"… a disk cannot be attached":    p.Volume,
		"… no node has room":             p.Unschedulable,
		"the other containers":           settleLimit,
		"the end of a log":               drainLimit,
		"ScaleWorkload":                  ScaleStandstill,
		"… with an error that drivers":   passingLimit,
		"the API server does not answer": outageLimit,
		"removal of a pod of ours":       removeLimit,
		"… which somebody else":          goingLimit,
		"removal of a CSI snapshot that": removeLimit,
	} {
		_, text, found := strings.Cut(string(src), "\n| "+row)
		line, _, _ := strings.Cut(text, "\n")
		cells := strings.Split(line, " | ")
		want := strings.TrimSuffix(limit.String(), "m0s")
		if want != limit.String() {
			want += "m"
		}
		if !found || len(cells) < 2 || !strings.HasPrefix(cells[1], want) {
			t.Errorf("%s: expected %s, the page has %q", row, want, line)
		}
	}
}
