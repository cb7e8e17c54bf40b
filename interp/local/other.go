//go:build !linux

package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// errNeedsLinux is what every attempt to run a container gives on other systems.
var errNeedsLinux = errors.New("the local runtime needs Linux, whose namespaces isolate containers; this is " +
	runtime.GOOS + ": use a cluster with a kubeconfig, or a Linux virtual machine")

// ContainerMain does nothing where there are no containers.
func ContainerMain() {}

type sandbox struct{ done chan struct{} }

type sandboxProcess struct {
	sandbox *sandbox
	exited  chan exitStatus
}

func findMode(context.Context, string) (sandboxMode, error) { return sandboxMode{}, errNeedsLinux }

func startSandbox(context.Context, sandboxSpec) (*sandbox, error) { return nil, errNeedsLinux }

func (*sandbox) start(processSpec, *os.File, *os.File, *os.File) (*sandboxProcess, error) {
	return nil, errNeedsLinux
}

func (*sandbox) kill() {}

func (*sandboxProcess) signal(syscall.Signal) {}

func openNull() (*os.File, error) { return os.Open(os.DevNull) }

func diskUsage(info fs.FileInfo) int64 { return info.Size() }

func machineMemory() int64 { return 0 }

func identify(fs.FileInfo) (fileID, uint64) { return fileID{}, 1 }

func copySpecial(fs.FileInfo, string) error { return errNeedsLinux }

func copyAttributes(string, string, fs.FileInfo) error { return errNeedsLinux }
