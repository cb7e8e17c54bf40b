package compat

import (
	"cuelang.org/go/cue"

	"github.com/rescuecue/rescue/schema"
)

// paramKind says how a parameter prints, and so what becomes of it in CUE.
type paramKind uint8

const (
	// openParam is part of the Kubernetes object: its type is not known.
	openParam paramKind = iota
	textParam
	intParam
	boolParam
	// bytesParam is data of a Secret: text in CUE, a list of numbers when a
	// template prints it as it is.
	bytesParam
	recordParam
	mapParam
	listParam
)

// paramType is the type of a template parameter.
type paramType struct {
	kind paramKind
	// fields of a record, by the name that templates use.
	fields map[string]paramField
	// elem of a map or list.
	elem *paramType
	// pointer may be nil: there is no such record then.
	pointer bool
}

// paramField is a field of a record, with its name in CUE.
type paramField struct {
	cue string
	typ *paramType
}

var (
	openType  = &paramType{kind: openParam}
	textType  = &paramType{kind: textParam}
	intType   = &paramType{kind: intParam}
	boolType  = &paramType{kind: boolParam}
	bytesType = &paramType{kind: bytesParam}
	texts     = &paramType{kind: mapParam, elem: textType}

	namespacedType = record(map[string]paramField{
		"Name": {"name", textType}, "Namespace": {"namespace", textType},
	})
	workloadType = record(map[string]paramField{
		"Name": {"name", textType}, "Namespace": {"namespace", textType},
		"Pods":                   {"pods", listOf(textType)},
		"Containers":             {"containers", listOf(listOf(textType))},
		"PersistentVolumeClaims": {"persistentVolumeClaims", mapOf(texts)},
	})
	artifactType = record(map[string]paramField{
		"KeyValue": {"keyValue", texts}, "KopiaSnapshot": {"kopiaSnapshot", textType},
	})
	secretType = record(map[string]paramField{
		"Name": {"name", textType}, "Namespace": {"namespace", textType}, "Type": {"type", textType},
		"Labels": {"labels", texts}, "Annotations": {"annotations", texts},
		"Data": {"data", mapOf(bytesType)},
	})
	configMapType = record(map[string]paramField{
		"Name": {"name", textType}, "Namespace": {"namespace", textType},
		"Labels": {"labels", texts}, "Annotations": {"annotations", texts},
		"Data": {"data", texts},
	})
	profileType = record(map[string]paramField{
		"Location": {"location", record(map[string]paramField{
			"Type": {"type", textType}, "Bucket": {"bucket", textType}, "Endpoint": {"endpoint", textType},
			"Prefix": {"prefix", textType}, "Region": {"region", textType},
		})},
		"Credential": {"credential", record(map[string]paramField{
			"Type": {"type", textType},
			"KeyPair": {"keyPair", pointer(record(map[string]paramField{
				"ID": {"id", textType}, "Secret": {"secret", textType},
			}))},
			"Secret": {"secret", pointer(secretType)},
		})},
		"SkipSSLVerify": {"skipSSLVerify", boolType},
	})
	repositoryServerType = record(map[string]paramField{
		"Name": {"name", textType}, "Namespace": {"namespace", textType},
		"ServerInfo": {"serverInfo", record(map[string]paramField{
			"PodName": {"podName", textType}, "ServiceName": {"serviceName", textType},
		})},
		"Username": {"username", textType}, "Address": {"address", textType},
		"ContentCacheMB": {"contentCacheMB", intType}, "MetadataCacheMB": {"metadataCacheMB", intType},
		"Credentials": {"credentials", record(map[string]paramField{
			"ServerTLS": {"serverTls", secretType}, "ServerUserAccess": {"serverUserAccess", secretType},
		})},
	})
	rootType = record(map[string]paramField{
		"StatefulSet":      {"input.statefulSet", pointer(workloadType)},
		"Deployment":       {"input.deployment", pointer(workloadType)},
		"DeploymentConfig": {"input.deploymentConfig", pointer(workloadType)},
		"PVC":              {"input.pvc", pointer(namespacedType)},
		"Namespace":        {"input.namespace", pointer(namespacedType)},
		"Object":           {"input.object", openType},
		"ArtifactsIn":      {"input.artifactsIn", mapOf(artifactType)},
		"ConfigMaps":       {"input.configMaps", mapOf(configMapType)},
		"Secrets":          {"input.secrets", mapOf(secretType)},
		"Profile":          {"input.profile", pointer(profileType)},
		"RepositoryServer": {"input.repositoryServer", pointer(repositoryServerType)},
		"Time":             {"input.time", textType},
		"Options":          {"input.options", texts},
		"PodOverride":      {"input.podOverride", openType},
		"PodLabels":        {"input.podLabels", texts},
		"PodAnnotations":   {"input.podAnnotations", texts},
	})
)

func record(fields map[string]paramField) *paramType {
	return &paramType{kind: recordParam, fields: fields}
}

func mapOf(elem *paramType) *paramType  { return &paramType{kind: mapParam, elem: elem} }
func listOf(elem *paramType) *paramType { return &paramType{kind: listParam, elem: elem} }

func pointer(t *paramType) *paramType {
	p := *t
	p.pointer = true
	return &p
}

// phaseType is what templates may read of a phase that calls the function.
func phaseType(function string) *paramType {
	outputs := map[string]paramField{}
	if f, ok := schema.Function(function); ok {
		for _, o := range f.Outputs {
			t := textType
			if o.Kind == cue.IntKind {
				t = intType
			}
			outputs[o.Name] = paramField{o.Name, t}
		}
	}
	return record(map[string]paramField{
		"Output":     {"output", &paramType{kind: mapParam, fields: outputs, elem: textType}},
		"Secrets":    {"secrets", mapOf(secretType)},
		"ConfigMaps": {"configMaps", mapOf(configMapType)},
	})
}

// isText says whether the value is text in CUE.
func (t *paramType) isText() bool { return t.kind == textParam || t.kind == bytesParam }

// openIsText knows the fields of any Kubernetes object that are text.
func openIsText(path []string) bool {
	switch {
	case len(path) == 1:
		return path[0] == "kind" || path[0] == "apiVersion"
	case len(path) == 2 && path[0] == "metadata":
		switch path[1] {
		case "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generateName":
			return true
		}
	case len(path) == 2:
		return path[0] == "data"
	case len(path) == 3 && path[0] == "metadata":
		return path[1] == "labels" || path[1] == "annotations"
	}
	return false
}
