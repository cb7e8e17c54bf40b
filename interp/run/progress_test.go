package run

import (
	"testing"
	"time"

	"github.com/rescuecue/rescue/funcs"
)

// TestMeter: the rest takes as long as the speed so far says.
func TestMeter(t *testing.T) {
	m := &meter{}
	if m.final() != nil {
		t.Error("figures of a phase that moves nothing")
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		after    time.Duration
		figures  funcs.Progress
		remained float64
	}{
		{0, funcs.Progress{HashedBytes: 1, EstimatedBytes: 1000}, 0},                                     // too early to tell
		{2 * time.Second, funcs.Progress{HashedBytes: 10}, 0},                                            // not known how much there is
		{10 * time.Second, funcs.Progress{HashedBytes: 100, CachedBytes: 100, EstimatedBytes: 1000}, 40}, // 20 bytes a second
		{20 * time.Second, funcs.Progress{RestoredBytes: 1000, EstimatedBytes: 1000}, 0},                 // done
		{30 * time.Second, funcs.Progress{RestoredBytes: 1100, EstimatedBytes: 1000}, 0},                 // more than was thought
	} {
		if got := m.add(start.Add(c.after), c.figures); got.RemainingSeconds != c.remained {
			t.Errorf("after %s: %+v, want %v seconds more", c.after, got, c.remained)
		}
	}
	if got := m.final(); got.Restored != 1100 || got.RemainingSeconds != 0 {
		t.Errorf("at the end %+v", got)
	}
}
