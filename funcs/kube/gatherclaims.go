package kube

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TemplateClaims lists the claims of a Deployment or StatefulSet without looking at
// pods: those that its pod template names, and those that exist of a StatefulSet's
// own claim templates, also for pods that it had when it was larger.
func (g *Gatherer) TemplateClaims(ctx context.Context, ref WorkloadRef) ([]string, error) {
	if strings.EqualFold(ref.Kind, KindStatefulSet) {
		return g.statefulSetClaims(ctx, ref)
	}
	if !strings.EqualFold(ref.Kind, KindDeployment) {
		return nil, fmt.Errorf("%s is no Deployment or StatefulSet", ref)
	}
	d, err := g.Kube.AppsV1().Deployments(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ref, err)
	}
	return claimsOf(d.Spec.Template.Spec), nil
}

func (g *Gatherer) statefulSetClaims(ctx context.Context, ref WorkloadRef) ([]string, error) {
	s, err := g.Kube.AppsV1().StatefulSets(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ref, err)
	}
	claims := claimsOf(s.Spec.Template.Spec)
	if len(s.Spec.VolumeClaimTemplates) == 0 {
		return claims, nil
	}
	list, err := g.Kube.CoreV1().PersistentVolumeClaims(ref.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("volumes of %s: %w", ref, err)
	}
	made := make([]string, len(s.Spec.VolumeClaimTemplates))
	for i, t := range s.Spec.VolumeClaimTemplates {
		made[i] = regexp.QuoteMeta(t.Name)
	}
	own := regexp.MustCompile(fmt.Sprintf(`^(%s)-%s-\d+$`, strings.Join(made, "|"), regexp.QuoteMeta(s.Name)))
	for _, pvc := range list.Items {
		if own.MatchString(pvc.Name) {
			claims = append(claims, pvc.Name)
		}
	}
	slices.Sort(claims)
	return slices.Compact(claims), nil
}

// claimsOf lists the claims that a pod's spec names.
func claimsOf(spec corev1.PodSpec) []string {
	var claims []string
	for _, v := range spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			claims = append(claims, v.PersistentVolumeClaim.ClaimName)
		}
	}
	slices.Sort(claims)
	return slices.Compact(claims)
}
