package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	// thriftyGC is the GC percentage of who moves data. The heap is then buffers of some
	// MiB without a pointer in them: to collect it costs next to nothing, and to let it
	// double costs memory that pods do not have.
	thriftyGC = 40
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
		debug.SetGCPercent(thriftyGC)
	}
	if limit, ok := containerMemory(memoryLimits); ok && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(float64(limit) * heapShare))
	}
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
