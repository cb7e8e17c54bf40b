package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// A Journal is the append-only record of one run: JSON lines, each on disk before
// the run goes on. While it is open, no other process can open it.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	size int64 // of what is whole
}

// ErrRunning says that another process has the journal open.
var ErrRunning = errors.New("this run is being run by another process")

// OpenJournal opens or creates the journal of a run in dir. A last line that was
// not written whole, because the process was killed, is cut off.
func OpenJournal(dir, run string) (*Journal, error) {
	return openFile(dir, run, os.O_RDWR|os.O_CREATE)
}

// ReopenJournal opens the journal of a run that there is. One that does not exist is an
// error that is os.ErrNotExist.
func ReopenJournal(dir, run string) (*Journal, error) {
	return openFile(dir, run, os.O_RDWR)
}

func openFile(dir, run string, flags int) (*Journal, error) {
	if flags&os.O_CREATE != 0 {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(JournalPath(dir, run), flags, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := lockAndMend(f)
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("journal of run %s: %w", run, err)
	}
	return &Journal{file: f, size: size}, nil
}

// syncDir makes the file's name as durable as its content.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// journalSuffix of the files of journals.
const journalSuffix = ".jsonl"

// JournalPath is the file of a run's journal.
func JournalPath(dir, run string) string { return filepath.Join(dir, run+journalSuffix) }

// lockAndMend takes the journal for this process and returns the size of what is
// whole in it.
func lockAndMend(f *os.File) (int64, error) {
	if err := lock(f); err != nil {
		return 0, err
	}
	if err := stillThere(f); err != nil {
		return 0, err
	}
	src, err := io.ReadAll(f)
	if err != nil {
		return 0, err
	}
	_, whole, err := parse(f.Name(), src)
	if err != nil {
		return 0, err
	}
	if err := f.Truncate(whole); err != nil {
		return 0, err
	}
	_, err = f.Seek(whole, io.SeekStart)
	return whole, err
}

// stillThere finds out that somebody has deleted the journal while this process waited
// for it.
func stillThere(f *os.File) error {
	own, err := f.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(f.Name())
	if err == nil && !os.SameFile(own, there) {
		return os.ErrNotExist
	}
	return err
}

// Append writes an event and returns when it is on disk.
func (j *Journal) Append(e Event) error {
	e.Version = JournalVersion
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = j.file.Write(append(line, '\n'))
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		// Half a line would spoil the next one.
		return errors.Join(err, j.cut())
	}
	j.size += int64(len(line) + 1)
	return nil
}

// cut removes what was written after the last whole event.
func (j *Journal) cut() error {
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	_, err := j.file.Seek(j.size, io.SeekStart)
	return err
}

// Events are those that the journal has.
func (j *Journal) Events() ([]Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	src := make([]byte, j.size)
	if _, err := j.file.ReadAt(src, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	events, _, err := parse(j.file.Name(), src)
	return events, err
}

// Close lets other processes open the journal.
func (j *Journal) Close() error { return j.file.Close() }
