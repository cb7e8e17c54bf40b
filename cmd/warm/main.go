package main

import (
	_ "mvdan.cc/sh/v3/syntax"
	_ "golang.org/x/term"
	_ "github.com/mattn/go-runewidth"
	_ "github.com/agext/levenshtein"
	_ "github.com/spf13/pflag"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "go.uber.org/goleak"
	_ "golang.org/x/sys/unix"

	_ "cuelang.org/go/cue/cuecontext"
	_ "cuelang.org/go/cue/load"
	_ "cuelang.org/go/tools/flow"
	_ "github.com/Masterminds/sprig"
	_ "github.com/hashicorp/go-multierror"
	_ "github.com/kopia/kopia/repo/blob/filesystem"
	_ "github.com/kopia/kopia/repo/blob/s3"
	_ "github.com/kopia/kopia/snapshot/restore"
	_ "github.com/kopia/kopia/snapshot/upload"
	_ "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	_ "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned/fake"
	_ "github.com/spf13/cobra"
	_ "github.com/aws/aws-sdk-go-v2/service/s3"
	_ "github.com/aws/aws-sdk-go-v2/config"
	_ "go.yaml.in/yaml/v3"
	_ "k8s.io/client-go/dynamic"
	_ "k8s.io/client-go/dynamic/fake"
	_ "k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/kubernetes/fake"
	_ "k8s.io/client-go/tools/clientcmd"
	_ "k8s.io/client-go/tools/remotecommand"
	_ "sigs.k8s.io/yaml"
)

func main() {}
