package mover_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rescuecue/rescue/funcs/mover"
)

// benchTree makes 256 MiB in one file that does not compress and 2,000 files of
// 4 KiB, and returns its size.
func benchTree(b *testing.B) (string, int64) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "data")
	const large, small, count = 256 << 20, 4 << 10, 2000
	write(b, filepath.Join(dir, "large"), random(1, large))
	content := random(2, small*count)
	for i := range count {
		write(b, filepath.Join(dir, "small", fmt.Sprint(i%20), fmt.Sprint(i)), content[i*small:(i+1)*small])
	}
	return dir, large + small*count
}

// BenchmarkBackup is a first backup, into a new repository in a directory.
func BenchmarkBackup(b *testing.B) {
	src, size := benchTree(b)
	b.SetBytes(size)
	for b.Loop() {
		b.StopTimer()
		r := openNew(b, location(b))
		b.StartTimer()
		backup(b, r, src, "")
	}
	reportHeap(b)
}

// BenchmarkBackupAgain is a backup of a tree that has not changed.
func BenchmarkBackupAgain(b *testing.B) {
	src, size := benchTree(b)
	r := openNew(b, location(b))
	backup(b, r, src, "")
	b.SetBytes(size)
	for b.Loop() {
		backup(b, r, src, "")
	}
}

// BenchmarkRestore restores with a cold cache, as a new pod does.
func BenchmarkRestore(b *testing.B) {
	src, size := benchTree(b)
	loc := location(b)
	id := backup(b, openNew(b, loc), src, "").SnapshotID
	b.SetBytes(size)
	for b.Loop() {
		b.StopTimer()
		target, err := os.MkdirTemp(b.TempDir(), "")
		must(b, err)
		r, err := mover.Open(context.Background(), loc)
		must(b, err)
		b.StartTimer()
		restore(b, r, mover.RestoreRequest{Selector: mover.Selector{ID: id}, Target: target})
		b.StopTimer()
		must(b, r.Close(context.Background()))
		must(b, os.RemoveAll(target))
		b.StartTimer()
	}
	reportHeap(b)
}

// reportHeap shows what the process got from the system for its heap.
func reportHeap(b *testing.B) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapSys)/(1<<20), "heap-MiB")
}
