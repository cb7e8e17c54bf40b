package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rescuecue/rescue/cmd/internal/cli"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/graph"
)

// completionPatience is how long a shell may wait for names from the cluster.
const completionPatience = 2 * time.Second

// completeFlags offers values for the flags of all commands that have none yet: fixed
// ones, and the names that the cluster has.
func completeFlags(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		completeFlags(cmd)
		for flag, find := range flagCompletions(cmd.Name()) {
			if _, done := cmd.GetFlagCompletionFunc(flag); done || !takes(cmd, flag) {
				continue
			}
			if err := cmd.RegisterFlagCompletionFunc(flag, find); err != nil {
				// Only a flag that does not exist is refused, and it was just found.
				panic(err)
			}
		}
	}
}

// takes tells whether a command has the flag, and in the meaning that is completed: an
// output can also be a file.
func takes(cmd *cobra.Command, flag string) bool {
	f := cmd.Flags().Lookup(flag)
	if f == nil {
		return false
	}
	what, _ := pflag.UnquoteUsage(f)
	return flag != "output" || what == "FORMAT"
}

// flagCompletions has a completion for each flag, as the command means it.
func flagCompletions(command string) map[string]cobra.CompletionFunc {
	all := map[string]cobra.CompletionFunc{
		"runtime":          fixed("cluster", "local"),
		"output":           fixed("text", "json"),
		"blueprint":        cli.BlueprintFiles,
		"context":          contexts,
		"namespace":        fromCluster(namespaces),
		"work-namespace":   fromCluster(namespaces),
		"statefulset":      fromCluster(statefulSets),
		"deployment":       fromCluster(deployments),
		"deploymentconfig": cobra.NoFileCompletions,
		"pvc":              fromCluster(claims),
	}
	switch command {
	case "run":
		all["output"] = fixed("text", "json", "yaml")
	case "plan":
		all["output"] = fixed(graph.FormatNames()...)
	case "gc":
		all["run"] = completeRuns(func(listedRun) bool { return true })
	case "rbac":
		all["output"] = fixed("yaml", "json")
		all["kind"] = fixed(objectKinds...)
		all["optional"] = fixed("none", "namespaced", "all")
		all["action"] = cli.CompleteActionOfFile
		all["service-account"] = fromCluster(serviceAccounts)
	}
	return all
}

func fixed(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// contexts are those of the kubeconfig.
func contexts(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if f := cmd.Flag("kubeconfig"); f != nil {
		rules.ExplicitPath = f.Value.String()
	}
	config, err := rules.Load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for name := range config.Contexts {
		names = append(names, name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// fromCluster completes names of the cluster that the command line speaks of. Where that
// does not answer in time, there are none.
func fromCluster(list func(context.Context, *funcs.Env) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		place, err := placeOf(cmd).open(cmd.Context(), io.Discard)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		names, err := list(ctx, place.env)
		// The names are known by now, however the embedded cluster ends.
		_ = place.close(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// placeOf reads which cluster the command line speaks of.
func placeOf(cmd *cobra.Command) *sessionFlags {
	f := &sessionFlags{Runtime: "cluster", StateDir: defaultStateDir(), unready: true}
	for name, target := range map[string]*string{
		"runtime": &f.Runtime, "local-dir": &f.LocalDir, "kubeconfig": &f.Kubeconfig, "context": &f.Context, "state-dir": &f.StateDir,
	} {
		if flag := cmd.Flag(name); flag != nil {
			*target = flag.Value.String()
		}
	}
	return f
}

func namespaces(ctx context.Context, env *funcs.Env) ([]string, error) {
	list, err := env.Kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return namesOf(list.Items), nil
}

func statefulSets(ctx context.Context, env *funcs.Env) ([]string, error) {
	list, err := env.Kube.AppsV1().StatefulSets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return namesOf(list.Items), nil
}

func deployments(ctx context.Context, env *funcs.Env) ([]string, error) {
	list, err := env.Kube.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return namesOf(list.Items), nil
}

func claims(ctx context.Context, env *funcs.Env) ([]string, error) {
	list, err := env.Kube.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return namesOf(list.Items), nil
}

func serviceAccounts(ctx context.Context, env *funcs.Env) ([]string, error) {
	list, err := env.Kube.CoreV1().ServiceAccounts("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return namesOf(list.Items), nil
}

// namesOf lists objects as NAMESPACE/NAME, those without a namespace by their names.
func namesOf[T any, P interface {
	*T
	metav1.Object
}](items []T) []string {
	names := make([]string, len(items))
	for i := range items {
		o := P(&items[i])
		names[i] = o.GetName()
		if o.GetNamespace() != "" {
			names[i] = o.GetNamespace() + "/" + o.GetName()
		}
	}
	return names
}
