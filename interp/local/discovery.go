package local

import (
	"net/http"
	"runtime"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
)

// serveDiscovery answers what the cluster is and which resources it has. It tells
// whether the path was one of these.
func (a *api) serveDiscovery(w http.ResponseWriter, r *http.Request) bool {
	var doc any
	switch path := strings.Trim(r.URL.Path, "/"); {
	case path == "version":
		doc = version.Info{Major: "1", Minor: "37", GitVersion: "v1.37.0-rescue-local", GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	case path == "api":
		doc = metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}
	case path == "apis":
		doc = a.groups()
	default:
		gv, rest, ok := splitAPIPath(path)
		if !ok || len(rest) > 0 {
			return false
		}
		list := a.resourceList(gv)
		if len(list.APIResources) == 0 {
			return false
		}
		doc = list
	}
	if err := writeJSON(w, http.StatusOK, doc); err != nil {
		writeError(w, err)
	}
	return true
}

func (a *api) groups() metav1.APIGroupList {
	list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	index := map[string]int{}
	seen := map[schema.GroupVersion]bool{}
	for _, r := range a.store.kinds.all() {
		gv := r.GroupVersion()
		if gv.Group == "" || seen[gv] {
			continue
		}
		seen[gv] = true
		version := metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version}
		i, known := index[gv.Group]
		if !known {
			i = len(list.Groups)
			index[gv.Group] = i
			list.Groups = append(list.Groups, metav1.APIGroup{Name: gv.Group, PreferredVersion: version})
		}
		list.Groups[i].Versions = append(list.Groups[i].Versions, version)
	}
	return list
}

func (a *api) resourceList(gv schema.GroupVersion) metav1.APIResourceList {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String()}
	verbs := metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	for _, r := range a.store.kinds.all() {
		if r.GroupVersion() != gv {
			continue
		}
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: r.Resource, SingularName: r.singular(), Namespaced: r.Namespaced, Kind: r.Kind, ShortNames: r.Short, Verbs: verbs,
		})
		if r.Status {
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name: r.Resource + "/status", Namespaced: r.Namespaced, Kind: r.Kind, Verbs: metav1.Verbs{"get", "patch", "update"},
			})
		}
		if r.scalable() {
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name: r.Resource + "/scale", Namespaced: r.Namespaced, Group: "autoscaling", Version: "v1", Kind: "Scale", Verbs: metav1.Verbs{"get", "patch", "update"},
			})
		}
	}
	return list
}
