package local

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/rescuecue/rescue/funcs"
)

// beginProbing keeps the container's readiness up to date until the function that
// it returns is called. Liveness and startup probes are not run.
func (w *podWorker) beginProbing(c *corev1.Container, r *runningContainer) (stop func()) {
	if c.ReadinessProbe == nil {
		w.setStatus(func(s *corev1.PodStatus) { containerReady(s, c.Name, true) })
		return func() {}
	}
	ctx, cancel := context.WithCancel(w.ctx)
	var probing sync.WaitGroup
	probing.Add(1)
	go func() {
		defer probing.Done()
		w.probe(ctx, c, r)
	}()
	return func() { cancel(); probing.Wait() }
}

// probe asks until the container is ready, then at the probe's period. The first
// answer is not made to wait: initialDelaySeconds is for slow clusters.
func (w *podWorker) probe(ctx context.Context, c *corev1.Container, r *runningContainer) {
	p := c.ReadinessProbe
	const eager = 200 * time.Millisecond
	ready, failures := false, int32(0)
	for {
		err := w.probeOnce(ctx, c, r)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failures = 0
		} else {
			failures++
		}
		if now := err == nil || ready && failures < max(p.FailureThreshold, 1); now != ready {
			ready = now
			w.setStatus(func(s *corev1.PodStatus) { containerReady(s, c.Name, ready) })
		}
		pause := eager
		if ready {
			pause = time.Duration(max(p.PeriodSeconds, 1)) * time.Second
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (w *podWorker) probeOnce(ctx context.Context, c *corev1.Container, r *runningContainer) error {
	p := c.ReadinessProbe
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(p.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case p.Exec != nil:
		return execIn(ctx, r, 0, funcs.ExecOptions{Command: p.Exec.Command})
	case p.TCPSocket != nil:
		return probeTCP(ctx, c, p.TCPSocket.Port)
	case p.GRPC != nil: // that it answers is enough
		return probeTCP(ctx, c, intstr.FromInt32(p.GRPC.Port))
	case p.HTTPGet != nil:
		return probeHTTP(ctx, c, p.HTTPGet)
	}
	return nil
}

func probeTCP(ctx context.Context, c *corev1.Container, port intstr.IntOrString) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", probeAddress(c, port))
	if err != nil {
		return err
	}
	return conn.Close()
}

func probeAddress(c *corev1.Container, port intstr.IntOrString) string {
	number := port.IntValue()
	for _, p := range c.Ports {
		if port.Type == intstr.String && p.Name == port.StrVal {
			number = int(p.ContainerPort)
		}
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(number))
}

func probeHTTP(ctx context.Context, c *corev1.Container, get *corev1.HTTPGetAction) error {
	if get.Scheme == corev1.URISchemeHTTPS {
		// Kubernetes does not check the certificate either: that it answers is enough.
		return probeTCP(ctx, c, get.Port)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+probeAddress(c, get.Port)+get.Path, nil)
	if err != nil {
		return err
	}
	for _, h := range get.HTTPHeaders {
		req.Header.Add(h.Name, h.Value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("HTTP status %s", resp.Status)
	}
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	return err
}
