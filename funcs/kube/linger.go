package kube

import (
	"path"
	"slices"
	"time"
)

// IdleOutput is how long output may pause after a shell's command has ended, before what
// it left running in the background is no longer listened to.
const IdleOutput = 2 * time.Second

var shells = []string{"sh", "bash", "ash", "dash", "ksh", "zsh"}

// RunByShell tells whether the program of a command is a shell. Of these alone a cluster
// tells, by a trailer, that they have ended while others hold their output open.
func RunByShell(command []string) bool {
	return len(command) > 0 && slices.Contains(shells, path.Base(command[0]))
}
