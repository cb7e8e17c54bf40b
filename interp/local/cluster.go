// Package local is a small Kubernetes in the process, for trying blueprints with
// nothing installed: real clients talk to an API server that keeps its objects in a
// directory, and the containers of pods run as processes of this machine, each in
// namespaces of its own, so that they cannot change the machine's files.
//
// A program that opens a Cluster calls ContainerMain before anything else in its
// main function: containers start from its own executable.
package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
)

// Options tune a cluster. The zero value is fine.
type Options struct {
	// Log receives what goes wrong in the background. Nil: nothing is logged.
	Log *slog.Logger
	// Program is the file that containers find as rescue and kando. Empty: the
	// running program.
	Program string
}

// A Cluster is a small Kubernetes of this process.
type Cluster struct {
	dirs    stateDirs
	log     *slog.Logger
	program string
	hidden  []string
	mode    sandboxMode

	lock    *os.File
	store   *store
	kubelet *kubelet

	transport *transport
	config    *rest.Config
	kube      kubernetes.Interface
	dynamic   dynamic.Interface
	snapshots snapshots.Interface

	endLife    context.CancelFunc
	controller sync.WaitGroup
	closing    sync.Once
	closed     error
}

// Open starts the cluster whose objects and volumes are in dir, which is made if it
// is missing. Pods that ran when the cluster was closed start again, those with the
// restartPolicy Never excepted: these have failed. One process at a time can have a
// directory open.
func Open(dir string, opts Options) (*Cluster, error) {
	dirs, err := openStateDirs(dir)
	if err != nil {
		return nil, err
	}
	lock, err := lockState(dirs.lock)
	if err != nil {
		return nil, err
	}
	c, err := newCluster(dirs, lock, opts)
	if err != nil {
		return nil, closing(err, lock)
	}
	c.start()
	return c, nil
}

func newCluster(dirs stateDirs, lock *os.File, opts Options) (*Cluster, error) {
	c := &Cluster{dirs: dirs, lock: lock, log: opts.Log, program: opts.Program, hidden: hiddenDirs(dirs.root)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if c.program == "" {
		if c.program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	if c.program, err = filepath.EvalSymlinks(c.program); err != nil {
		return nil, fmt.Errorf("the program for containers: %w", err)
	}
	if c.mode, err = findMode(context.Background(), dirs.base); err != nil {
		return nil, err
	}
	if err := c.openStore(); err != nil {
		return nil, err
	}
	c.kubelet = newKubelet(c)
	return c, c.openClients()
}

// hiddenDirs are the user's own files and the state with its Secrets.
func hiddenDirs(state string) []string {
	dirs := []string{state}
	if real, err := filepath.EvalSymlinks(state); err == nil {
		dirs = []string{real}
	}
	home, err := os.UserHomeDir()
	if err != nil || home == "/" || home == "/root" {
		return dirs
	}
	if info, err := os.Stat(home); err != nil || !info.IsDir() {
		return dirs
	}
	return append([]string{home}, dirs...)
}

// emptyStore is the store before the saved objects are in it.
func (c *Cluster) emptyStore() *store {
	s := newStore(newCatalog(), &objectFiles{dir: c.dirs.objects})
	s.admit = c.admit
	s.linger = lingers
	s.stored = c.learn
	return s
}

func (c *Cluster) openStore() error {
	c.store = c.emptyStore()
	if err := c.loadObjects(); err != nil {
		return err
	}
	alive := map[string]bool{}
	pods, _ := c.store.list(c.pods(), "", matcher{})
	for _, pod := range pods {
		alive[string(pod.GetUID())] = true
	}
	return c.dirs.tidy(alive)
}

func (c *Cluster) openClients() error {
	life, end := context.WithCancel(context.Background())
	c.endLife = end
	c.transport = &transport{handler: &api{store: c.store, logs: c.kubelet}, life: life}
	c.config = &rest.Config{
		Host:      "http://local",
		Transport: c.transport,
		QPS:       -1, // Nothing here is to be protected from its own process.
		ContentConfig: rest.ContentConfig{
			ContentType:        "application/json",
			AcceptContentTypes: "application/json",
		},
	}
	var errs [3]error
	c.kube, errs[0] = kubernetes.NewForConfig(c.config)
	c.dynamic, errs[1] = dynamic.NewForConfig(c.config)
	c.snapshots, errs[2] = snapshots.NewForConfig(c.config)
	return errors.Join(errs[:]...)
}

func (c *Cluster) start() {
	m := newManager(c)
	c.controller.Add(1)
	go func() {
		defer c.controller.Done()
		m.run(c.transport.life)
	}()
}

// Close ends all containers and releases the directory. Objects and volumes stay
// there for the next Open. Containers are asked to end, and killed when the grace
// periods of their pods have passed, or when ctx ends: its error is returned then.
func (c *Cluster) Close(ctx context.Context) error {
	c.closing.Do(func() { c.closed = c.shutdown(ctx) })
	return c.closed
}

func (c *Cluster) shutdown(ctx context.Context) error {
	c.endLife()
	c.controller.Wait()
	c.kubelet.close(ctx)
	c.transport.running.Wait()
	return errors.Join(ctx.Err(), c.lock.Close())
}

// Env fills what a cluster provides of a function's environment.
func (c *Cluster) Env(env *funcs.Env) {
	env.Kube = c.kube
	env.Dynamic = c.dynamic
	env.Snapshots = c.snapshots
	env.Exec = executor{c}
	env.Logs = c.kubelet
}

// Config is for clients that funcs.Env does not hold, like a REST mapper's. It
// works within this process only.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// DefaultProfile is where backups go when no profile is given: a directory in the
// state directory dir, which all containers see at the same path and can write to.
func DefaultProfile(dir string) (*compat.Profile, error) {
	dirs, err := openStateDirs(dir)
	if err != nil {
		return nil, err
	}
	return &compat.Profile{Location: compat.Location{Type: compat.LocationFilesystem, Endpoint: dirs.objectStore, Bucket: "backups"}}, nil
}

func (c *Cluster) now() metav1.Time { return metav1.NewTime(time.Now().UTC().Truncate(time.Second)) }

func (c *Cluster) report(what string, err error) { c.log.Error(what, "error", err) }

func (c *Cluster) pods() resource { return c.must(podsGVR) }

func (c *Cluster) pod(namespace, name string) (*corev1.Pod, error) {
	obj, err := c.store.get(c.pods(), namespace, name)
	if err != nil {
		return nil, err
	}
	return typed[corev1.Pod](obj)
}
