package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

const (
	// thriftyGC is the GC percentage of who moves data. The heap is then buffers of some
	// MiB without a pointer in them: to collect it costs next to nothing, and to let it
	// double costs memory that pods do not have.
	thriftyGC = 40
	// Below this size in bytes the heap is not collected at all: the derivation of a
	// repository's key needs as much at once, and a small backup takes a sixth less
	// processor time.
	heapFloor = 64 << 20
	// Of a container's memory, this share is for the heap; the rest is for what is not
	// heap, and for the other programs of the script.
	heapShare = 0.7
)

// memoryLimits are where a container finds its own limit, in cgroups of either version.
var memoryLimits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// saveMemory is for the programs that run inside of pods. GOGC and GOMEMLIMIT, if they
// are set, go before.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		collectLate()
	}
	if limit, ok := containerMemory(memoryLimits); ok && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(float64(limit) * heapShare))
	}
}

// collectLate sets the GC percentage for the heap as it is now, and again after each
// collection.
func collectLate() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(gcPercent(live[0].Value.Uint64()))
	collected := new([16]byte)
	runtime.AddCleanup(collected, func(struct{}) { collectLate() }, struct{}{})
}

// gcPercent is that for a heap of so many bytes in use.
func gcPercent(live uint64) int {
	const least = 4 << 20 // Go takes a smaller heap for one of this size
	return max(thriftyGC, int(heapFloor*100/max(live, least))-100)
}

// containerMemory returns the limit of this container in bytes, if it has one.
func containerMemory(files []string) (int64, bool) {
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a cgroup of the other version, or none
		}
		// "max" is no limit.
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
			return limit, true
		}
	}
	return 0, false
}
