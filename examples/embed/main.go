// Command embed runs actions of blueprints that may call, beside the functions that
// Rescue brings along, one of its own: SuspendCronJob.
//
//	embed BLUEPRINT ACTION NAMESPACE
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube/client"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/run"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: embed BLUEPRINT ACTION NAMESPACE")
		os.Exit(2)
	}
	env, err := connect()
	if err == nil {
		err = act(context.Background(), env, os.Args[1], os.Args[2], os.Args[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// connect makes the environment of functions: the clients of a cluster.
func connect() (*funcs.Env, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	clients, err := client.New(config, "embed")
	if err != nil {
		return nil, err
	}
	env := &funcs.Env{Namespace: "default", Log: slog.Default()}
	clients.Fill(env)
	return env, nil
}

// act runs an action on a namespace.
func act(ctx context.Context, env *funcs.Env, path, action, namespace string) error {
	registry := funcs.Builtin()
	own, err := suspendCronJob()
	if err != nil {
		return err
	}
	if err := registry.Add(own); err != nil {
		return err
	}
	blueprint, err := interp.Loader{Schema: registry.Schema()}.Load(path, os.Stdin)
	if err != nil {
		return err
	}
	params := &compat.Params{Namespace: &compat.NamespacedName{Name: namespace, Namespace: namespace}}
	plan, err := blueprint.Plan(action, params)
	if err != nil {
		return err
	}
	result, err := run.Run(ctx, run.Options{Plan: plan, Params: params, Registry: registry, Env: env})
	for _, p := range result.Phases {
		fmt.Printf("%s: %s %v\n", p.Name, p.State, p.Output)
	}
	return err
}
