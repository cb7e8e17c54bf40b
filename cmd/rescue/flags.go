package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescuecue/rescue/compat"
)

// runFlags are the flags of `rescue run`.
type runFlags struct {
	blueprint string
	// actionSet is a file, clusterSet one of the cluster.
	actionSet, clusterSet string

	statefulSet, deployment, deploymentConfig, pvc, namespace, object string

	profile    string
	server     string
	secrets    []string
	configMaps []string
	options    []string
	// secretOptions say where the values of options are that must not be shown.
	secretOptions []string
	artifacts     string
	from          string

	sessionFlags
	output   string
	events   bool
	dryRun   bool
	noVet    bool
	unsafe   bool
	parallel int
	timeout  time.Duration
	// metricsFile is written when all is done.
	metricsFile string

	// given tells whether the user has set the flag of that name.
	given func(name string) bool
}

func (f *runFlags) register(fs *pflag.FlagSet) {
	fs.StringVarP(&f.blueprint, "blueprint", "b", "", "`FILE` or folder of the blueprint, CUE or YAML; - reads standard input; or a Blueprint [NAMESPACE/]NAME of the cluster")
	fs.StringVarP(&f.actionSet, "file", "f", "", "`FILE` with an ActionSet that says what to run, instead of ACTION and the flags below; - reads standard input, where its Blueprints and its Profile may stand too")
	fs.StringVar(&f.clusterSet, "actionset", "", "like -f, an ActionSet `[NAMESPACE/]NAME` of the cluster")
	fs.StringVar(&f.statefulSet, "statefulset", "", "work on the StatefulSet `NAMESPACE/NAME`")
	fs.StringVar(&f.deployment, "deployment", "", "work on the Deployment `NAMESPACE/NAME`")
	fs.StringVar(&f.deploymentConfig, "deploymentconfig", "", "work on the DeploymentConfig `NAMESPACE/NAME`")
	fs.StringVar(&f.pvc, "pvc", "", "work on the PersistentVolumeClaim `NAMESPACE/NAME`")
	fs.StringVar(&f.namespace, "namespace", "", "work on the Namespace `NAME`")
	fs.StringVar(&f.object, "object", "", "work on any object, `GROUP/VERSION/RESOURCE/NAMESPACE/NAME`; leave out GROUP for core resources")
	fs.StringVar(&f.profile, "profile", "", "where backups are kept: a Profile `[NAMESPACE/]NAME` of the cluster, or a file with a Profile and the Secrets it names")
	fs.StringVar(&f.server, "repository-server", "", "where the functions for Kopia servers keep backups: a RepositoryServer `[NAMESPACE/]NAME` of the cluster")
	fs.StringArrayVar(&f.secrets, "secret", nil, "give the action a Secret, `KEY=NAMESPACE/NAME`; may be repeated")
	fs.StringArrayVar(&f.configMaps, "config-map", nil, "give the action a ConfigMap, `KEY=NAMESPACE/NAME`; may be repeated")
	fs.StringArrayVar(&f.options, "option", nil, "give the action an option, `KEY=VALUE`; may be repeated")
	fs.StringArrayVar(&f.secretOptions, "secret-option", nil, "give the action an option that must not be shown, `KEY=env:VARIABLE` or KEY=file:PATH (- is standard input); may be repeated")
	fs.StringVar(&f.artifacts, "artifacts", "", "`FILE` with the artifacts to restore from: what run -o json printed, or an ActionSet with its status; - reads standard input")
	fs.StringVar(&f.from, "from", "", "go on from an earlier `RUN`: on its object, with its artifacts, blueprint, profile, Secrets, ConfigMaps and options, unless flags say otherwise; or from a complete ActionSet, a file or [NAMESPACE/]NAME of the cluster")
	fs.StringVarP(&f.output, "output", "o", "text", "`FORMAT` of the result: text, json, or yaml for an ActionSet with its status")
	fs.BoolVar(&f.events, "events", false, "with -o json: print what happens as it does, one JSON document a line, the result as the last")
	fs.BoolVar(&f.dryRun, "dry-run", false, "check everything and show what would run, without running it")
	fs.BoolVar(&f.noVet, "no-vet", false, "run even though vet finds errors in the blueprint")
	fs.BoolVar(&f.unsafe, "allow-unsafe-templates", false, "let templates read this program's environment and ask the network: env, expandenv, getHostByName")
	fs.IntVar(&f.parallel, "parallel", 0, "run at most `N` phases of an action at once; 0 is no limit")
	fs.DurationVar(&f.timeout, "timeout", 0, "cancel the run after this `DURATION`; 0 is no limit")
	fs.StringVar(&f.metricsFile, "metrics-file", "", "when all is done, write metrics to this `FILE` in Prometheus' text format")
	f.sessionFlags.register(fs)
	f.given = fs.Changed
}

// check refuses flags that contradict each other or themselves.
func (f *runFlags) check(fs *pflag.FlagSet, args []string) error {
	set := f.actionSet != "" || f.clusterSet != ""
	switch {
	case !slices.Contains([]string{"text", "json", "yaml"}, f.output):
		return usage("--output: expected text, json or yaml, found %q", f.output)
	case f.events && (f.output != "json" || f.dryRun):
		return usage("--events is for runs with -o json")
	case f.output == "yaml" && f.dryRun:
		return usage("-o yaml prints what was run: with --dry-run use text or json")
	case f.parallel < 0:
		return usage("--parallel: expected 0 or more, found %d", f.parallel)
	case f.artifacts != "" && f.from != "":
		return usage("--artifacts and --from both say where artifacts come from: give one")
	case f.actionSet != "" && f.clusterSet != "":
		return usage("-f and --actionset both say what to run: give one")
	case f.checkStdin() != nil:
		return f.checkStdin()
	case !set && f.blueprint == "" && f.from == "":
		return usage("which blueprint? give it with -b FILE")
	case !set && len(args) == 0:
		return usage("which action? for example: rescue run backup -b %s", cmp.Or(f.blueprint, "blueprint.cue"))
	case !set:
		if _, err := f.spec(args[0]); err != nil {
			return usage("%w", err)
		}
		return nil
	case len(args) > 0:
		return usage("the ActionSet says which action to run: leave out %q", args[0])
	}
	for _, name := range []string{
		"statefulset", "deployment", "deploymentconfig", "pvc", "namespace", "object", "secret", "config-map", "option", "secret-option", "artifacts", "from",
	} {
		if fs.Changed(name) {
			return usage("the ActionSet says that: leave out --%s", name)
		}
	}
	return nil
}

// spec turns the flags into what an ActionSet would say.
func (f *runFlags) spec(action string) (compat.ActionSpec, error) {
	spec := compat.ActionSpec{Name: action}
	var err error
	if spec.Object, err = f.target(); err != nil {
		return spec, err
	}
	if spec.Secrets, err = references("--secret", f.secrets); err != nil {
		return spec, err
	}
	if spec.ConfigMaps, err = references("--config-map", f.configMaps); err != nil {
		return spec, err
	}
	if spec.Options, err = keyValues("--option", f.options); err != nil {
		return spec, err
	}
	return spec, f.checkSecretOptions(spec.Options)
}

// target reads the one flag that names the object.
func (f *runFlags) target() (compat.ObjectReference, error) {
	var refs []compat.ObjectReference
	for _, t := range []struct{ kind, value string }{
		{"StatefulSet", f.statefulSet}, {"Deployment", f.deployment}, {"DeploymentConfig", f.deploymentConfig}, {"PVC", f.pvc},
	} {
		if t.value == "" {
			continue
		}
		ns, name, ok := strings.Cut(t.value, "/")
		if !ok || ns == "" || name == "" || strings.Contains(name, "/") {
			return compat.ObjectReference{}, fmt.Errorf("--%s: expected NAMESPACE/NAME, found %q", strings.ToLower(t.kind), t.value)
		}
		refs = append(refs, compat.ObjectReference{Kind: t.kind, Namespace: ns, Name: name})
	}
	if f.namespace != "" {
		refs = append(refs, compat.ObjectReference{Kind: "Namespace", Namespace: f.namespace, Name: f.namespace})
	}
	if f.object != "" {
		ref, err := objectReference(f.object)
		if err != nil {
			return ref, err
		}
		refs = append(refs, ref)
	}
	if len(refs) > 1 {
		return refs[0], fmt.Errorf("an action works on one object; found %s %s and %s %s", refs[0].Kind, refs[0].Name, refs[1].Kind, refs[1].Name)
	}
	if len(refs) == 0 {
		return compat.ObjectReference{}, nil
	}
	return refs[0], nil
}

// objectReference reads [GROUP/]VERSION/RESOURCE/NAMESPACE/NAME. NAMESPACE is
// empty for objects of the whole cluster.
func objectReference(text string) (compat.ObjectReference, error) {
	parts := strings.Split(text, "/")
	if len(parts) == 4 {
		parts = append([]string{""}, parts...)
	}
	if len(parts) != 5 || parts[1] == "" || parts[2] == "" || parts[4] == "" {
		return compat.ObjectReference{}, fmt.Errorf("--object: expected GROUP/VERSION/RESOURCE/NAMESPACE/NAME, found %q", text)
	}
	return compat.ObjectReference{Group: parts[0], APIVersion: parts[1], Resource: parts[2], Namespace: parts[3], Name: parts[4]}, nil
}

func references(flag string, list []string) (map[string]compat.ObjectReference, error) {
	pairs, err := keyValues(flag, list)
	if err != nil {
		return nil, err
	}
	refs := map[string]compat.ObjectReference{}
	for key, value := range pairs {
		ns, name, ok := strings.Cut(value, "/")
		if !ok || ns == "" || name == "" {
			return nil, fmt.Errorf("%s %s: expected NAMESPACE/NAME, found %q", flag, key, value)
		}
		refs[key] = compat.ObjectReference{Namespace: ns, Name: name}
	}
	return refs, nil
}

// keyValues splits at the first equals sign, so that values may have more.
func keyValues(flag string, list []string) (map[string]string, error) {
	pairs := map[string]string{}
	for _, item := range list {
		key, value, ok := strings.Cut(item, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%s: expected KEY=VALUE, found %q", flag, item)
		}
		if _, twice := pairs[key]; twice {
			return nil, fmt.Errorf("%s: %s is given twice", flag, key)
		}
		pairs[key] = value
	}
	return pairs, nil
}
