//go:build e2e

package e2e

import "testing"

// etcdImage has etcd 3.4, whose etcdctl also restores.
const etcdImage = "localhost/rescue-e2e-etcd:dev"

func TestExampleEtcd(t *testing.T) {
	t.Parallel()
	e := newExample(t, "etcd", server{image: etcdImage})
	e.options = append(e.options, "image="+etcdImage, "restore=etcdctl", "endpoint=http://"+e.podAddress()+":2379")
	e.exec(0, `export ETCDCTL_API=3
		i=0; while [ $i -lt 200 ]; do i=$((i+1)); etcdctl put "/registry/key $i" "value
$i" > /dev/null; done
		etcdctl del '/registry/key 7' > /dev/null`)
	fingerprint := func() string { return e.exec(0, `ETCDCTL_API=3 etcdctl get --prefix ''`) }
	e.survives(3*199, fingerprint, func() {
		e.exec(0, `export ETCDCTL_API=3; etcdctl del --prefix /registry > /dev/null; etcdctl put younger 1`)
	})
}
