package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// withSecret puts the secrets of a pod into a Secret, so that they do not stand in its spec,
// which many may read who may not read Secrets. It returns the pod that is to be created,
// and what removes the Secret again.
func (r *Runner) withSecret(ctx context.Context, template *corev1.Pod) (*corev1.Pod, *podSecret, error) {
	if r.Secrets == nil {
		return template, nil, nil
	}
	pod, secret := handSecrets(template, r.Secrets)
	for _, at := range secretsLeft(pod, r.Secrets) {
		r.Log.Warn("a secret stands in the pod's spec, where all can read it who may read pods: "+
			"only commands, arguments and variables are handed over by reference", "field", at)
	}
	if secret == nil {
		return pod, nil, nil
	}
	made, err := r.createSecret(ctx, secret)
	if err != nil {
		if maybeCreated(err) {
			(&podSecret{r, secret}).remove(ctx)
		}
		return nil, nil, err
	}
	return pod, &podSecret{r, made}, nil
}

// createSecret sits out an API server that is away: its own name makes it safe to ask twice.
func (r *Runner) createSecret(ctx context.Context, secret *corev1.Secret) (*corev1.Secret, error) {
	secrets := r.Client.CoreV1().Secrets(secret.Namespace)
	for lost := (Outage{}); ; {
		made, err := secrets.Create(ctx, secret, metav1.CreateOptions{})
		if err == nil {
			return made, nil
		}
		if apierrors.IsAlreadyExists(err) && lost.Attempts() > 0 {
			return secrets.Get(ctx, secret.Name, metav1.GetOptions{})
		}
		pause, hopeless := lost.Next()
		if apierrors.IsForbidden(err) {
			return nil, fmt.Errorf("create a Secret in namespace %s for what is secret in the pod's command: %w\n"+
				"to go on: allow to create, patch and delete Secrets there, or let the script read the secret by itself", secret.Namespace, err)
		}
		if refused(err) || hopeless || Sleep(ctx, pause) != nil {
			return nil, fmt.Errorf("create a Secret in namespace %s for what is secret in the pod's command: %w", secret.Namespace, err)
		}
	}
}

// A podSecret is the Secret of a pod.
type podSecret struct {
	*Runner
	secret *corev1.Secret
}

// belong makes the pod the owner of the Secret, so that the cluster removes it with the pod
// if nobody else does. The Secret goes without that too, at the end of the phase.
func (s *podSecret) belong(ctx context.Context, pod *corev1.Pod) {
	if s == nil {
		return
	}
	owner := metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"ownerReferences": []metav1.OwnerReference{owner}}})
	if err == nil {
		_, err = s.Client.CoreV1().Secrets(s.secret.Namespace).Patch(ctx, s.secret.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil && ctx.Err() == nil {
		s.Log.Warn("the Secret of a pod does not belong to it: if this process is killed, the Secret stays until `rescue gc` removes it",
			"namespace", s.secret.Namespace, "secret", s.secret.Name, "error", err)
	}
}

// remove deletes the Secret, also when ctx has ended. It may be gone with its pod already.
func (s *podSecret) remove(ctx context.Context) {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	secrets := s.Client.CoreV1().Secrets(s.secret.Namespace)
	for lost := (Outage{}); ; {
		err := secrets.Delete(ctx, s.secret.Name, metav1.DeleteOptions{})
		if err == nil || apierrors.IsNotFound(err) {
			return
		}
		pause, hopeless := lost.Next()
		if refused(err) || hopeless || Sleep(ctx, pause) != nil {
			s.Log.Warn("could not remove the Secret of a pod: delete it by hand",
				"namespace", s.secret.Namespace, "secret", s.secret.Name, "error", err)
			return
		}
	}
}

// secretsLeft are the fields of a pod in which secrets stand.
func secretsLeft(pod *corev1.Pod, find SecretFinder) []string {
	src, err := json.Marshal(pod)
	if err != nil || len(find.Find(string(src))) == 0 {
		return nil // a pod that cannot be written cannot be created either
	}
	var doc any
	if json.Unmarshal(src, &doc) != nil {
		return nil
	}
	var fields []string
	eachText(doc, "", func(at, text string) {
		if len(find.Find(text)) > 0 {
			fields = append(fields, strings.TrimPrefix(at, "."))
		}
	})
	slices.Sort(fields)
	return fields
}

// eachText calls f for each text in a document, with its path.
func eachText(v any, at string, f func(at, text string)) {
	switch v := v.(type) {
	case string:
		f(at, v)
	case []any:
		for i, x := range v {
			eachText(x, fmt.Sprintf("%s[%d]", at, i), f)
		}
	case map[string]any:
		for key, x := range v {
			eachText(x, at+"."+key, f)
		}
	}
}
