package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kopiaserver"
)

// repositoryServerFlags are the flags of `rescue repository-server`.
type repositoryServerFlags struct {
	name, namespace, pod, service string
	listen, program, dir          string
	create                        bool
	session                       sessionFlags
}

func (f *repositoryServerFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.name, "name", "", "`NAME` of the RepositoryServer")
	fs.StringVar(&f.namespace, "namespace", "", "`NAMESPACE` of the RepositoryServer (default: that of the pod, or of the kubeconfig's context)")
	fs.StringVar(&f.service, "service", "", "`NAME` of the Service by which clients reach this pod (default: that of the RepositoryServer)")
	fs.StringVar(&f.pod, "pod", os.Getenv("HOSTNAME"), "`NAME` of this pod, for the status of the RepositoryServer")
	fs.StringVar(&f.listen, "listen", "0.0.0.0:51515", "`HOST:PORT` to listen at")
	fs.StringVar(&f.program, "kopia", "kopia", "the kopia `PROGRAM`")
	fs.StringVar(&f.dir, "dir", "", "`DIR` in which to make a folder for the cache and the keys; it is removed at the end (default: that for temporary files)")
	fs.BoolVar(&f.create, "create", false, "make the repository if there is none")
	fs.StringVar(&f.session.Kubeconfig, "kubeconfig", "", "`FILE` with the cluster's address and credentials (default: $KUBECONFIG, ~/.kube/config, or the pod's own account)")
	fs.StringVar(&f.session.Context, "context", "", "`NAME` of the kubeconfig's context")
}

// repositoryServerCommand stands in for the controller that Kanister no longer has.
func repositoryServerCommand(streams cli.Streams) *cobra.Command {
	var f repositoryServerFlags
	cmd := &cobra.Command{
		Use:   "repository-server --name NAME",
		Short: "Run the Kopia repository server that a RepositoryServer resource asks for",
		Long: `Run the Kopia repository server that a RepositoryServer resource asks for, with its
users, and write the resource's status. It needs the kopia program, and runs in a pod:
see deploy/repository-server. It ends with the first signal.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.name == "" {
				return usage("which RepositoryServer? give it with --name")
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return f.run(ctx, streams)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *repositoryServerFlags) run(ctx context.Context, streams cli.Streams) error {
	f.session.Runtime, f.session.WorkNamespace = "cluster", f.namespace
	s, err := f.session.open(ctx, streams.Stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(f.dir, "rescue-repository-server-")
	if err != nil {
		return cannot(fmt.Errorf("--dir: %w", err))
	}
	service := &kopiaserver.Service{
		Cluster:     kopiaserver.Cluster{Kube: s.env.Kube, Dynamic: s.env.Dynamic},
		Namespace:   s.env.Namespace,
		Name:        f.name,
		Pod:         f.pod,
		ServiceName: cmp.Or(f.service, f.name),
		Options: kopiaserver.Options{
			Program: f.program, Dir: dir, Listen: f.listen, Create: f.create,
			Log: slog.New(newLineHandler(streams.Stderr)),
		},
	}
	return cannot(errors.Join(service.Run(ctx), os.RemoveAll(dir), s.close(context.WithoutCancel(ctx))))
}

// repositoryServer reads the server that the flag names, or else the ActionSet. Most
// actions have none.
func (f *runFlags) repositoryServer(ctx context.Context, env *funcs.Env, ref *compat.ObjectReference) (*compat.RepositoryServer, error) {
	namespace, name := env.Namespace, f.server
	if before, after, ok := strings.Cut(f.server, "/"); ok {
		namespace, name = before, after
	}
	if name == "" && ref != nil {
		namespace, name = cmp.Or(ref.Namespace, env.Namespace), ref.Name
	}
	if name == "" {
		return nil, nil
	}
	return kopiaserver.Cluster{Kube: env.Kube, Dynamic: env.Dynamic}.Params(ctx, namespace, name)
}
