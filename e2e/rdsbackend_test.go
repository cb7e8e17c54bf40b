//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/rescuecue/rescue/funcs"
	"github.com/rescuecue/rescue/funcs/kube"
)

// postgresImage has a PostgreSQL server, whose user is 999, and a shell.
func postgresImage() string {
	return cmp.Or(os.Getenv("RESCUE_E2E_POSTGRES_IMAGE"), "localhost/rescue-e2e-postgres:dev")
}

const (
	masterUser = "master"
	// masterPassword has all that a shell, a pgpass file and a URL trip over.
	masterPassword = `p:w\d 'x" $HOME %20&`
)

// servers is the backend of an imitated RDS: an instance is a pod with a PostgreSQL
// server and a Service, a snapshot a copy of its files.
type servers struct {
	t   *testing.T
	env *funcs.Env

	mu        sync.Mutex
	addresses map[string]string // by resource
	files     map[string]string // by snapshot
}

func newServers(t *testing.T, env *funcs.Env) *servers {
	return &servers{t: t, env: env, addresses: map[string]string{}, files: map[string]string{}}
}

// makeCluster is how RDS has it: no login without TLS and a password.
const makeCluster = `
set -e
rm -rf /pg/data
mkdir -m 700 /pg/data
initdb -D /pg/data -U ` + masterUser + ` --pwfile=/dev/stdin --auth-local=trust --auth-host=scram-sha-256 --locale=C -E UTF8 > /pg/initdb.log
printf 'local all all trust\nlocal replication all trust\nhostssl all all all scram-sha-256\n' > /pg/data/pg_hba.conf
`

// create makes the server of an instance that is there from the beginning.
func (s *servers) create(ctx context.Context, resource string) error {
	return s.start(ctx, resource, func(pod string) error {
		if err := s.shell(ctx, pod, masterPassword+"\n", makeCluster); err != nil {
			return err
		}
		cert, key, err := certificate()
		if err != nil {
			return err
		}
		for name, text := range map[string][]byte{"server.crt": cert, "server.key": key} {
			if err := s.shell(ctx, pod, string(text), "umask 077; cat > /pg/data/"+name); err != nil {
				return err
			}
		}
		return s.shell(ctx, pod, "", `printf 'ssl = on\nlisten_addresses = '"'*'"'\nunix_socket_directories = '"'/tmp'"'\nfsync = off\nmax_prepared_transactions = 5\n' >> /pg/data/postgresql.conf`)
	})
}

// Restore implements rdstest.Backend.
func (s *servers) Restore(ctx context.Context, resource, snapshot string) error {
	s.mu.Lock()
	path := s.files[snapshot]
	s.mu.Unlock()
	return s.start(ctx, resource, func(pod string) error {
		return s.repeated(ctx, "the files of instance "+resource, func() error { return s.fill(ctx, pod, path) })
	})
}

// fill gives a server the files of a snapshot.
func (s *servers) fill(ctx context.Context, pod, path string) error {
	files, err := os.Open(path)
	if err != nil {
		return err
	}
	defer files.Close()
	return s.exec(ctx, pod, files, io.Discard, "set -e; rm -rf /pg/data; mkdir -m 700 /pg/data; tar -x -z -f - -C /pg/data; chmod 700 /pg/data")
}

// repeated does a thing again that failed. The imitation is not what is tested here, so a
// connection to a pod that breaks does not fail it.
func (s *servers) repeated(ctx context.Context, what string, do func() error) error {
	err := do()
	for attempt := 2; err != nil && attempt <= begins && ctx.Err() == nil; attempt++ {
		s.t.Logf("%s, attempt %d follows: %v", what, attempt, err)
		err = do()
	}
	return err
}

// Snapshot implements rdstest.Backend.
func (s *servers) Snapshot(ctx context.Context, resource, snapshot string) error {
	path := filepath.Join(s.t.TempDir(), "snapshot.tar.gz")
	err := s.repeated(ctx, "the files of snapshot "+snapshot, func() error { return s.copyFiles(ctx, resource, path) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[snapshot] = path
	return err
}

// copyFiles copies the files compressed: the longer a stream of an exec, the more often a
// busy node breaks it off.
func (s *servers) copyFiles(ctx context.Context, resource, path string) error {
	files, err := os.Create(path)
	if err != nil {
		return err
	}
	defer files.Close()
	return s.exec(ctx, podOf(resource), nil, files, "pg_basebackup -h /tmp -U "+masterUser+" -D - -F tar -Z 1 -X fetch -c fast")
}

// Delete implements rdstest.Backend.
func (s *servers) Delete(resource string) {
	err := s.env.Kube.CoreV1().Pods(s.env.Namespace).Delete(context.Background(), podOf(resource), metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	if err != nil {
		s.t.Errorf("delete the server of %s: %v", resource, err)
	}
}

// DeleteSnapshot implements rdstest.Backend.
func (s *servers) DeleteSnapshot(snapshot string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, snapshot)
}

// Endpoint implements rdstest.Backend.
func (s *servers) Endpoint(_, resource string) (string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addresses[resource], 5432
}

func podOf(resource string) string { return "postgres-" + resource }

// start makes pod and Service, prepares the files of the server, and lets it go.
func (s *servers) start(ctx context.Context, resource string, prepare func(pod string) error) error {
	name, labels := podOf(resource), map[string]string{"rds": resource}
	service, err := s.env.Kube.CoreV1().Services(s.env.Namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 5432, TargetPort: intstr.FromInt32(5432)}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.addresses[resource] = service.Spec.ClusterIP
	s.mu.Unlock()
	pods := s.env.Kube.CoreV1().Pods(s.env.Namespace)
	pod, err := pods.Create(ctx, serverPod(name, labels), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	running := func(p *corev1.Pod) (bool, error) { return p.Status.Phase == corev1.PodRunning, nil }
	if pod, err = kube.Follow(ctx, pods, pod, running); err != nil {
		return err
	}
	if err := prepare(name); err != nil {
		return err
	}
	if err := s.shell(ctx, name, "", "touch /pg/go"); err != nil {
		return err
	}
	_, err = kube.Follow(ctx, pods, pod, podReady)
	return err
}

func podReady(p *corev1.Pod) (bool, error) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return true, nil
		}
	}
	if p.Status.Phase == corev1.PodFailed {
		return false, fmt.Errorf("the server in %s has ended", p.Name)
	}
	return false, nil
}

func serverPod(name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			TerminationGracePeriodSeconds: new(int64),
			SecurityContext:               &corev1.PodSecurityContext{RunAsUser: new(int64(999)), RunAsGroup: new(int64(999)), FSGroup: new(int64(999))},
			Containers: []corev1.Container{{
				Name: "postgres", Image: postgresImage(), ImagePullPolicy: corev1.PullIfNotPresent,
				Command:      sh("until [ -f /pg/go ]; do sleep 0.1; done; exec postgres -D /pg/data"),
				VolumeMounts: []corev1.VolumeMount{{Name: "pg", MountPath: "/pg"}},
				ReadinessProbe: &corev1.Probe{
					ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"pg_isready", "-h", "/tmp"}}},
					PeriodSeconds: 1, TimeoutSeconds: 10, FailureThreshold: 1,
				},
			}},
			Volumes: []corev1.Volume{{Name: "pg", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		},
	}
}

func (s *servers) exec(ctx context.Context, pod string, in io.Reader, out io.Writer, script string) error {
	var talk bytes.Buffer
	err := s.env.Exec.Exec(ctx, funcs.ExecOptions{
		Namespace: s.env.Namespace, Pod: pod, Container: "postgres", Command: sh(script), Stdin: in, Stdout: out, Stderr: &talk,
	})
	if err != nil {
		return fmt.Errorf("%s: %w: %s", pod, err, talk.String())
	}
	return nil
}

// shell runs a script that may be begun again.
func (s *servers) shell(ctx context.Context, pod, stdin, script string) error {
	_, err := shell(ctx, s.t, s.env, funcs.ExecOptions{Namespace: s.env.Namespace, Pod: pod, Container: "postgres", Command: sh(script)}, stdin)
	return err
}

// sql runs statements in a database of an instance, as its master, and returns what
// they print. They may be begun again: what cannot be done twice fails then.
func (s *servers) sql(resource, database, statements string) string {
	s.t.Helper()
	out, err := shell(context.WithoutCancel(s.t.Context()), s.t, s.env, funcs.ExecOptions{
		Namespace: s.env.Namespace, Pod: podOf(resource), Container: "postgres",
		Command: sh("exec psql -h /tmp -U " + masterUser + " -d '" + database + "' -q -A -t -v ON_ERROR_STOP=1"),
	}, statements)
	if err != nil {
		s.t.Fatalf("%s: %v", statements, err)
	}
	return out
}

// certificate is one that nobody has signed, as good as that of RDS to somebody who
// does not know Amazon's authority.
func certificate() (cert, key []byte, err error) {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rds"}, NotAfter: time.Now().Add(24 * time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, of, of, &secret.PublicKey, secret)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), err
}
