package cli

import (
	"os"
	"runtime"
	"runtime/debug"
)

// lateGC lets the heap grow to a few ten megabytes before it is collected the first
// time: checking one file ends before that, and would spend a fifth of its time on
// collections of what it still needs. From then on it is as Go has it. GOGC, if it is
// set, goes before.
func lateGC() {
	if os.Getenv("GOGC") != "" {
		return
	}
	const late = 800
	percent := debug.SetGCPercent(late)
	// The end of the first collection is noticed a moment later. Until then what is left
	// of the heap must not grow as much again.
	const most = 64 << 20
	limit := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, most))
	first := new([16]byte)
	runtime.AddCleanup(first, func(struct{}) {
		// A command may have set its own meanwhile.
		if now := debug.SetGCPercent(percent); now != late {
			debug.SetGCPercent(now)
		}
		if now := debug.SetMemoryLimit(limit); now != most {
			debug.SetMemoryLimit(now)
		}
	}, struct{}{})
}
