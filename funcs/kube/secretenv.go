package kube

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

// SecretFinder finds secret values in text.
type SecretFinder interface {
	// Find returns where secrets stand in the text: from, to, in order, and apart from
	// each other.
	Find(text string) [][2]int
}

// secretVariable begins the names of the variables that hand secrets to a pod.
const secretVariable = "RESCUE_SECRET_"

// A handover takes secrets out of a pod's spec, and puts them into the data of a Secret
// whose keys are variables of the containers. A command then says $(RESCUE_SECRET_1), which
// Kubernetes itself replaces when it starts the container: the process gets the same bytes
// as if the secret had stood there.
type handover struct {
	find SecretFinder
	// taken is all the text of the pod, to find names that nobody uses.
	taken string
	last  int               // number that was tried for a name
	name  string            // of the Secret
	names map[string]string // secret to variable
	data  map[string][]byte // variable to secret
}

// handSecrets returns the pod without the secrets in the commands, arguments and
// variables of its containers, and a Secret that holds them; nil if there are none. The
// Secret has the pod's labels: what finds the one finds the other.
func handSecrets(template *corev1.Pod, find SecretFinder) (*corev1.Pod, *corev1.Secret) {
	h := &handover{
		find: find, taken: template.String(), name: template.GenerateName + "secrets-" + rand.String(8),
		names: map[string]string{}, data: map[string][]byte{},
	}
	pod := template.DeepCopy()
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			h.container(&containers[i])
		}
	}
	if len(h.data) == 0 {
		return template, nil
	}
	return pod, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: h.name, Namespace: pod.Namespace, Labels: pod.Labels},
		Immutable:  new(true),
		Data:       h.data,
	}
}

// container takes the secrets out of one container. The variables that stand for them come
// before its own, which may read them.
func (h *handover) container(c *corev1.Container) {
	var used []string
	take := func(text *string) {
		var names []string
		*text, names = h.text(*text)
		used = append(used, names...)
	}
	for i := range c.Command {
		take(&c.Command[i])
	}
	for i := range c.Args {
		take(&c.Args[i])
	}
	for i := range c.Env {
		take(&c.Env[i].Value)
	}
	slices.Sort(used)
	var env []corev1.EnvVar
	for _, name := range slices.Compact(used) {
		env = append(env, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: h.name}, Key: name,
		}}})
	}
	if len(env) > 0 {
		c.Env = append(env, c.Env...)
	}
}

// text takes the secrets out of a text that Kubernetes expands, and returns which variables
// stand for them.
func (h *handover) text(text string) (string, []string) {
	spans := h.find.Find(text)
	if len(spans) == 0 {
		return text, nil
	}
	var names []string
	e := expansion{text: text, spans: spans, variable: func(secret string) string {
		name := h.variable(secret)
		names = append(names, name)
		return name
	}}
	return e.rewrite(), names
}

// variable is the name of the variable for a secret.
func (h *handover) variable(secret string) string {
	if name, ok := h.names[secret]; ok {
		return name
	}
	name := ""
	for name == "" || strings.Contains(h.taken, name) {
		h.last++
		name = fmt.Sprint(secretVariable, h.last)
	}
	h.names[secret], h.data[name] = name, []byte(secret)
	return name
}
