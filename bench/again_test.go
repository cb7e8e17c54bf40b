package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkDataAgain backs up data of which a hundredth has changed, again and again, with
// `rescue mover` and the kopia program in turn: their second backups take about as long, and
// differences between runs are larger. It reports medians, and needs what BenchmarkData does.
func BenchmarkDataAgain(b *testing.B) {
	if os.Getenv("RESCUE_BENCH_DATA") == "" {
		b.Skip("moves gigabytes: set RESCUE_BENCH_DATA=1")
	}
	rescue, _, _ := programs(b)
	for _, set := range []struct {
		name         string
		files, bytes int
	}{
		{"1024 files of 1 MiB", 1024, 1 << 20},
		{"20,000 files of 4 KiB", 20_000, 4 << 10},
		{"100,000 files of 4 KiB", 100_000, 4 << 10},
	} {
		b.Run(set.name, func(b *testing.B) {
			inTurn(b, []program{&rescueProgram{path: rescue}, &kopiaProgram{}}, int(float64(set.files)*scale(b)), set.bytes)
		})
	}
}

// inTurn measures further backups into a repository for each program.
func inTurn(b *testing.B, programs []program, files, size int) {
	b.Helper()
	dir := b.TempDir()
	source := filepath.Join(dir, "source")
	generate(b, source, files, size)
	stores, took := make([]store, len(programs)), make([][]time.Duration, len(programs))
	for i, p := range programs {
		stores[i] = newStore(b, filepath.Join(dir, p.name()))
		defer newBucket(b, stores[i])()
		stores[i].cold(b)
		p.create(b, stores[i])
		p.backup(b, stores[i], source)
	}
	for b.Loop() {
		change(b, source, files, size)
		for i, p := range programs {
			took[i] = append(took[i], p.backup(b, stores[i], source).took)
		}
	}
	for i, p := range programs {
		slices.Sort(took[i])
		b.ReportMetric(took[i][len(took[i])/2].Seconds(), "s-"+p.name())
	}
}

// newStore is one with a bucket of its own, which is not made yet.
func newStore(b *testing.B, scratch string) store {
	b.Helper()
	return store{
		endpoint: needed(b, "RESCUE_E2E_S3_ENDPOINT"), id: needed(b, "RESCUE_E2E_S3_ACCESS_KEY"), secret: needed(b, "RESCUE_E2E_S3_SECRET_KEY"),
		bucket: fmt.Sprintf("rescue-bench-%d", time.Now().UnixNano()), prefix: "data", scratch: scratch,
	}
}
