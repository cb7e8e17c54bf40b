package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/fsnotify/fsnotify"
)

// quiet is how long nothing must happen before a change counts as complete: editors
// write a file in several steps.
const quiet = 10 * time.Millisecond

// A fileWatch says when files at some paths change. It watches folders, not files:
// editors save by writing another file and renaming it.
type fileWatch struct {
	watcher *fsnotify.Watcher
	paths   []string
	// named are the files among the paths, whatever their suffix.
	named map[string]bool
}

func newFileWatch(paths []string) (*fileWatch, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("the system does not report changes of files: %w", err)
	}
	w := &fileWatch{watcher: watcher, paths: paths, named: map[string]bool{}}
	if err := w.addPaths(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// close gives up what the system keeps for the watch; nothing is lost if it cannot.
func (w *fileWatch) close() { _ = w.watcher.Close() }

func (w *fileWatch) addPaths() error {
	for _, path := range w.paths {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			err = w.addTree(path)
		case err == nil:
			w.named[filepath.Clean(path)] = true
			err = w.watcher.Add(filepath.Dir(path))
		case strings.ContainsAny(path, "*?[{"):
			base, _ := doublestar.SplitPattern(filepath.ToSlash(path))
			err = w.addTree(filepath.FromSlash(base))
		}
		if err != nil {
			return watchError(path, err)
		}
	}
	return nil
}

func watchError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: there is no such file or folder to watch", path)
	}
	return fmt.Errorf("watch %s: %w (on Linux the sysctl fs.inotify.max_user_watches limits the number of folders)", path, err)
}

// addTree watches a folder and those below it that can hold blueprints. A folder that
// goes away meanwhile needs no watch.
func (w *fileWatch) addTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil || !d.IsDir():
			return nil
		case path != root && unwatched(d.Name()):
			return filepath.SkipDir
		}
		if err := w.watcher.Add(path); err != nil && (path == root || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
		return nil
	})
}

// unwatched folders hold no blueprints of the user's own.
func unwatched(name string) bool {
	return strings.HasPrefix(name, ".") || name == "node_modules"
}

// wait returns when something has changed and no more changes follow at once, or when
// ctx ends.
func (w *fileWatch) wait(ctx context.Context) error {
	changed := false
	for {
		var settled <-chan time.Time
		if changed {
			settled = time.After(quiet)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-settled:
			return nil
		case event := <-w.watcher.Events:
			relevant, err := w.relevant(event)
			if err != nil {
				return err
			}
			changed = changed || relevant
		case err := <-w.watcher.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("the system stopped to report changes of files: %w", err)
			}
			// Some changes are not known: look at everything.
			if err := w.addPaths(); err != nil {
				return err
			}
			changed = true
		}
	}
}

// relevant tells whether an event may change the report. A new folder is watched.
func (w *fileWatch) relevant(event fsnotify.Event) (bool, error) {
	if event.Op == fsnotify.Chmod {
		return false, nil
	}
	if event.Has(fsnotify.Create) {
		if info, err := os.Stat(event.Name); err == nil && info.IsDir() {
			if unwatched(filepath.Base(event.Name)) || !w.inTree(event.Name) {
				return false, nil
			}
			err := w.addTree(event.Name)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // It is gone again.
			}
			return true, err
		}
	}
	ext := strings.ToLower(filepath.Ext(event.Name))
	return slices.Contains([]string{".cue", ".yaml", ".yml", ".json"}, ext) || w.named[filepath.Clean(event.Name)], nil
}

// inTree tells folders that were asked for from those beside a file that was.
func (w *fileWatch) inTree(dir string) bool {
	return slices.ContainsFunc(w.paths, func(path string) bool {
		if w.named[filepath.Clean(path)] {
			return false
		}
		base, _ := doublestar.SplitPattern(filepath.ToSlash(path) + "/*")
		rel, err := filepath.Rel(filepath.FromSlash(base), dir)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
	})
}
