// Package client builds the clients that functions are given, from the
// configuration that the command line has read.
package client

import (
	"fmt"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/rescuecue/rescue/funcs"
)

// Set has all clients for one cluster.
type Set struct {
	Kube      kubernetes.Interface
	Dynamic   dynamic.Interface
	Snapshots snapshots.Interface
	Exec      funcs.PodExecutor
	Logs      funcs.PodLogs

	patience *patient
}

// New builds the clients. userAgent names the program in the API server's audit
// log. Unless config sets a rate, requests are not throttled here: a run sends few
// of them, client-go's default of five a second makes parallel phases wait for each
// other, and the server has its own fairness.
//
// Requests sit out an API server that is away, once it has answered: see patient.
func New(config *rest.Config, userAgent string) (*Set, error) {
	config = rest.CopyConfig(config)
	config.UserAgent = userAgent
	if config.QPS == 0 {
		config.QPS = -1
	}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connection to the cluster: %w", err)
	}
	patience := sitOut(httpClient)
	kube, err := kubernetes.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("kubernetes client: %w", err)
	}
	dyn, err := dynamic.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("dynamic client: %w", err)
	}
	snaps, err := snapshots.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("snapshot client: %w", err)
	}
	return &Set{
		Kube:      kube,
		Dynamic:   dyn,
		Snapshots: snaps,
		Exec:      NewExecutor(config, kube),
		Logs:      NewLogs(kube),
		patience:  patience,
	}, nil
}

// Fill puts the clients into an environment for functions. Its log is told when the
// API server is waited for.
func (s *Set) Fill(env *funcs.Env) {
	s.patience.log.Store(env.Log)
	env.Kube, env.Dynamic, env.Snapshots = s.Kube, s.Dynamic, s.Snapshots
	env.Exec, env.Logs = s.Exec, s.Logs
}
