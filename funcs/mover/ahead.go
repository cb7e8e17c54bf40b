package mover

import (
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// aheadEntries bounds what is looked at ahead, and so its memory: about 20 MB.
	aheadEntries = 1 << 15
	// aheadAge is the age at which what was seen counts for nothing.
	aheadAge = 5 * time.Second
)

// Ahead looks at a tree that is about to be backed up. To open a repository takes a fifth
// of a second of one processor, in which others can do what a backup begins with.
type Ahead struct {
	began time.Time
	stop  atomic.Bool
	done  chan struct{}
	// dirs has what is in the directories that were seen whole, by path.
	dirs map[string][]seen
	src  *source
}

// LookAhead begins to look at the tree at path. It reports no errors: the backup meets
// them again. What it starts ends with Backup or Close, or soon by itself.
func LookAhead(path string) *Ahead {
	a := &Ahead{began: time.Now(), done: make(chan struct{}), dirs: map[string][]seen{}, src: &source{}}
	go func() {
		defer close(a.done)
		a.walk(path)
	}()
	return a
}

// Close ends the looking.
func (a *Ahead) Close() {
	a.stop.Store(true)
	<-a.done
}

// source returns the source of a backup, with what was seen of it.
func (a *Ahead) source() *source {
	if a == nil {
		return &source{}
	}
	a.Close()
	if time.Since(a.began) < aheadAge {
		a.src.ahead = a.dirs
	}
	return a.src
}

// walk sees the directories nearest to the root first.
func (a *Ahead) walk(path string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return
	}
	root, err := a.src.open(path)
	if err != nil {
		return
	}
	left := aheadEntries
	for next := directories(nil, seen{entry: root}); len(next) > 0; next = next[1:] {
		all, whole := a.see(next[0], left)
		if !whole {
			return
		}
		left -= len(all)
		a.dirs[next[0].path] = all
		next = directories(next, all...)
	}
}

// directories appends those among what was seen.
func directories(to []*sourceDir, all ...seen) []*sourceDir {
	for _, s := range all {
		if dir, ok := s.entry.(*sourceDir); ok {
			to = append(to, dir)
		}
	}
	return to
}

// see looks at a directory, unless it has more than most entries or cannot be read.
func (a *Ahead) see(dir *sourceDir, most int) (all []seen, whole bool) {
	f, err := os.Open(dir.path)
	if err != nil {
		return nil, false
	}
	// A directory that was only read loses nothing if closing fails.
	defer func() { _ = f.Close() }()
	for !a.stop.Load() && len(all) < most {
		batch, err := f.ReadDir(readBatch)
		if ignoreEOF(err) != nil {
			return nil, false
		}
		if len(batch) == 0 {
			return all, !slices.ContainsFunc(all, func(s seen) bool { return s.err != nil })
		}
		all = append(all, dir.lookAll(batch)...)
	}
	return nil, false
}
