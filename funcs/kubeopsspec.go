package funcs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/rescuecue/rescue/compat"
)

// specFile stands for the argument in messages: spec:12:3.
const specFile = "spec"

// A specDocument is one document of a spec, as JSON is decoded.
type specDocument struct {
	line  int // where it starts, from 1
	value any
}

// readDocuments reads YAML with any number of documents, or JSON values one after
// the other. Empty documents are left out, Lists are taken apart.
func readDocuments(spec string) ([]specDocument, error) {
	if strings.HasPrefix(strings.TrimLeft(spec, " \t\r\n"), "{") {
		if docs, err := readJSON(spec); err == nil {
			return docs, nil // else it may be YAML in braces
		}
	}
	found, err := compat.Parse(specFile, []byte(spec))
	if err != nil {
		return nil, err
	}
	docs := make([]specDocument, len(found))
	for i, d := range found {
		docs[i] = specDocument{d.Root.Line, d.Root.Any()}
	}
	return docs, nil
}

func readJSON(spec string) ([]specDocument, error) {
	dec := json.NewDecoder(strings.NewReader(spec))
	var docs []specDocument
	for {
		start := dec.InputOffset()
		var src json.RawMessage
		err := dec.Decode(&src)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		gap := len(spec[start:]) - len(strings.TrimLeft(spec[start:], " \t\r\n"))
		line := 1 + strings.Count(spec[:int(start)+gap], "\n")
		found, err := readJSONDocument(line, src)
		if err != nil {
			return nil, err
		}
		docs = append(docs, found...)
	}
}

func readJSONDocument(line int, src []byte) ([]specDocument, error) {
	var value map[string]any
	if err := utiljson.Unmarshal(bytes.TrimSpace(src), &value); err != nil {
		return nil, err
	}
	kind, _ := value["kind"].(string)
	items, ok := value["items"].([]any)
	if !strings.HasSuffix(kind, "List") || !ok {
		return []specDocument{{line, value}}, nil
	}
	docs := make([]specDocument, len(items))
	for i, item := range items {
		docs[i] = specDocument{line, item}
	}
	return docs, nil
}

// A manifest is an object of a spec.
type manifest struct {
	number, of, line int
	object           *unstructured.Unstructured
}

// String is the place in the spec, for messages.
func (m manifest) String() string {
	return fmt.Sprintf("document %d of %d, line %d of the spec", m.number, m.of, m.line)
}

// readManifests reads the objects of a spec. It reports all documents that are none.
func readManifests(spec string) ([]manifest, error) {
	docs, err := readDocuments(spec)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, errors.New("the spec has no object")
	}
	manifests := make([]manifest, len(docs))
	var errs []error
	for i, d := range docs {
		m := manifest{number: i + 1, of: len(docs), line: d.line}
		if m.object, err = asObject(d.value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m, err))
		}
		manifests[i] = m
	}
	return manifests, errors.Join(errs...)
}

func asObject(value any) (*unstructured.Unstructured, error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("it is no Kubernetes object: a map with apiVersion, kind and metadata")
	}
	object := &unstructured.Unstructured{Object: fields}
	if object.GetAPIVersion() == "" || object.GetKind() == "" {
		return nil, errors.New("it is no Kubernetes object: apiVersion or kind is missing")
	}
	metadata, ok := fields["metadata"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: metadata is missing or no map", object.GetKind())
	}
	for _, field := range []string{"name", "generateName", "namespace"} {
		if _, text := metadata[field].(string); metadata[field] != nil && !text {
			return nil, fmt.Errorf("%s: metadata.%s is %v, which is no text in YAML: put it into quotes", object.GetKind(), field, metadata[field])
		}
	}
	if object.GetName() == "" && object.GetGenerateName() == "" {
		return nil, fmt.Errorf("%s: metadata has no name and no generateName", object.GetKind())
	}
	if _, _, err := unstructured.NestedStringMap(fields, "metadata", "annotations"); err != nil {
		return nil, fmt.Errorf("%s %s: annotations must be texts: %w", object.GetKind(), object.GetName(), err)
	}
	return object, nil
}
