package funcs

import (
	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/kube"
)

// workload is the object of the action and its kind, nil if it is none with pods.
func (e *Env) workload() (kind string, w *compat.Workload) {
	switch p := e.Params; {
	case p == nil:
		return "", nil
	case p.StatefulSet != nil:
		return kube.KindStatefulSet, p.StatefulSet
	case p.Deployment != nil:
		return kube.KindDeployment, p.Deployment
	case p.DeploymentConfig != nil:
		return kube.KindDeploymentConfig, p.DeploymentConfig
	}
	return "", nil
}
