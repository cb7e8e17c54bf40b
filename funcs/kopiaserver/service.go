package kopiaserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kube"
)

const (
	// statusTime limits the last write of the status, when the service is told to end.
	statusTime = 10 * time.Second
	// watchPause is how long to wait after the API server could not be reached for
	// minutes. The server itself does without it.
	watchPause = time.Minute
)

// A Service runs the server of one RepositoryServer and keeps its status.
type Service struct {
	Cluster Cluster
	// Namespace and Name of the RepositoryServer.
	Namespace, Name string
	// Pod and ServiceName are what the status tells the clients.
	Pod, ServiceName string
	Options          Options
	// Clock gives the present time; nil means the machine's.
	Clock func() time.Time
	// Resolve turns the resource into a Config; nil means the function Resolve.
	Resolve func(context.Context, *compat.RepositoryServerResource, compat.SecretGetter) (Config, error)
}

func (s *Service) now() time.Time {
	if s.Clock == nil {
		return time.Now()
	}
	return s.Clock()
}

// Run serves until ctx ends, which is no error, or until the server fails.
func (s *Service) Run(ctx context.Context) error {
	err := s.run(ctx)
	progress := compat.RepositoryServerFailed
	if ctx.Err() != nil {
		progress, err = compat.RepositoryServerPending, nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTime)
	defer cancel()
	return errors.Join(err, s.setStatus(last, progress, err))
}

func (s *Service) run(ctx context.Context) error {
	resource, err := s.Cluster.resource(ctx, s.Namespace, s.Name)
	if err != nil {
		return err
	}
	if err := s.setStatus(ctx, compat.RepositoryServerPending, nil); err != nil {
		return err
	}
	resolve := s.Resolve
	if resolve == nil {
		resolve = Resolve
	}
	config, err := resolve(ctx, resource, s.Cluster.getSecret)
	if err != nil {
		return err
	}
	server, err := Start(ctx, config, s.Options)
	if err != nil {
		return fmt.Errorf("repository server %s/%s: %w", s.Namespace, s.Name, err)
	}
	defer server.Stop()
	if err := s.setStatus(ctx, compat.RepositoryServerReady, nil); err != nil {
		return err
	}
	s.Options.Log.Info("the repository server is ready", "address", server.Address, "users", len(config.Users))
	return s.serve(ctx, server, resource, config.Users)
}

// serve follows the Secret of the users until the server or ctx ends.
func (s *Service) serve(ctx context.Context, server *Server, resource *compat.RepositoryServerResource, users map[string]string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	followed := make(chan error, 1)
	go func() { followed <- s.followUsers(ctx, server, resource, users) }()
	select {
	case <-server.Ended():
		return errors.Join(server.Err(), errors.New("the kopia program ended"))
	case err := <-followed:
		return err
	}
}

// followUsers brings each change of the user access Secret to the server.
func (s *Service) followUsers(ctx context.Context, server *Server, resource *compat.RepositoryServerResource, users map[string]string) error {
	access := resource.Spec.Server.UserAccess
	namespace, name := resource.NamespaceOf(access.UserAccessSecretRef), access.UserAccessSecretRef.Name
	secrets := s.Cluster.Kube.CoreV1().Secrets(namespace)
	see := func(secret *corev1.Secret) (bool, error) {
		now := usersOf(access.Username, secret.Data)
		if maps.Equal(now, users) {
			return false, nil
		}
		if err := server.SetUsers(ctx, now); err != nil {
			return false, fmt.Errorf("secret %s/%s: %w", namespace, name, err)
		}
		users = now
		s.Options.Log.Info("the users have changed", "users", len(users))
		return false, nil
	}
	for {
		secret, err := secrets.Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			_, err = kube.Follow(ctx, secrets, secret, see)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.Options.Log.Warn("changes of the users are not seen at the moment", "secret", namespace+"/"+name, "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchPause):
		}
	}
}
