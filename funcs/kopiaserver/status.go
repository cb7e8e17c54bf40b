package kopiaserver

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rescuecue/rescue/compat"
)

// The conditions of a RepositoryServer, in the order in which they come true.
const (
	repositoryConnected   = "RepositoryConnected"
	clientUserInitialized = "ClientUserInitialized"
	serverInitialized     = "ServerInitialized"
	serverSetup           = "ServerSetup"
)

// setStatus writes the status of the resource: what it means for the clients, and, of
// a server that failed, why.
func (s *Service) setStatus(ctx context.Context, progress string, why error) error {
	now := metav1.NewTime(s.now()).UTC().Format(time.RFC3339)
	condition := func(kind, status, message string) map[string]any {
		return map[string]any{"type": kind, "status": status, "reason": progress, "message": message, "lastTransitionTime": now}
	}
	var conditions []map[string]any
	switch {
	case why != nil:
		conditions = append(conditions, condition(serverSetup, "False", why.Error()))
	case progress == compat.RepositoryServerReady:
		for _, kind := range []string{repositoryConnected, clientUserInitialized, serverInitialized, serverSetup} {
			conditions = append(conditions, condition(kind, "True", ""))
		}
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{
		"progress":   progress,
		"conditions": conditions,
		"serverInfo": map[string]string{"podName": s.Pod, "serviceName": s.ServiceName},
	}})
	if err != nil {
		return err
	}
	_, err = s.Cluster.Dynamic.Resource(resources).Namespace(s.Namespace).
		Patch(ctx, s.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return fmt.Errorf("status of repository server %s/%s: %w", s.Namespace, s.Name, err)
	}
	return nil
}
