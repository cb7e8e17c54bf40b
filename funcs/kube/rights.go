package kube

import (
	"context"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// A Right is to do something with objects of a resource.
type Right struct {
	Verb string
	// Group and Resource as RBAC has them: pods/log is a resource of its own.
	Group, Resource string
	// Namespace is empty for resources without one, and for all namespaces.
	Namespace string
	// Name is that of the only object; empty for any.
	Name string
}

func (r Right) attributes() *authorizationv1.ResourceAttributes {
	resource, sub, _ := strings.Cut(r.Resource, "/")
	return &authorizationv1.ResourceAttributes{
		Verb: r.Verb, Group: r.Group, Resource: resource, Subresource: sub, Namespace: r.Namespace, Name: r.Name,
	}
}

// Rights asks the API server which rights the caller has, each only once. It is not for
// several goroutines at once.
type Rights struct {
	kube  kubernetes.Interface
	asked map[Right]bool
	rules map[string][]authorizationv1.ResourceRule // by namespace
}

// NewRights asks that API server.
func NewRights(kube kubernetes.Interface) *Rights {
	return &Rights{kube: kube, asked: map[Right]bool{}, rules: map[string][]authorizationv1.ResourceRule{}}
}

// Has tells whether the caller has a right. The error is that of an API server that could
// not be asked.
func (r *Rights) Has(ctx context.Context, right Right) (bool, error) {
	if has, ok := r.asked[right]; ok {
		return has, nil
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: right.attributes()}}
	answer, err := r.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	r.asked[right] = answer.Status.Allowed
	return answer.Status.Allowed, nil
}

// Names are those of the objects for which the caller has a right that it does not have for
// all of them.
func (r *Rights) Names(ctx context.Context, right Right) ([]string, error) {
	rules, err := r.rulesIn(ctx, right.Namespace)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, rule := range rules {
		if covers(rule.Verbs, right.Verb) && covers(rule.APIGroups, right.Group) && covers(rule.Resources, right.Resource) {
			names = append(names, rule.ResourceNames...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// rulesIn lists the caller's rules. Those of the whole cluster are among those of any
// namespace.
func (r *Rights) rulesIn(ctx context.Context, namespace string) ([]authorizationv1.ResourceRule, error) {
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	if rules, ok := r.rules[namespace]; ok {
		return rules, nil
	}
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	answer, err := r.kube.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	r.rules[namespace] = answer.Status.ResourceRules
	return answer.Status.ResourceRules, nil
}

func covers(list []string, what string) bool {
	return slices.Contains(list, what) || slices.Contains(list, "*")
}
