// Command rescue-vet has the commands of rescue that need no cluster. It is a
// small program, for hooks and CI.
package main

import (
	"os"

	"github.com/rescuecue/rescue/cmd/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
