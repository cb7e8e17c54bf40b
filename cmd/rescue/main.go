// Command rescue backs up, restores and deletes applications on Kubernetes, as
// blueprints say.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/compat/kando"
	"github.com/rescuecue/rescue/interp/local"
)

func main() {
	local.ContainerMain()
	if filepath.Base(os.Args[0]) == "kando" {
		saveMemory()
		ctx, stop := interruptible(context.Background())
		code := kando.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	streams := cli.Streams{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	root := cli.Root(streams)
	root.AddCommand(runCommand(streams), moverCommand(streams), kandoCommand(streams), repositoryServerCommand(streams))
	root.AddCommand(gcCommand(streams), rbacCommand(streams))
	root.AddCommand(resumeCommand(streams), runsCommand(streams))
	root.AddCommand(planCommand(streams))
	completeFlags(root)
	os.Exit(cli.Execute(root, streams, os.Args[1:]))
}
