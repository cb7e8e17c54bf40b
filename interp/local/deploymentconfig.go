package local

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// configVersion is on a ReplicationController: the version of the
	// DeploymentConfig that it runs.
	configVersion = "openshift.io/deployment-config.latest-version"
	// configTemplate tells whether that version still has the present template.
	configTemplate = "rescue.local/template-hash"
)

// A deploymentConfig has the fields of OpenShift's DeploymentConfig that matter
// here.
type deploymentConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Replicas *int32                  `json:"replicas"`
		Selector map[string]string       `json:"selector"`
		Template *corev1.PodTemplateSpec `json:"template"`
		Paused   bool                    `json:"paused"`
		Test     bool                    `json:"test"`
		Strategy struct {
			Type     string         `json:"type"`
			Recreate rolloutOptions `json:"recreateParams"`
			Rolling  rolloutOptions `json:"rollingParams"`
		} `json:"strategy"`
	} `json:"spec"`
	Status deploymentConfigStatus `json:"status"`
}

// rolloutOptions has the hooks of a strategy.
type rolloutOptions struct {
	Pre  map[string]any `json:"pre"`
	Mid  map[string]any `json:"mid"`
	Post map[string]any `json:"post"`
}

func (o rolloutOptions) hooks() bool { return len(o.Pre)+len(o.Mid)+len(o.Post) > 0 }

// deploymentConfigStatus is what clients read of its status.
type deploymentConfigStatus struct {
	LatestVersion       int   `json:"latestVersion"`
	ObservedGeneration  int64 `json:"observedGeneration"`
	Replicas            int32 `json:"replicas"`
	UpdatedReplicas     int32 `json:"updatedReplicas"`
	ReadyReplicas       int32 `json:"readyReplicas"`
	AvailableReplicas   int32 `json:"availableReplicas"`
	UnavailableReplicas int32 `json:"unavailableReplicas"`
}

// admitDeploymentConfig leaves the object as it is: most of its fields are not known
// here.
func admitDeploymentConfig(r resource, obj *unstructured.Unstructured) error {
	dc, err := typed[deploymentConfig](obj)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	var no problems
	no.when(dc.Spec.Replicas == nil, "spec.replicas", "is required")
	no.when(dc.Spec.Replicas != nil && *dc.Spec.Replicas < 0, "spec.replicas", "must not be negative")
	no.when(dc.Spec.Template == nil, "spec.template", "is required")
	no.when(dc.Spec.Test, "spec.test", "a test deployment is scaled down at its end, which is not done here")
	no.when(dc.Spec.Strategy.Type == "Custom", "spec.strategy", "Custom runs a deployer of your own, which is not done here")
	no.when(dc.Spec.Strategy.Recreate.hooks() || dc.Spec.Strategy.Rolling.hooks(), "spec.strategy", "hooks are not run")
	if dc.Spec.Template != nil {
		no = append(no, admitTemplate(&metav1.LabelSelector{MatchLabels: dc.selector()}, dc.Spec.Template.DeepCopy())...)
	}
	if len(no) > 0 {
		return refusal(r, obj.GetName(), no)
	}
	return nil
}

func (dc *deploymentConfig) selector() map[string]string {
	if len(dc.Spec.Selector) == 0 && dc.Spec.Template != nil {
		return dc.Spec.Template.Labels
	}
	return dc.Spec.Selector
}

// deploymentConfig keeps one ReplicationController for the present template. Like a
// Deployment here, it ends all pods of an older one before it starts new ones.
// Triggers are left out: each change of the template is a new version.
func (m *manager) deploymentConfig(namespace, name string) error {
	dc, err := fetch[deploymentConfig](m.c, configsGVR, namespace, name)
	if err != nil {
		return err
	}
	versions, err := fetchAll[corev1.ReplicationController](m.c, controllersGVR, namespace)
	if err != nil {
		return err
	}
	versions = slices.DeleteFunc(versions, func(rc *corev1.ReplicationController) bool { return !ownedBy(rc, dc.UID) })
	slices.SortFunc(versions, func(a, b *corev1.ReplicationController) int { return versionOf(a) - versionOf(b) })
	hash, err := templateHash(dc.Spec.Template)
	if err != nil {
		return err
	}
	if err := m.rollOutConfig(dc, versions, hash); err != nil {
		return err
	}
	return m.c.writeStatus(m.c.must(configsGVR), dc, dc.status(versions, hash))
}

func versionOf(rc *corev1.ReplicationController) int {
	n, err := strconv.Atoi(rc.Annotations[configVersion])
	if err != nil {
		return 0
	}
	return n
}

// rollOutConfig scales the newest version, or makes it when the pods of the older
// ones are gone.
func (m *manager) rollOutConfig(dc *deploymentConfig, versions []*corev1.ReplicationController, hash string) error {
	newest := 0
	if n := len(versions); n > 0 {
		last := versions[n-1]
		if dc.Spec.Paused || last.Annotations[configTemplate] == hash {
			return m.scaleController(last, *dc.Spec.Replicas)
		}
		newest = versionOf(last)
	}
	gone := true
	for _, rc := range versions {
		pods, err := m.ownPods(rc.Namespace, rc.UID)
		if err != nil {
			return err
		}
		gone = gone && len(pods) == 0
		if err := m.scaleController(rc, 0); err != nil {
			return err
		}
	}
	if !gone || dc.Spec.Paused {
		return nil // The pods' end makes their controller due, and so the config.
	}
	return m.newVersion(dc, newest+1, hash)
}

func (m *manager) newVersion(dc *deploymentConfig, version int, hash string) error {
	name := fmt.Sprintf("%s-%d", dc.Name, version)
	rc := &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			Labels:          maps.Clone(dc.Labels),
			Annotations:     map[string]string{configVersion: strconv.Itoa(version), configTemplate: hash},
			OwnerReferences: controllerRef(dc, configsGVR.GroupVersion().WithKind("DeploymentConfig")),
		},
		Spec: corev1.ReplicationControllerSpec{
			Replicas: dc.Spec.Replicas,
			Selector: withLabel(dc.selector(), "deployment", name),
			Template: dc.Spec.Template.DeepCopy(),
		},
	}
	rc.Spec.Template.Labels = withLabel(rc.Spec.Template.Labels, "deployment", name)
	if err := m.c.make(controllersGVR, dc.Namespace, rc); createFails(err) {
		return err
	}
	return nil
}

func (m *manager) scaleController(rc *corev1.ReplicationController, replicas int32) error {
	_, err := m.c.store.update(m.c.must(controllersGVR), rc.Namespace, rc.Name, "", func(obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		err := unstructured.SetNestedField(obj.Object, int64(replicas), "spec", "replicas")
		return obj, err
	})
	return err
}

func (dc *deploymentConfig) status(versions []*corev1.ReplicationController, hash string) deploymentConfigStatus {
	s := deploymentConfigStatus{ObservedGeneration: dc.Generation}
	for _, rc := range versions {
		s.LatestVersion = versionOf(rc)
		if rc.Annotations[configTemplate] == hash {
			s.UpdatedReplicas = rc.Status.Replicas
		}
		s.Replicas += rc.Status.Replicas
		s.ReadyReplicas += rc.Status.ReadyReplicas
		s.AvailableReplicas += rc.Status.AvailableReplicas
	}
	s.UnavailableReplicas = max(*dc.Spec.Replicas-s.AvailableReplicas, 0)
	return s
}
