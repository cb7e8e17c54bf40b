package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
	"github.com/rescuecue/rescue/interp/graph"
)

// showPlans prints what would run. On a cluster it asks the API server whether it would take
// it.
func (c *call) showPlans(ctx context.Context, tasks []*task) error {
	var docs []*graph.Document
	var refused []error
	for _, t := range tasks {
		doc, err := c.document(t.blueprint, t.spec.Name, seen(t.opts.Params), t.opts.Env)
		if err != nil {
			return failed(t.named(c.masked(err, t.opts.Params)))
		}
		if c.Runtime == "cluster" {
			err := c.tryOn(ctx, t, doc)
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

// unanswered is the askError for an error that is no answer of the API server, else nil.
func unanswered(ctx context.Context, about string, err error) error {
	if sent := (*url.Error)(nil); ctx.Err() != nil || errors.As(err, &sent) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &askError{fmt.Errorf("ask the API server about %s: %w", about, err)}
	}
	return nil
}

// A trial asks the API server, phase by phase, whether an action could run. It changes
// nothing there.
type trial struct {
	*task
	doc    *graph.Document
	rights *kube.Rights
	errs   []error
}

// tryOn adds to the plan what the API server would refuse. The error has all of it.
func (c *call) tryOn(ctx context.Context, t *task, doc *graph.Document) error {
	tr := &trial{task: t, doc: doc, rights: kube.NewRights(t.opts.Env.Kube)}
	for _, p := range doc.All() {
		for _, try := range []func(context.Context, *graph.Phase) error{tr.tryRights, tr.tryPod, tr.tryFunction} {
			if err := try(ctx, p); err != nil {
				return fmt.Errorf("phase %s: %w", p.Name, err)
			}
		}
	}
	if err := errors.Join(tr.errs...); err != nil {
		return errors.Join(err, tr.remedy(ctx, c))
	}
	return nil
}

// refuse notes what the cluster would refuse a phase.
func (tr *trial) refuse(p *graph.Phase, what string, err error) {
	if p.Refused != "" {
		p.Refused += "\n"
	}
	p.Refused += err.Error()
	tr.errs = append(tr.errs, fmt.Errorf("phase %s (%s): the cluster refuses %s: %w", p.Name, p.Func, what, err))
}

// tryPod has the API server check the pod of a phase, if it is known, as it would if it were
// created: quotas, admission.
func (tr *trial) tryPod(ctx context.Context, p *graph.Phase) error {
	if p.Pod == nil || lacks(p, "create", "pods") {
		return nil // the plan says so
	}
	pod, err := podOf(p.Pod)
	if err != nil {
		return err
	}
	if !isKnown(pod) {
		p.PodUnknown = "the cluster was not asked: more than its commands is only known in the run"
		return nil
	}
	_, err = tr.opts.Env.Kube.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil {
		return nil
	}
	if err := unanswered(ctx, "its pod", err); err != nil {
		return err
	}
	tr.judge(p, "its pod", err)
	return nil
}

// podOf reads the pod of a plan.
func podOf(shown any) (*corev1.Pod, error) {
	src, err := json.Marshal(shown)
	if err != nil {
		return nil, err
	}
	pod := &corev1.Pod{}
	return pod, json.Unmarshal(src, pod)
}

// lacks tells whether the caller may not do something that the phase needs.
func lacks(p *graph.Phase, verb, resource string) bool {
	return slices.ContainsFunc(p.MissingRights, func(r graph.Right) bool {
		return r.Resource == resource && r.Group == "" && slices.Contains(r.Verbs, verb)
	})
}

// judge tells what the cluster surely refuses from what it might take in the run.
func (tr *trial) judge(p *graph.Phase, what string, err error) {
	doubt := funcs.Doubt("")
	switch {
	case errors.As(err, &doubt):
		p.NotSure = append(p.NotSure, doubt.Error())
	case strings.Contains(err.Error(), "does not support dry run"):
		p.NotSure = append(p.NotSure, "the cluster could not check "+what+": "+err.Error())
	case !funcs.Certain(err) && tr.mayChange(p):
		p.NotSure = append(p.NotSure, "the cluster refuses "+what+" as things are now, which an earlier phase may change: "+err.Error())
	default:
		tr.refuse(p, what, err)
	}
}

// makers are the functions that make objects which others may need.
var makers = []string{"KubeOps", "KubeTask", "MultiContainerRun", "PrepareData", "RestoreCSISnapshot", "CreateVolumeFromSnapshot"}

// mayChange tells whether a phase before that one may make the objects that it needs, or
// remove those in its way.
func (tr *trial) mayChange(p *graph.Phase) bool {
	return slices.ContainsFunc(tr.doc.All(), func(other *graph.Phase) bool {
		isBefore := slices.Contains(p.After, other.Name) || p == tr.doc.DeferPhase && other != p
		return isBefore && (slices.Contains(makers, other.Func) || other.Func == "ScaleWorkload" && needsPods(p))
	})
}

// needsPods tells whether a phase needs pods that are there.
func needsPods(p *graph.Phase) bool { return p.Func == "KubeExec" || p.Func == "KubeExecAll" }

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
