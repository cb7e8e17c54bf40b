package mover

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestLookAheadLimits: what is too much, too old or wrong is looked at again.
func TestLookAheadLimits(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := (&source{}).open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ahead := &Ahead{}
	if all, whole := ahead.see(root.(*sourceDir), 4); len(all) != 3 || !whole {
		t.Errorf("%d of 3 entries, whole: %t", len(all), whole)
	}
	if _, whole := ahead.see(root.(*sourceDir), 0); whole {
		t.Error("a directory that is too large was seen whole")
	}
	if _, whole := ahead.see(&sourceDir{sourceEntry: sourceEntry{path: filepath.Join(dir, "absent")}}, 4); whole {
		t.Error("a directory that is not there was seen whole")
	}

	fresh := LookAhead(dir)
	<-fresh.done
	if _, ok := fresh.source().seen(dir); !ok {
		t.Error("nothing was seen")
	}
	if _, ok := fresh.source().seen(dir); ok {
		t.Error("what was seen is used twice")
	}
	old := LookAhead(dir)
	<-old.done
	old.began = time.Now().Add(-aheadAge)
	if _, ok := old.source().seen(dir); ok {
		t.Error("what was seen long ago is used")
	}
	LookAhead(filepath.Join(dir, "absent")).Close()
}
