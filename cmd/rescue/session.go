package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/funcs/kube/client"
	"github.com/rescuecue/rescue/interp/local"
)

// sessionFlags say where an action runs.
type sessionFlags struct {
	Runtime        string   `json:"runtime"`
	LocalDir       string   `json:"localDir,omitempty"`
	Objects        []string `json:"objects,omitempty"`
	Kubeconfig     string   `json:"kubeconfig,omitempty"`
	Context        string   `json:"context,omitempty"`
	WorkNamespace  string   `json:"workNamespace,omitempty"`
	ServiceAccount string   `json:"serviceAccount,omitempty"`
	SecurePods     bool     `json:"securePods,omitempty"`
	ToolsImage     string   `json:"toolsImage,omitempty"`
	StateDir       string   `json:"stateDir"`

	patience kube.Patience
	// unready is for who only looks at objects: nobody waits for the embedded cluster's
	// pods.
	unready bool
}

func (f *sessionFlags) register(fs *pflag.FlagSet) {
	f.registerPlace(fs)
	fs.StringArrayVar(&f.Objects, "objects", nil, "`FILE` with Kubernetes objects to apply to the embedded cluster first; may be repeated")
	fs.StringVar(&f.WorkNamespace, "work-namespace", "", "`NAMESPACE` for pods that name none (default: that of the kubeconfig's context)")
	fs.StringVar(&f.ServiceAccount, "service-account", "", "`NAME` of the service account for pods in the work namespace (default: the namespace's own)")
	fs.DurationVar(&f.patience.Start, "pod-start-timeout", 0, "how long a pod may take to start, `DURATION` (default: 15m, or $TIMEOUT_WORKER_POD_READY minutes)")
	fs.DurationVar(&f.patience.Unschedulable, "unschedulable-timeout", 0, "how long a pod may wait for a node with room, `DURATION` (default 30s)")
	fs.DurationVar(&f.patience.Image, "image-pull-timeout", 0, "how long an image that cannot be pulled is tried, `DURATION` (default 15s)")
	fs.BoolVar(&f.SecurePods, "secure-pods", os.Getenv("SECURE_DEFAULTS_FOR_JOB_PODS") == "true", "give generated pods the service account named default, without its token (default: true if $SECURE_DEFAULTS_FOR_JOB_PODS is \"true\")")
	fs.DurationVar(&f.patience.Volume, "volume-timeout", 0, "how long a disk that cannot be attached or mounted is tried, `DURATION` (default 7m)")
	fs.StringVar(&f.ToolsImage, "tools-image", "", "`IMAGE` of pods that move data, where the phase names none (default "+funcs.DefaultToolsImage+")")
}

// registerPlace adds the flags that say which cluster, and where the journals are.
func (f *sessionFlags) registerPlace(fs *pflag.FlagSet) {
	fs.StringVar(&f.Runtime, "runtime", "cluster", "`WHERE` to run: cluster, or local for the embedded one")
	fs.StringVar(&f.LocalDir, "local-dir", "", "`DIR` with the objects and volumes of the embedded cluster (default: STATE-DIR/local)")
	fs.StringVar(&f.Kubeconfig, "kubeconfig", "", "`FILE` with the cluster's address and credentials (default: $KUBECONFIG, ~/.kube/config, or the pod's own account)")
	fs.StringVar(&f.Context, "context", "", "`NAME` of the kubeconfig's context")
	fs.StringVar(&f.StateDir, "state-dir", defaultStateDir(), "`DIR` for the journals of runs")
}

func defaultStateDir() string {
	if dir := os.Getenv("RESCUE_STATE_DIR"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "rescue")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ".rescue"
	}
	return filepath.Join(home, ".local", "state", "rescue")
}

// absolute returns flags that hold in whatever folder a later call is made.
func (f sessionFlags) absolute() sessionFlags {
	for _, path := range []*string{&f.LocalDir, &f.Kubeconfig, &f.StateDir} {
		if abs, err := filepath.Abs(*path); err == nil && *path != "" {
			*path = abs
		}
	}
	return f
}

func (f *sessionFlags) journals() string { return filepath.Join(f.StateDir, "runs") }

// A session is a connection to the place where actions run.
type session struct {
	env *funcs.Env
	// profile is what the place offers when no profile is named; it may be nil.
	profile *compat.Profile
	// server is the address of the cluster; the embedded one has none.
	server string
	close  func(context.Context) error
}

// open connects to the cluster, or starts the embedded one.
func (f *sessionFlags) open(ctx context.Context, talk io.Writer) (*session, error) {
	// client-go writes to standard error by itself; what matters reaches us as errors.
	klog.SetLogger(logr.Discard())
	env := &funcs.Env{
		Clock:          time.Now,
		Log:            slog.New(newLineHandler(talk)),
		Namespace:      f.WorkNamespace,
		ServiceAccount: f.ServiceAccount,
		SecurePods:     f.SecurePods,
		ToolsImage:     f.ToolsImage,
	}
	var err error
	if env.Patience, err = f.podPatience(os.Getenv(startVariable)); err != nil {
		return nil, err
	}
	switch f.Runtime {
	case "cluster":
		if len(f.Objects) > 0 {
			return nil, usage("--objects is for --runtime local; use kubectl for a cluster")
		}
		return f.openCluster(env)
	case "local":
		return f.openLocal(ctx, env)
	default:
		return nil, usage("--runtime: expected cluster or local, found %q", f.Runtime)
	}
}

// startVariable is Kanister's own: whole minutes for a pod to start.
const startVariable = "TIMEOUT_WORKER_POD_READY"

// podPatience is what the flags say, or else the variable; what is 0 has the default.
func (f *sessionFlags) podPatience(minutes string) (kube.Patience, error) {
	p := f.patience
	if p.Start < 0 || p.Unschedulable < 0 || p.Image < 0 || p.Volume < 0 {
		return p, usage("--pod-start-timeout, --unschedulable-timeout, --image-pull-timeout, --volume-timeout: a duration cannot be negative")
	}
	if p.Start != 0 || minutes == "" {
		return p, nil
	}
	n, err := strconv.Atoi(minutes)
	if err != nil || n <= 0 {
		return p, usage("$%s: expected a number of minutes, found %q", startVariable, minutes)
	}
	p.Start = time.Duration(n) * time.Minute
	return p, nil
}

func (f *sessionFlags) openCluster(env *funcs.Env) (*session, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.Kubeconfig
	config := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.Context})
	rest, err := config.ClientConfig()
	if err != nil {
		return nil, cannot(fmt.Errorf("no cluster: %w (set KUBECONFIG or --kubeconfig, or use --runtime local)", err))
	}
	clients, err := client.New(rest, "rescue")
	if err != nil {
		return nil, cannot(err)
	}
	clients.Fill(env)
	if env.Namespace == "" {
		if env.Namespace, _, err = config.Namespace(); err != nil {
			return nil, cannot(err)
		}
	}
	return &session{env: env, server: rest.Host, close: func(context.Context) error { return nil }}, nil
}

// localDir is where the objects and volumes of the embedded cluster are.
func (f *sessionFlags) localDir() string {
	if f.LocalDir != "" {
		return f.LocalDir
	}
	return filepath.Join(f.StateDir, "local")
}

func (f *sessionFlags) openLocal(ctx context.Context, env *funcs.Env) (*session, error) {
	dir := f.localDir()
	profile, err := local.DefaultProfile(dir)
	if err != nil {
		return nil, cannot(err)
	}
	cluster, err := local.Open(dir, local.Options{Log: env.Log})
	if err != nil {
		return nil, cannot(err)
	}
	err = apply(cluster, f.Objects)
	if err == nil && !f.unready {
		err = cluster.Ready(ctx)
	}
	if err != nil {
		return nil, cannot(errors.Join(err, cluster.Close(context.WithoutCancel(ctx))))
	}
	cluster.Env(env)
	if env.Namespace == "" {
		env.Namespace = "default"
	}
	return &session{env: env, profile: profile, close: cluster.Close}, nil
}

func apply(cluster *local.Cluster, paths []string) error {
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := cluster.Apply(src); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}
