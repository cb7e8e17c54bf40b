package interp

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rescuecue/rescue/compat"
)

// inputMark is the placeholder of an input: <input.deployment.pods[0]>.
func inputMark(path ...string) string {
	var b strings.Builder
	b.WriteString("<input")
	for _, step := range path {
		if _, err := strconv.Atoi(step); err == nil {
			b.WriteString("[" + step + "]")
		} else {
			b.WriteString("." + step)
		}
	}
	return b.String() + ">"
}

// A filler puts placeholders in the place of the inputs that a blueprint reads and nobody
// gave.
type filler struct {
	params *compat.Params
	// reads are the inputs that the blueprint reads, by the first step of their paths.
	reads map[string][][]string
}

func newFiller(params *compat.Params, reads [][]string) *filler {
	f := &filler{params: params, reads: map[string][][]string{}}
	for _, path := range reads {
		f.reads[path[0]] = append(f.reads[path[0]], path[1:])
	}
	return f
}

// objectKinds are the inputs that stand for the object, by the kind of the action.
var objectKinds = [][2]string{
	{"StatefulSet", "statefulSet"}, {"Deployment", "deployment"}, {"DeploymentConfig", "deploymentConfig"}, {"PVC", "pvc"}, {"Namespace", "namespace"},
}

// object fills in the object that the action works on, if there is none. An action for any
// kind gets the first that it reads.
func (f *filler) object(kind string) {
	given := givenKinds(f.params)
	known := slices.ContainsFunc(objectKinds, func(k [2]string) bool { return k[0] == kind })
	for _, k := range objectKinds {
		if k[0] == kind && !given[kind] || !known && kind != "Object" && len(given) == 0 && f.reads[k[1]] != nil {
			f.workload(k[0], k[1])
			break
		}
	}
	if f.params.Object == nil && (kind == "Object" || f.reads["object"] != nil) {
		object := any(map[string]any{})
		for _, path := range f.reads["object"] {
			object = grown(object, path, inputMark(append([]string{"object"}, path...)...))
		}
		f.params.Object, _ = object.(map[string]any)
	}
}

// givenKinds are the kinds of objects that there are.
func givenKinds(p *compat.Params) map[string]bool {
	given := map[string]bool{}
	for kind, is := range map[string]bool{
		"StatefulSet": p.StatefulSet != nil, "Deployment": p.Deployment != nil, "DeploymentConfig": p.DeploymentConfig != nil,
		"PVC": p.PVC != nil, "Namespace": p.Namespace != nil,
	} {
		if is {
			given[kind] = true
		}
	}
	return given
}

func (f *filler) workload(kind, input string) {
	name := &compat.NamespacedName{Name: inputMark(input, "name"), Namespace: inputMark(input, "namespace")}
	w := &compat.Workload{Name: name.Name, Namespace: name.Namespace}
	f.pods(input, w)
	switch p := f.params; kind {
	case "StatefulSet":
		p.StatefulSet = w
	case "Deployment":
		p.Deployment = w
	case "DeploymentConfig":
		p.DeploymentConfig = w
	case "PVC":
		p.PVC = name
	case "Namespace":
		p.Namespace = name
	}
}

// pods makes up as many pods of a workload as are read by their numbers.
func (f *filler) pods(input string, w *compat.Workload) {
	w.PersistentVolumeClaims = map[string]map[string]string{}
	for i := range f.count(input, "pods") {
		n := strconv.Itoa(i)
		pod := inputMark(input, "pods", n)
		w.Pods = append(w.Pods, pod)
		w.Containers = append(w.Containers, []string{inputMark(input, "containers", n, "0")})
		w.PersistentVolumeClaims[pod] = map[string]string{"<a claim of " + pod[1:]: "<where it is mounted>"}
	}
}

// podsUnseen makes up the pods of workloads that only their names are known of.
func (f *filler) podsUnseen() {
	p := f.params
	for input, w := range map[string]**compat.Workload{"statefulSet": &p.StatefulSet, "deployment": &p.Deployment, "deploymentConfig": &p.DeploymentConfig} {
		if *w != nil && (*w).Pods == nil {
			own := **w
			f.pods(input, &own)
			*w = &own
		}
	}
}

// count is how many elements of a list are read by their number, at least one.
func (f *filler) count(input, list string) int {
	n := 1
	for _, path := range f.reads[input] {
		if len(path) > 1 && path[0] == list {
			if i, err := strconv.Atoi(path[1]); err == nil {
				n = max(n, i+1)
			}
		}
	}
	return n
}

// grown puts a text at a path into a tree of maps and lists.
func grown(tree any, path []string, text string) any {
	if len(path) == 0 {
		if tree == nil {
			return text
		}
		return tree // more of it is read elsewhere
	}
	if i, err := strconv.Atoi(path[0]); err == nil {
		list, _ := tree.([]any)
		for len(list) <= i {
			list = append(list, nil)
		}
		list[i] = grown(list[i], path[1:], text)
		return list
	}
	m, _ := tree.(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	m[path[0]] = grown(m[path[0]], path[1:], text)
	return m
}

// others fills in everything but options: whether one is there decides about phases.
func (f *filler) others() {
	p := f.params
	for _, path := range f.reads["secrets"] {
		if len(path) > 2 {
			s := p.Secrets[path[0]]
			if _, ok := s.Data[path[2]]; !ok {
				named(&s.Meta, "secrets", path[0])
				put(&s.Data, path[2], []byte(inputMark("secrets", path[0], "data", path[2])))
				put(&p.Secrets, path[0], s)
			}
		}
	}
	p.ConfigMaps = maps.Clone(p.ConfigMaps)
	for _, path := range f.reads["configMaps"] {
		if len(path) > 2 {
			c := p.ConfigMaps[path[0]]
			if _, ok := c.Data[path[2]]; !ok {
				named(&c.Meta, "configMaps", path[0])
				c.Data = maps.Clone(c.Data)
				put(&c.Data, path[2], inputMark("configMaps", path[0], "data", path[2]))
				put(&p.ConfigMaps, path[0], c)
			}
		}
	}
	f.artifacts()
	if p.Profile == nil && f.reads["profile"] != nil {
		f.profile()
	}
	if p.RepositoryServer == nil && f.reads["repositoryServer"] != nil {
		f.repositoryServer()
	}
}

// named gives what was not given the name that it would be given by.
func named(m *compat.Meta, input, key string) {
	if m.Name == "" {
		m.Name, m.Namespace = inputMark(input, key, "name"), inputMark(input, key, "namespace")
	}
}

func (f *filler) artifacts() {
	p := f.params
	p.ArtifactsIn = maps.Clone(p.ArtifactsIn)
	for _, path := range f.reads["artifactsIn"] {
		if len(path) < 2 {
			continue
		}
		a, mark := p.ArtifactsIn[path[0]], append([]string{"artifactsIn"}, path...)
		switch {
		case path[1] == "keyValue" && len(path) > 2:
			if _, ok := a.KeyValue[path[2]]; ok {
				continue
			}
			a.KeyValue = maps.Clone(a.KeyValue)
			put(&a.KeyValue, path[2], inputMark(mark...))
		case path[1] == "kopiaSnapshot" && a.KopiaSnapshot == "":
			a.KopiaSnapshot = inputMark(mark...)
		default:
			continue
		}
		put(&p.ArtifactsIn, path[0], a)
	}
}

func (f *filler) profile() {
	at := func(path ...string) string { return inputMark(append([]string{"profile"}, path...)...) }
	f.params.Profile = &compat.Profile{
		Location: compat.Location{
			Type: at("location", "type"), Bucket: at("location", "bucket"), Endpoint: at("location", "endpoint"),
			Prefix: at("location", "prefix"), Region: at("location", "region"),
		},
		Credential: compat.Credential{
			Type:    at("credential", "type"),
			KeyPair: &compat.KeyPair{ID: at("credential", "keyPair", "id"), Secret: at("credential", "keyPair", "secret")},
		},
	}
}

func (f *filler) repositoryServer() {
	at := func(path ...string) string { return inputMark(append([]string{"repositoryServer"}, path...)...) }
	f.params.RepositoryServer = &compat.RepositoryServer{
		Name: at("name"), Namespace: at("namespace"), Username: at("username"), Address: at("address"),
		ServerInfo: compat.ServerInfo{PodName: at("serverInfo", "podName"), ServiceName: at("serverInfo", "serviceName")},
	}
}

// withOptions returns the parameters with placeholders for the options that are read and
// not given, and whether there are any.
func (f *filler) withOptions() (*compat.Params, bool) {
	full := *f.params
	full.Options = maps.Clone(f.params.Options)
	for _, path := range f.reads["options"] {
		if len(path) == 0 {
			continue
		}
		if _, ok := full.Options[path[0]]; !ok {
			put(&full.Options, path[0], inputMark("options", path[0]))
		}
	}
	return &full, len(full.Options) > len(f.params.Options)
}
