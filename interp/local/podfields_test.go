package local

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// knownFields are the fields of a pod that somebody has thought about: they are
// honoured, refused, warned of, or harmless, as docs/local-runtime.md says. A field
// that comes with a new version of the API is none of them until it stands here.
var knownFields = map[reflect.Type]string{
	reflect.TypeFor[corev1.PodSpec](): "volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds " +
		"dnsPolicy nodeSelector serviceAccountName serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC shareProcessNamespace " +
		"securityContext imagePullSecrets hostname subdomain affinity schedulerName tolerations hostAliases priorityClassName priority dnsConfig readinessGates " +
		"runtimeClassName enableServiceLinks preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates resourceClaims " +
		"resources hostnameOverride workloadRef schedulingGroup evictionResponders",
	reflect.TypeFor[corev1.Container](): "name image command args workingDir ports envFrom env resources resizePolicy restartPolicy restartPolicyRules volumeMounts " +
		"volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin " +
		"stdinOnce tty",
	reflect.TypeFor[corev1.SecurityContext](): "capabilities privileged seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot readOnlyRootFilesystem " +
		"allowPrivilegeEscalation procMount seccompProfile appArmorProfile",
	reflect.TypeFor[corev1.PodSecurityContext](): "seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot supplementalGroups supplementalGroupsPolicy " +
		"fsGroup sysctls fsGroupChangePolicy seccompProfile appArmorProfile seLinuxChangePolicy",
	reflect.TypeFor[corev1.Lifecycle]():                         "postStart preStop stopSignal",
	reflect.TypeFor[corev1.VolumeMount]():                       "name readOnly recursiveReadOnly mountPath subPath mountPropagation subPathExpr bindMountOptions",
	reflect.TypeFor[corev1.EmptyDirVolumeSource]():              "medium sizeLimit mode",
	reflect.TypeFor[corev1.PersistentVolumeClaimVolumeSource](): "claimName readOnly",
	reflect.TypeFor[corev1.EnvVarSource]():                      "fieldRef resourceFieldRef configMapKeyRef secretKeyRef fileKeyRef",
	reflect.TypeFor[corev1.EnvFromSource]():                     "prefix configMapRef secretRef",
}

func TestEveryFieldIsKnown(t *testing.T) {
	for typ, known := range knownFields {
		for field := range typ.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !slices.Contains(strings.Fields(known), name) {
				t.Errorf("%s has the field %s: honour it, refuse it or warn of it, and say so in docs/local-runtime.md", typ, name)
			}
		}
	}
}

// TestFieldsAreDocumented: the page names each field of a pod and its containers.
func TestFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/local-runtime.md")
	if err != nil {
		t.Fatal(err)
	}
	for typ, known := range knownFields {
		for name := range strings.FieldsSeq(known) {
			if !strings.Contains(string(page), name) {
				t.Errorf("docs/local-runtime.md says nothing of %s of a %s", name, typ)
			}
		}
	}
}
