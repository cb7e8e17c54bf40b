// Command rescue-vet has the commands of rescue that need no cluster. It is a
// small program, for hooks and CI.
package main

import (
	"os"
	"runtime/debug"

	"github.com/rescuecue/rescue/cmd/internal/cli"
)

// generousGC is the GC percentage of who checks blueprints: nearly all that an evaluation
// makes is garbage at its end, so a larger heap costs little memory and saves a quarter of
// the time.
const generousGC = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(generousGC)
	}
	os.Exit(cli.Main("rescue-vet", os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
