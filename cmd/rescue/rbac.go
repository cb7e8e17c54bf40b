package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/rbac"
)

func rbacCommand(streams cli.Streams) *cobra.Command {
	var f rbacFlags
	cmd := &cobra.Command{
		Use:   "rbac FILE",
		Short: "Print the least Role that a blueprint needs",
		Long: `Print the least Roles, and the ClusterRole where one is needed, with which the actions
of a blueprint run: CUE or legacy YAML, a file or a folder. Each rule has its reasons as
a comment. It needs no cluster.

There is a Role for each namespace: that of the application, that which rescue works
in, and those that the blueprint names. Phases under a condition count as if it held.
What only a run can know is said on standard error, and in the head of the output.`,
		Example: `  rescue rbac blueprint.cue --namespace shop --work-namespace backup --service-account backup/rescue | kubectl apply -f -
  rescue rbac blueprint.yaml --action restore --profile backup/s3 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cli.BlueprintFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return f.run(streams, args[0]) },
	}
	f.register(cmd.Flags())
	return cmd
}

type rbacFlags struct {
	actions, kinds      []string
	object              string
	names               rbac.Names
	account             string
	profile, server     string
	secrets, configMaps []string
	claimLocation       bool
	optional            string
	output              string
}

func (f *rbacFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.actions, "action", nil, "allow the action `NAME` only; may be repeated")
	fs.StringVarP(&f.names.Namespace, "namespace", "n", "", "`NAMESPACE` of the application (default: left out, for kubectl apply -n to say)")
	fs.StringVar(&f.names.WorkNamespace, "work-namespace", "", "`NAMESPACE` that rescue works in (default: that of --service-account, or else left out)")
	fs.StringVar(&f.account, "service-account", "", "bind the roles to the service account `NAMESPACE/NAME`")
	fs.StringVar(&f.names.Role, "name", "", "`NAME` of the roles and bindings (default: rescue-BLUEPRINT)")
	fs.StringArrayVar(&f.kinds, "kind", nil, "`KIND` of object that actions of the kind Any work on, such as StatefulSet; may be repeated")
	fs.StringVar(&f.object, "object", "", "`RESOURCE[.GROUP]` that actions on any object work on, such as certificates.cert-manager.io")
	fs.StringVar(&f.profile, "profile", "", "the profile is read from the cluster: `[NAMESPACE/]NAME`")
	fs.StringVar(&f.server, "repository-server", "", "the repository server is `[NAMESPACE/]NAME`")
	fs.StringArrayVar(&f.secrets, "secret", nil, "the action is given a Secret, `KEY=NAMESPACE/NAME`; may be repeated")
	fs.StringArrayVar(&f.configMaps, "config-map", nil, "the action is given a ConfigMap, `KEY=NAMESPACE/NAME`; may be repeated")
	fs.BoolVar(&f.claimLocation, "location-in-claim", false, "backups are kept in a volume of the cluster")
	fs.StringVar(&f.optional, "optional", "namespaced", "which permissions to include that functions can do without, such as reading events that explain a failure: none, namespaced, or all: `WHICH`")
	fs.StringVarP(&f.output, "output", "o", "yaml", "`FORMAT`: yaml or json")
}

func (f *rbacFlags) run(streams cli.Streams, path string) error {
	options, err := f.options(streams, path)
	if err != nil {
		return err
	}
	found, err := rbac.Find(options)
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		return cannot(err)
	}
	if err != nil {
		return failed(err)
	}
	if f.names.Role == "" {
		f.names.Role = "rescue-" + strings.ToLower(found.Blueprint)
	}
	for _, gap := range found.Gaps {
		fmt.Fprintln(streams.Stderr, "rescue: "+gap)
	}
	if f.output == "json" {
		return cannot(found.WriteJSON(streams.Stdout, f.names))
	}
	return cannot(found.WriteYAML(streams.Stdout, f.names))
}

func (f *rbacFlags) options(streams cli.Streams, path string) (rbac.Options, error) {
	o := rbac.Options{
		Blueprint: path, Stdin: streams.Stdin, Actions: f.actions, Kinds: f.kinds, Object: f.object,
		ClaimLocation: f.claimLocation, Optional: rbac.Optional(f.optional), Registry: funcs.Builtin(),
	}
	if f.output != "yaml" && f.output != "json" {
		return o, usage("--output: expected yaml or json, found %q", f.output)
	}
	if !slices.Contains([]rbac.Optional{rbac.OptionalNone, rbac.OptionalNamespaced, rbac.OptionalAll}, o.Optional) {
		return o, usage("--optional: expected none, namespaced or all, found %q", f.optional)
	}
	if err := f.checkKinds(); err != nil {
		return o, err
	}
	if f.account != "" {
		namespace, name, ok := strings.Cut(f.account, "/")
		if !ok || namespace == "" || name == "" {
			return o, usage("--service-account: expected NAMESPACE/NAME, found %q", f.account)
		}
		f.names.AccountNamespace, f.names.Account = namespace, name
		if f.names.WorkNamespace == "" {
			f.names.WorkNamespace = namespace
		}
	}
	o.Profile, o.RepositoryServer = reference(f.profile), reference(f.server)
	secrets, err := references("--secret", f.secrets)
	if err != nil {
		return o, usage("%w", err)
	}
	configMaps, err := references("--config-map", f.configMaps)
	if err != nil {
		return o, usage("%w", err)
	}
	o.Secrets, o.ConfigMaps = names(secrets), names(configMaps)
	return o, nil
}

// objectKinds are what --kind may name.
var objectKinds = []string{"StatefulSet", "Deployment", "DeploymentConfig", "PVC", "Namespace"}

func (f *rbacFlags) checkKinds() error {
	for _, kind := range f.kinds {
		if !slices.Contains(objectKinds, kind) {
			return usage("--kind: expected %s, found %q", strings.Join(objectKinds, ", "), kind)
		}
	}
	return nil
}

func reference(text string) *compat.NamespacedName {
	if text == "" {
		return nil
	}
	namespace, name := splitName(text, "")
	return &compat.NamespacedName{Namespace: namespace, Name: name}
}
