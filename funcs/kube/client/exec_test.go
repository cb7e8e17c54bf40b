package client

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rescuecue/rescue/funcs"
)

// TestExecFallsBack: where WebSocket is refused (old servers, proxies, a role that
// allows only "create" for pods/exec), SPDY is tried.
func TestExecFallsBack(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	set := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.Header.Get("Upgrade"))
		mu.Unlock()
		query := r.URL.Query()
		if r.URL.Path != "/api/v1/namespaces/ns/pods/p/exec" || query.Get("container") != "c" || query.Get("stdin") != "" ||
			!slices.Equal(query["command"], []string{"dump", "all"}) {
			t.Errorf("asked for %s", r.URL)
		}
		http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no rights here","reason":"Forbidden","code":403}`,
			http.StatusForbidden)
	}))
	err := set.Exec.Exec(t.Context(), funcs.ExecOptions{Namespace: "ns", Pod: "p", Container: "c", Command: []string{"dump", "all"}})
	if err == nil || !strings.Contains(err.Error(), "no rights here") {
		t.Errorf("error %v", err)
	}
	if want := []string{"GET websocket", "POST SPDY/3.1"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
}
