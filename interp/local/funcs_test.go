package local

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
)

// TestFunctionsRunHere calls the cluster functions as a run would.
func TestFunctionsRunHere(t *testing.T) {
	c, env := openCluster(t, t.TempDir())
	env.Clock, env.Log, env.Namespace = time.Now, testLog(t), "default"
	env.Params = &compat.Params{Deployment: &compat.Workload{Name: "web", Namespace: "shop"}}
	if err := c.Apply([]byte(deploymentManifest)); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(deadline(t)); err != nil {
		t.Fatal(err)
	}
	pod := podsOf(t, env, "shop", "app=web")[0].Name
	output := `echo '###Phase-output###: {"key":"k","value":"v"}'`
	tests := []struct {
		function, key string
		want          any
		args          funcs.Args
	}{
		{"KubeExec", "k", "v", funcs.Args{"namespace": "shop", "pod": pod, "command": []string{"sh", "-c", output}}},
		{"KubeTask", "k", "v", funcs.Args{"namespace": "shop", "image": "any", "command": []string{"sh", "-c", output}}},
		{"ScaleWorkload", "originalReplicaCount", int32(2), funcs.Args{"replicas": 0}},
	}
	for _, tt := range tests {
		t.Run(tt.function, func(t *testing.T) {
			f, err := funcs.Builtin().Lookup(tt.function)
			if err != nil {
				t.Fatal(err)
			}
			out, err := f.Exec(deadline(t), env, tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if len(out) == 0 || out[tt.key] == nil {
				t.Errorf("output %v", out)
			}
		})
	}
	left, err := env.Kube.CoreV1().Pods("").List(deadline(t), metav1.ListOptions{})
	if err != nil || len(left.Items) != 0 {
		t.Errorf("pods left: %v, %v", left.Items, err)
	}
}
