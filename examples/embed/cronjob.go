package main

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/funcs"
)

// suspendSchema is what a blueprint may say of the function, and what vet, explain and
// the editor know of it.
const suspendSchema = `package schema

// SuspendCronJob keeps a CronJob from starting Jobs, or lets it start them again.
#Functions: SuspendCronJob: {
	args: {
		// namespace of the CronJob.
		namespace?: string
		// name of the CronJob.
		name?: string
		// suspend is false to let it start Jobs again.
		suspend?: *true | bool
	}
	required: ["namespace", "name"]
	output: {
		// wasSuspended says whether it was suspended before: "true" or "false".
		wasSuspended: string
	}
}
`

// suspendArgs are the arguments, by the names of the schema.
type suspendArgs struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Suspend   *bool  `json:"suspend"`
}

// suspendCronJob is a function that Rescue does not bring along.
func suspendCronJob() (funcs.Defined, error) {
	return funcs.New("SuspendCronJob", suspendSchema, suspend)
}

func suspend(ctx context.Context, env *funcs.Env, args suspendArgs) (funcs.Output, error) {
	jobs := env.Kube.BatchV1().CronJobs(args.Namespace)
	job, err := jobs.Get(ctx, args.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	output := funcs.Output{"wasSuspended": "false"}
	if s := job.Spec.Suspend; s != nil && *s {
		output["wasSuspended"] = "true"
	}
	wanted := args.Suspend == nil || *args.Suspend
	job.Spec.Suspend = &wanted
	_, err = jobs.Update(ctx, job, metav1.UpdateOptions{})
	return output, err
}
