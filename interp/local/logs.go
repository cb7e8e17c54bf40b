package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// A logBook keeps the log of the last run of each container, in
// DIRECTORY/POD-UID/CONTAINER.RUN.log.
type logBook struct {
	dir string

	mu   sync.Mutex
	logs map[logKey]*containerLog
}

type logKey struct {
	pod       types.UID
	container string
}

// A containerLog is the log of one run of a container: not begun, being written,
// or ended.
type containerLog struct {
	mu      sync.Mutex
	path    string
	begun   bool
	ended   bool
	size    int64
	changed chan struct{} // closed and replaced at every change
}

func newLogBook(dir string) *logBook {
	return &logBook{dir: dir, logs: map[logKey]*containerLog{}}
}

func (b *logBook) get(pod types.UID, container string) *containerLog {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := logKey{pod, container}
	log := b.logs[key]
	if log == nil {
		log = newContainerLog()
		b.logs[key] = log
	}
	return log
}

func newContainerLog() *containerLog { return &containerLog{changed: make(chan struct{})} }

// fresh gives the log of the next run: the one that readers may wait for already,
// or a new one.
func (b *logBook) fresh(pod types.UID, container string) *containerLog {
	log := b.get(pod, container)
	if begun, ended, _, _ := log.state(); !begun && !ended {
		return log
	}
	log = newContainerLog()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.logs[logKey{pod, container}] = log
	return log
}

func (b *logBook) files(pod types.UID, container string) ([]string, error) {
	return filepath.Glob(filepath.Join(b.dir, string(pod), container+".*.log"))
}

// forget ends the logs of a pod that is gone.
func (b *logBook) forget(pod types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, log := range b.logs {
		if key.pod == pod {
			log.change(func() { log.ended = true })
			delete(b.logs, key)
		}
	}
}

func (l *containerLog) change(edit func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	edit()
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *containerLog) state() (begun, ended bool, size int64, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun, l.ended, l.size, l.changed
}

// begin opens the log of a new run, and removes the log of the run before it.
func (b *logBook) begin(pod types.UID, container string) (*logWriter, error) {
	dir := filepath.Join(b.dir, string(pod))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	old, err := b.files(pod, container)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(dir, container+".*.log")
	if err != nil {
		return nil, err
	}
	if err := removeAll(old...); err != nil {
		return nil, closing(err, file)
	}
	log := b.fresh(pod, container)
	log.change(func() { log.begun, log.path = true, file.Name() })
	return &logWriter{log: log, file: file}, nil
}

// A logWriter puts a container's stdout and stderr into one log, line by line, so
// that a line of one never ends up within a line of the other.
type logWriter struct {
	log  *containerLog
	file *os.File

	mu      sync.Mutex
	failed  error
	copying sync.WaitGroup
	readers []*os.File
}

// maxLine is how long a line may grow before it is written in pieces.
const maxLine = 16 << 20

// streams gives the files for a process to write to. They are the caller's to close.
func (w *logWriter) streams() (stdout, stderr *os.File, err error) {
	if stdout, err = w.stream(); err != nil {
		return nil, nil, err
	}
	if stderr, err = w.stream(); err != nil {
		return nil, nil, closing(err, stdout)
	}
	return stdout, stderr, nil
}

func (w *logWriter) stream() (*os.File, error) {
	r, child, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	w.readers = append(w.readers, r)
	w.copying.Add(1)
	go func() {
		defer w.copying.Done()
		w.copyLines(r)
	}()
	return child, nil
}

func (w *logWriter) copyLines(r io.Reader) {
	var line []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		line = append(line, buf[:n]...)
		end := bytes.LastIndexByte(line, '\n') + 1
		if err != nil || len(line) > maxLine {
			end = len(line)
		}
		if end > 0 {
			w.write(line[:end])
			line = append(line[:0], line[end:]...)
		}
		if err != nil {
			return
		}
	}
}

func (w *logWriter) write(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return
	}
	n, err := w.file.Write(p)
	w.failed = err
	w.log.change(func() { w.log.size += int64(n) })
}

// close waits for the last lines. It is called when no process of the container is
// left that could write more.
func (w *logWriter) close() error {
	w.copying.Wait()
	for _, r := range w.readers {
		w.failed = errors.Join(w.failed, r.Close())
	}
	err := errors.Join(w.failed, w.file.Close())
	w.log.change(func() { w.log.ended = true })
	return err
}

// tail gives the last lines, as Kubernetes takes them for a termination message.
func (w *logWriter) tail() string {
	w.copying.Wait()
	const limit = 2 << 10
	_, _, size, _ := w.log.state()
	buf := make([]byte, min(size, limit))
	if _, err := w.file.ReadAt(buf, size-int64(len(buf))); err != nil {
		return ""
	}
	return string(buf)
}

// follow writes the log to out from its beginning. With wait, it goes on until the
// container has ended; otherwise it stops at what is there.
func (l *containerLog) follow(ctx context.Context, out io.Writer, wait bool) error {
	file, err := l.open(ctx, wait)
	if err != nil || file == nil {
		return err
	}
	err = l.copy(ctx, file, out, wait)
	return errors.Join(err, file.Close())
}

// open waits for the log to begin. A nil file says that there will be none.
func (l *containerLog) open(ctx context.Context, wait bool) (*os.File, error) {
	for {
		begun, ended, _, changed := l.state()
		switch {
		case begun:
			return l.openFile()
		case ended || !wait:
			return nil, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// openFile gives nil for a log that was removed: its container was started again.
func (l *containerLog) openFile() (*os.File, error) {
	l.mu.Lock()
	path := l.path
	l.mu.Unlock()
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return file, err
}

func (l *containerLog) copy(ctx context.Context, file *os.File, out io.Writer, wait bool) error {
	done := int64(0)
	for {
		_, ended, size, changed := l.state()
		n, err := io.CopyN(out, file, size-done)
		if done += n; err != nil {
			return err
		}
		if ended || !wait {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// revive makes the log of a container that ended in an earlier process readable.
func (b *logBook) revive(pod types.UID, container string, log *containerLog) error {
	files, err := b.files(pod, container)
	if err != nil || len(files) == 0 {
		log.change(func() { log.ended = true })
		return err
	}
	path := files[len(files)-1]
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	log.change(func() { log.begun, log.ended, log.size, log.path = true, true, info.Size(), path })
	return nil
}

// Follow implements funcs.PodLogs.
func (k *kubelet) Follow(ctx context.Context, namespace, pod, container string, w io.Writer) error {
	log, err := k.log(namespace, pod, container)
	if err != nil {
		return err
	}
	return log.follow(ctx, w, true)
}

func (k *kubelet) log(namespace, podName, container string) (*containerLog, error) {
	pod, err := k.c.pod(namespace, podName)
	if err != nil {
		return nil, err
	}
	name, err := containerName(pod, container)
	if err != nil {
		return nil, err
	}
	log := k.logs.get(pod.UID, name)
	if begun, ended, _, _ := log.state(); !begun && !ended && finished(pod) {
		if err := k.logs.revive(pod.UID, name, log); err != nil {
			return nil, fmt.Errorf("log of container %s: %w", name, err)
		}
	}
	return log, nil
}

// serveLog answers GET …/pods/NAME/log.
func (k *kubelet) serveLog(w http.ResponseWriter, r *http.Request, namespace, pod string) {
	query := r.URL.Query()
	log, err := k.log(namespace, pod, query.Get("container"))
	if err == nil {
		err = checkLogQuery(query)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	// The status is out by now: a failure can only cut the stream short.
	_ = log.follow(r.Context(), w, query.Get("follow") == "true")
}

func checkLogQuery(query map[string][]string) error {
	for _, option := range []string{"previous", "sinceSeconds", "sinceTime", "tailLines", "limitBytes", "timestamps"} {
		if v := query[option]; len(v) > 0 && v[0] != "false" {
			return apierrors.NewBadRequest("the local runtime does not offer the log option " + option)
		}
	}
	return nil
}
