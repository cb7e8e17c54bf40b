// Package kube holds what the functions that work on a cluster share: how pods
// are built, run, watched and removed, how workloads are scaled, and how their
// parameters are gathered. Clients are passed in; the package reads no
// kubeconfig. Everything waits by watching.
package kube
