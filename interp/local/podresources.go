package local

import (
	"fmt"
	"runtime"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	quantities "k8s.io/apimachinery/pkg/api/resource"
)

// resourceField answers the downward API's questions for requests and limits. A limit
// that is not set is what the machine has, as on a node; a request is the limit then.
func resourceField(pod *corev1.Pod, of *corev1.Container, ref *corev1.ResourceFieldSelector) (string, error) {
	c := of
	if ref.ContainerName != "" {
		c = containerOf(pod, ref.ContainerName)
	}
	if c == nil {
		return "", fmt.Errorf("resource %s: the pod has no container %q", ref.Resource, ref.ContainerName)
	}
	list, name, err := resourceList(c, ref.Resource)
	if err != nil {
		return "", err
	}
	amount, set := list[name]
	if !set {
		amount = machineHas(name)
	}
	return divided(name, amount, ref.Divisor), nil
}

func containerOf(pod *corev1.Pod, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func resourceList(c *corev1.Container, path string) (corev1.ResourceList, corev1.ResourceName, error) {
	switch path {
	case "limits.cpu":
		return c.Resources.Limits, corev1.ResourceCPU, nil
	case "limits.memory":
		return c.Resources.Limits, corev1.ResourceMemory, nil
	case "requests.cpu":
		return requests(c), corev1.ResourceCPU, nil
	case "requests.memory":
		return requests(c), corev1.ResourceMemory, nil
	}
	return nil, "", fmt.Errorf("the local runtime does not know the resource %s of a container", path)
}

// requests are completed by the limits, and by zeros.
func requests(c *corev1.Container) corev1.ResourceList {
	list := corev1.ResourceList{}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		list[name] = c.Resources.Limits[name]
		if amount, set := c.Resources.Requests[name]; set {
			list[name] = amount
		}
	}
	return list
}

func machineHas(name corev1.ResourceName) quantities.Quantity {
	if name == corev1.ResourceCPU {
		return *quantities.NewQuantity(int64(runtime.NumCPU()), quantities.DecimalSI)
	}
	return *quantities.NewQuantity(machineMemory(), quantities.BinarySI)
}

// divided rounds up to whole divisors, 1 if there is none.
func divided(name corev1.ResourceName, amount, divisor quantities.Quantity) string {
	if divisor.IsZero() {
		divisor = quantities.MustParse("1")
	}
	value, unit := amount.Value(), divisor.Value()
	if name == corev1.ResourceCPU {
		value, unit = amount.MilliValue(), divisor.MilliValue()
	}
	return strconv.FormatInt((value+unit-1)/unit, 10)
}
