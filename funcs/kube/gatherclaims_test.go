package kube

import (
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// TestTemplateClaimsFails: what cannot be read is told; which claims there are is
// tested with PrepareData.
func TestTemplateClaimsFails(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: objectMeta("web", "sts", nil)}
	set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{}}
	client := fake.NewClientset(set)
	client.PrependReactor("list", "persistentvolumeclaims", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("no right to list")
	})
	g := &Gatherer{Kube: client}
	for ref, want := range map[WorkloadRef]string{
		{"StatefulSet", "shop", "web"}:      "volumes of statefulset shop/web: no right to list",
		{"statefulset", "shop", "other"}:    "read statefulset shop/other",
		{"deployment", "shop", "web"}:       "read deployment shop/web",
		{"DeploymentConfig", "shop", "web"}: "is no Deployment or StatefulSet",
	} {
		claims, err := g.TemplateClaims(t.Context(), ref)
		if err == nil || claims != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: claims %v, error %v", ref, claims, err)
		}
	}
}
