package funcs_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/funcstest"
)

func deployment(namespace, name string, replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
		},
	}
}

func TestScaleWorkloadDefaults(t *testing.T) {
	object := &compat.Workload{Name: "web", Namespace: "shop"}
	for name, c := range map[string]struct {
		params compat.Params
		args   funcs.Args
		scaled string
	}{
		"all from the object":    {compat.Params{Deployment: object}, funcs.Args{}, "shop/web"},
		"name given":             {compat.Params{Deployment: object}, funcs.Args{"name": "api"}, "shop/api"},
		"all given":              {compat.Params{}, funcs.Args{"kind": "Deployment", "namespace": "shop", "name": "api"}, "shop/api"},
		"kind given with object": {compat.Params{StatefulSet: object}, funcs.Args{"kind": "deployment"}, "shop/web"},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, _ := funcstest.NewEnv(deployment("shop", "web", 3), deployment("shop", "api", 3))
			env.Params = &c.params
			c.args["replicas"], c.args["waitForReady"] = 0, false
			out, err := funcs.ScaleWorkload().Exec(t.Context(), env, c.args)
			if err != nil || out["originalReplicaCount"] != 3 {
				t.Fatalf("output %v, error %v", out, err)
			}
			for _, other := range []string{"web", "api"} {
				d, err := client.AppsV1().Deployments("shop").Get(t.Context(), other, metav1.GetOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if scaled := *d.Spec.Replicas == 0; scaled != (c.scaled == "shop/"+other) {
					t.Errorf("%s has %d replicas", other, *d.Spec.Replicas)
				}
			}
		})
	}
}

func TestScaleWorkloadUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		args funcs.Args
		want string
	}{
		"no object":    {funcs.Args{"replicas": 1, "name": "web"}, "namespace, name and kind must all be given"},
		"not there":    {funcs.Args{"replicas": 1, "name": "web", "namespace": "shop", "kind": "statefulset"}, "scale statefulset shop/web"},
		"no such kind": {funcs.Args{"replicas": 1, "name": "web", "namespace": "shop", "kind": "daemonset"}, `kind "daemonset" is not a workload`},
		"not a number": {funcs.Args{"replicas": "two"}, "argument replicas"},
	} {
		t.Run(name, func(t *testing.T) {
			env, _, _ := funcstest.NewEnv()
			_, err := funcs.ScaleWorkload().Exec(t.Context(), env, c.args)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestScaleWorkloadAgain: a second attempt of a phase has the output of the first.
func TestScaleWorkloadAgain(t *testing.T) {
	for name, c := range map[string]struct {
		labels map[string]string
		second int
		noted  string
	}{
		"a phase of a run": {map[string]string{funcs.RunLabel: "r1", funcs.PhaseLabel: "stop"}, 3, "r1/stop=3"},
		"no phase":         {map[string]string{funcs.RunLabel: "r1"}, 0, ""},
		"no run":           {map[string]string{funcs.PhaseLabel: "stop"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			env, client, _ := funcstest.NewEnv(deployment("shop", "web", 3))
			env.Params.Deployment, env.Labels = &compat.Workload{Name: "web", Namespace: "shop"}, c.labels
			for attempt, want := range []int{3, c.second} {
				out, err := funcs.ScaleWorkload().Exec(t.Context(), env, funcs.Args{"replicas": 0, "waitForReady": false})
				if err != nil || out["originalReplicaCount"] != want {
					t.Errorf("attempt %d: output %v, error %v; want %d", attempt+1, out, err, want)
				}
			}
			d, err := client.AppsV1().Deployments("shop").Get(t.Context(), "web", metav1.GetOptions{})
			if err != nil || d.Annotations["rescue.dev/replicas-before"] != c.noted {
				t.Errorf("annotations %v, error %v", d.Annotations, err)
			}
		})
	}
}
