package kube

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// TestSnapshotsUnknown: a cluster without the CRDs, as API servers answer there, and
// one that only has not this object.
func TestSnapshotsUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		notFound          bool
		want              string
	}{
		"no CRDs": {"text/plain", "404 page not found\n", false, "install the CRDs"},
		"no object": {"application/json", `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,
			"message":"volumesnapshots \"snap\" not found","details":{"name":"snap","group":"snapshot.storage.k8s.io","kind":"volumesnapshots"}}`,
			true, `VolumeSnapshot shop/snap: volumesnapshots "snap" not found`},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.contentType)
				w.WriteHeader(http.StatusNotFound)
				if _, err := w.Write([]byte(c.body)); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			client, err := snapshots.NewForConfig(&rest.Config{Host: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			s := Snapshots{Client: client, Log: slog.New(slog.DiscardHandler)}
			_, err = s.Get(t.Context(), "shop", "snap")
			if err == nil || !strings.Contains(err.Error(), c.want) || apierrors.IsNotFound(err) != c.notFound {
				t.Errorf("error %v", err)
			}
		})
	}
}
