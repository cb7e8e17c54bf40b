package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestContainerMemory(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	none, limited, unlimited := filepath.Join(dir, "none"), file("limited", "268435456\n"), file("unlimited", "max\n")
	for name, tt := range map[string]struct {
		files []string
		want  int64
	}{
		"limited":         {[]string{limited, none}, 256 << 20},
		"the other kind":  {[]string{none, limited}, 256 << 20},
		"no limit":        {[]string{unlimited, none}, 0},
		"no cgroups":      {[]string{none}, 0},
		"what is that":    {[]string{file("text", "a lot")}, 0},
		"nothing at all":  {nil, 0},
		"a limit of zero": {[]string{file("zero", "0\n")}, 0},
	} {
		if got, ok := containerMemory(tt.files); got != tt.want || ok != (tt.want > 0) {
			t.Errorf("%s: %d, %t; expected %d", name, got, ok, tt.want)
		}
	}
}

func TestSaveMemoryLeavesWhatIsSet(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "150")
	saveMemory()
	if now := debug.SetGCPercent(100); now != 100 {
		t.Errorf("GOGC was set, and the percentage became %d", now)
	}
	t.Setenv("GOGC", "")
	saveMemory()
	if now := debug.SetGCPercent(100); now == 150 || now < thriftyGC {
		t.Errorf("the percentage is %d", now)
	}
}

// TestGCPercent: a heap is collected at heapFloor, or when it has grown by thriftyGC.
func TestGCPercent(t *testing.T) {
	for live, next := range map[uint64]uint64{
		0:         64 << 20,
		4 << 20:   64 << 20,
		16 << 20:  64 << 20,
		50 << 20:  70 << 20,
		100 << 20: 140 << 20,
		1 << 40:   7 << 40 / 5,
	} {
		got := max(live, 4<<20) * uint64(100+gcPercent(live)) / 100
		if diff := int64(got) - int64(next); max(diff, -diff) > int64(next/50) {
			t.Errorf("in use %d: collected at %d, expected %d", live, got, next)
		}
	}
}
