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
	before := debug.SetGCPercent(late)
	first := new([16]byte)
	runtime.AddCleanup(first, func(percent int) {
		if now := debug.SetGCPercent(percent); now != late {
			debug.SetGCPercent(now) // a command has set its own meanwhile
		}
	}, before)
}
