package local

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// defaultPath is the PATH of images that set none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// A missingObject is what a pod refers to and the cluster does not have (yet).
type missingObject struct {
	Kind, Name, Key string
}

func (e *missingObject) Error() string {
	if e.Key != "" {
		return fmt.Sprintf("couldn't find key %s in %s %q", e.Key, e.Kind, e.Name)
	}
	return fmt.Sprintf("%s %q not found", e.Kind, e.Name)
}

// processOf gives the command of a container with its environment.
func (w *podWorker) processOf(c *corev1.Container) (processSpec, error) {
	vars, err := w.environment(c)
	if err != nil {
		return processSpec{}, err
	}
	p := processSpec{Dir: c.WorkingDir}
	if p.Dir == "" {
		p.Dir = "/"
	}
	for _, arg := range append(slices.Clone(c.Command), c.Args...) {
		p.Args = append(p.Args, expand(arg, vars))
	}
	if err := w.setUser(c, &p); err != nil {
		return p, err
	}
	p.Env = environ(vars, p.UID, hostname(w.pod))
	return p, nil
}

// environ completes the variables as a container runtime does, and puts the
// directory of rescue itself into PATH.
func environ(vars map[string]string, uid uint32, host string) []string {
	full := map[string]string{"HOSTNAME": host, "HOME": "/root", "PATH": defaultPath}
	if uid != 0 {
		full["HOME"] = "/"
	}
	maps.Copy(full, vars)
	full["PATH"] = binDir + ":" + full["PATH"]
	env := make([]string, 0, len(full))
	for _, name := range slices.Sorted(maps.Keys(full)) {
		env = append(env, name+"="+full[name])
	}
	return env
}

// setUser follows the security contexts of the container and of its pod.
func (w *podWorker) setUser(c *corev1.Container, p *processSpec) error {
	user, group, nonRoot := securityOf(w.pod, c)
	if user == nil && nonRoot {
		return fmt.Errorf("container %s has runAsNonRoot, and without images nobody knows its user: set runAsUser", c.Name)
	}
	if user != nil {
		if *user == 0 && nonRoot {
			return fmt.Errorf("container %s has runAsNonRoot and runAsUser 0", c.Name)
		}
		p.UID = uint32(*user)
	}
	if group != nil {
		p.GID = uint32(*group)
	}
	if sc := w.pod.Spec.SecurityContext; sc != nil {
		for _, g := range sc.SupplementalGroups {
			p.Groups = append(p.Groups, uint32(g))
		}
		if sc.FSGroup != nil {
			p.Groups = append(p.Groups, uint32(*sc.FSGroup))
		}
	}
	return nil
}

func securityOf(pod *corev1.Pod, c *corev1.Container) (user, group *int64, nonRoot bool) {
	if sc := pod.Spec.SecurityContext; sc != nil {
		user, group = sc.RunAsUser, sc.RunAsGroup
		nonRoot = sc.RunAsNonRoot != nil && *sc.RunAsNonRoot
	}
	if sc := c.SecurityContext; sc != nil {
		if sc.RunAsUser != nil {
			user = sc.RunAsUser
		}
		if sc.RunAsGroup != nil {
			group = sc.RunAsGroup
		}
		if sc.RunAsNonRoot != nil {
			nonRoot = *sc.RunAsNonRoot
		}
	}
	return user, group, nonRoot
}

func (w *podWorker) environment(c *corev1.Container) (map[string]string, error) {
	vars, err := w.serviceVars()
	if err != nil {
		return nil, err
	}
	for _, from := range c.EnvFrom {
		if err := w.addAll(vars, from); err != nil {
			return nil, err
		}
	}
	for _, e := range c.Env {
		value, set, err := w.envValue(c, e, vars)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", e.Name, err)
		}
		if set {
			vars[e.Name] = value
		}
	}
	return vars, nil
}

// serviceVars name the services of the pod's namespace, as they are when the container
// starts.
func (w *podWorker) serviceVars() (map[string]string, error) {
	vars := map[string]string{}
	if links := w.pod.Spec.EnableServiceLinks; links != nil && !*links {
		return vars, nil
	}
	services, err := fetchAll[corev1.Service](w.k.c, servicesGVR, w.pod.Namespace)
	for _, s := range services {
		if s.Spec.ClusterIP == corev1.ClusterIPNone || len(s.Spec.Ports) == 0 {
			continue
		}
		prefix := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_")) + "_SERVICE_"
		vars[prefix+"HOST"] = s.Spec.ClusterIP
		vars[prefix+"PORT"] = strconv.Itoa(int(s.Spec.Ports[0].Port))
		for _, p := range s.Spec.Ports {
			if p.Name != "" {
				vars[prefix+"PORT_"+strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_"))] = strconv.Itoa(int(p.Port))
			}
		}
	}
	return vars, err
}

func (w *podWorker) addAll(vars map[string]string, from corev1.EnvFromSource) error {
	var data map[string]string
	var err error
	switch {
	case from.SecretRef != nil:
		var raw map[string][]byte
		raw, err = w.k.c.secretData(w.pod.Namespace, from.SecretRef.Name, from.SecretRef.Optional)
		data = textOf(raw)
	case from.ConfigMapRef != nil:
		var raw map[string][]byte
		raw, err = w.k.c.configMapData(w.pod.Namespace, from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
		data = textOf(raw)
	}
	for key, value := range data {
		vars[from.Prefix+key] = value
	}
	return err
}

func textOf(raw map[string][]byte) map[string]string {
	data := make(map[string]string, len(raw))
	for key, value := range raw {
		data[key] = string(value)
	}
	return data
}

// envValue gives a variable's value, and whether it is set at all: an optional
// reference may find nothing.
func (w *podWorker) envValue(c *corev1.Container, e corev1.EnvVar, vars map[string]string) (value string, set bool, err error) {
	from := e.ValueFrom
	switch {
	case from == nil:
		return expand(e.Value, vars), true, nil
	case from.FieldRef != nil:
		value, err = podField(w.pod, from.FieldRef.FieldPath)
		return value, true, err
	case from.ResourceFieldRef != nil:
		value, err = resourceField(w.pod, c, from.ResourceFieldRef)
		return value, true, err
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		data, err := w.k.c.secretData(w.pod.Namespace, ref.Name, ref.Optional)
		return keyOfData(data, err, "Secret", ref.Name, ref.Key, ref.Optional)
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		data, err := w.k.c.configMapData(w.pod.Namespace, ref.Name, ref.Optional)
		return keyOfData(data, err, "ConfigMap", ref.Name, ref.Key, ref.Optional)
	}
	return "", false, fmt.Errorf("its source is not one that the local runtime knows")
}

func keyOfData(data map[string][]byte, err error, kind, name, key string, optional *bool) (string, bool, error) {
	if err != nil {
		return "", false, err
	}
	if value, found := data[key]; found {
		return string(value), true, nil
	}
	if optional != nil && *optional {
		return "", false, nil
	}
	return "", false, &missingObject{Kind: strings.ToLower(kind), Name: name, Key: key}
}

// podField answers what the downward API does.
func podField(pod *corev1.Pod, path string) (string, error) {
	values := map[string]string{
		"metadata.name":           pod.Name,
		"metadata.namespace":      pod.Namespace,
		"metadata.uid":            string(pod.UID),
		"metadata.labels":         formatMap(pod.Labels),
		"metadata.annotations":    formatMap(pod.Annotations),
		"spec.nodeName":           nodeName,
		"spec.serviceAccountName": pod.Spec.ServiceAccountName,
		"status.podIP":            "127.0.0.1",
		"status.podIPs":           "127.0.0.1",
		"status.hostIP":           "127.0.0.1",
		"status.hostIPs":          "127.0.0.1",
	}
	if value, ok := values[path]; ok {
		return value, nil
	}
	for prefix, m := range map[string]map[string]string{"metadata.labels": pod.Labels, "metadata.annotations": pod.Annotations} {
		if key, ok := strings.CutPrefix(path, prefix+"['"); ok {
			return m[strings.TrimSuffix(key, "']")], nil
		}
	}
	return "", fmt.Errorf("the local runtime does not know the field %s of a pod", path)
}

func formatMap(m map[string]string) string {
	lines := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		lines = append(lines, key+"="+strconv.Quote(m[key]))
	}
	return strings.Join(lines, "\n")
}

// expand replaces $(NAME) with the variable's value, and $$ with $. A name that is
// not set stays as it is, as in Kubernetes.
func expand(s string, vars map[string]string) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i == len(s)-1 {
			return out.String() + s
		}
		out.WriteString(s[:i])
		switch next, end := s[i+1], strings.IndexByte(s[i:], ')'); {
		case next == '$':
			out.WriteByte('$')
			s = s[i+2:]
		case next == '(' && end > 0:
			ref := s[i : i+end+1]
			value, set := vars[ref[2:len(ref)-1]]
			if !set {
				value = ref
			}
			out.WriteString(value)
			s = s[i+end+1:]
		default:
			out.WriteByte('$')
			s = s[i+1:]
		}
	}
}
