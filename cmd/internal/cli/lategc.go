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
	before := debug.SetGCPercent(800)
	first := new([16]byte)
	runtime.AddCleanup(first, func(percent int) { debug.SetGCPercent(percent) }, before)
}
