package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// findMode tries what kind of container this machine allows, from the most
// faithful one on.
func findMode(ctx context.Context, base string) (sandboxMode, error) {
	if !canContain.Load() {
		return sandboxMode{}, errors.New("this program cannot start containers: call local.ContainerMain before anything else in its main function, or in TestMain")
	}
	modes := []sandboxMode{{User: true}}
	if os.Geteuid() == 0 {
		modes = []sandboxMode{{Overlay: true}, {}, {User: true}}
	}
	var refusals []string
	for _, mode := range modes {
		err := tryMode(ctx, mode, base)
		if err == nil {
			return mode, nil
		}
		if ctx.Err() != nil {
			return sandboxMode{}, ctx.Err()
		}
		refusals = append(refusals, fmt.Sprintf("%s: %v", mode, err))
	}
	return sandboxMode{}, errors.New("this machine does not let rescue isolate containers, and rescue never runs them unconfined (" +
		strings.Join(refusals, "; ") + "). " + adviceForNamespaces())
}

func tryMode(ctx context.Context, mode sandboxMode, base string) error {
	s, err := startSandbox(ctx, sandboxSpec{Mode: mode, Base: base})
	if err != nil {
		return err
	}
	s.kill()
	<-s.done
	return nil
}

// adviceForNamespaces names the setting that is known to forbid user namespaces.
func adviceForNamespaces() string {
	settings := []struct{ file, forbids, advice string }{
		{"/proc/sys/user/max_user_namespaces", "0", "Allow user namespaces: sysctl -w user.max_user_namespaces=15000"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "Allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
			"AppArmor restricts user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give rescue a profile with the rule \"userns,\""},
	}
	for _, s := range settings {
		if data, err := os.ReadFile(s.file); err == nil && strings.TrimSpace(string(data)) == s.forbids {
			return s.advice
		}
	}
	return "Inside a container, start that one with --privileged (or with --security-opt seccomp=unconfined and systempaths=unconfined); otherwise run rescue as root, or use a cluster with a kubeconfig"
}
