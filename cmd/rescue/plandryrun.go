package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/interp/graph"
)

// showPlans prints what would run. On a cluster it asks the API server whether it would take
// the pods.
func (c *call) showPlans(ctx context.Context, tasks []*task) error {
	var docs []*graph.Document
	var refused []error
	for _, t := range tasks {
		doc, err := c.document(t.blueprint, t.spec.Name, seen(t.opts.Params), t.opts.Env)
		if err != nil {
			return failed(t.named(c.masked(err, t.opts.Params)))
		}
		if c.Runtime == "cluster" {
			err := tryPods(ctx, t.opts.Env, doc)
			if cannotAsk := (*askError)(nil); errors.As(err, &cannotAsk) {
				return cannot(t.named(err))
			}
			refused = append(refused, t.named(err))
		}
		docs = append(docs, doc)
	}
	write := graph.WriteText
	if c.output == "json" {
		write = graph.WriteJSON
	}
	if err := write(c.streams.Stdout, docs); err != nil {
		return cannot(err)
	}
	return failed(errors.Join(refused...))
}

// seen says of a workload without pods that it has none: see Blueprint.Foresee.
func seen(params *compat.Params) *compat.Params {
	out := *params
	for _, w := range []**compat.Workload{&out.StatefulSet, &out.Deployment, &out.DeploymentConfig} {
		if *w != nil && (*w).Pods == nil {
			own := **w
			own.Pods = []string{}
			*w = &own
		}
	}
	return &out
}

// An askError says that the API server could not be asked.
type askError struct{ error }

func (e *askError) Unwrap() error { return e.error }

// tryPods has the API server check the pods that are known, as it would if they were
// created: rights, quotas, admission. It makes none of them.
func tryPods(ctx context.Context, env *funcs.Env, doc *graph.Document) error {
	var errs []error
	for _, p := range doc.All() {
		pod, err := funcs.PreviewPod(p.Func, env, p.Args)
		if err != nil || pod == nil {
			continue // the plan says so
		}
		if !isKnown(pod) {
			p.PodUnknown = "the cluster was not asked: more than its commands is only known in the run"
			continue
		}
		_, err = env.Kube.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil {
			continue
		}
		if status := apierrors.APIStatus(nil); !errors.As(err, &status) || ctx.Err() != nil {
			return &askError{fmt.Errorf("phase %s: ask the API server about its pod: %w", p.Name, err)}
		}
		p.Refused = err.Error()
		errs = append(errs, fmt.Errorf("phase %s (%s): the cluster refuses its pod: %w", p.Name, p.Func, err))
	}
	return errors.Join(errs...)
}

// isKnown tells whether only commands and variables of a pod have placeholders: to the API
// server these are any text.
func isKnown(pod *corev1.Pod) bool {
	bare := pod.DeepCopy()
	for _, containers := range [][]corev1.Container{bare.Spec.InitContainers, bare.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			c.Command, c.Args = nil, nil
			for j := range c.Env {
				c.Env[j].Value = ""
			}
		}
	}
	src, err := json.Marshal(bare)
	// JSON writes < as \u003c.
	return err == nil && !strings.Contains(string(src), `\u003c`)
}
