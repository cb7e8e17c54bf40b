package compat

// ActionSet asks for actions to be run, and holds what came of them.
type ActionSet struct {
	APIVersion string           `json:"apiVersion,omitempty"`
	Kind       string           `json:"kind,omitempty"`
	Metadata   Meta             `json:"metadata"`
	Spec       *ActionSetSpec   `json:"spec,omitempty"`
	Status     *ActionSetStatus `json:"status,omitempty"`
}

// JobLabel is a label of ActionSets that their pods get too.
const JobLabel = "kanister.io/JobID"

// ActionSetSpec lists the actions. They are independent of each other.
type ActionSetSpec struct {
	Actions []ActionSpec `json:"actions,omitempty"`
}

// ActionSpec asks for one action of a Blueprint.
type ActionSpec struct {
	// Name is that of an action of the Blueprint, which stands in the ActionSet's
	// namespace.
	Name             string                     `json:"name"`
	Blueprint        string                     `json:"blueprint,omitempty"`
	Object           ObjectReference            `json:"object"`
	Profile          *ObjectReference           `json:"profile,omitempty"`
	RepositoryServer *ObjectReference           `json:"repositoryServer,omitempty"`
	Artifacts        map[string]Artifact        `json:"artifacts,omitempty"`
	ConfigMaps       map[string]ObjectReference `json:"configMaps,omitempty"`
	Secrets          map[string]ObjectReference `json:"secrets,omitempty"`
	Options          map[string]string          `json:"options,omitempty"`
	PodOverride      map[string]any             `json:"podOverride,omitempty"`
	PodLabels        map[string]string          `json:"podLabels,omitempty"`
	PodAnnotations   map[string]string          `json:"podAnnotations,omitempty"`
	PreferredVersion string                     `json:"preferredVersion,omitempty"`
}

// The states of an ActionSet and of its phases.
const (
	StatePending  = "pending"
	StateRunning  = "running"
	StateFailed   = "failed"
	StateComplete = "complete"
)

// ActionSetStatus says how far an ActionSet came.
type ActionSetStatus struct {
	State    string         `json:"state"`
	Actions  []ActionStatus `json:"actions,omitempty"`
	Error    ActionSetError `json:"error"`
	Progress map[string]any `json:"progress,omitempty"`
}

// ActionSetError is the last error.
type ActionSetError struct {
	Message string `json:"message"`
}

// ActionStatus is what came of an action.
type ActionStatus struct {
	Name      string          `json:"name"`
	Object    ObjectReference `json:"object"`
	Blueprint string          `json:"blueprint"`
	Phases    []PhaseStatus   `json:"phases,omitempty"`
	// Artifacts are rendered once the action is complete. Before, Kanister keeps
	// their templates here.
	Artifacts  map[string]Artifact `json:"artifacts,omitempty"`
	DeferPhase *PhaseStatus        `json:"deferPhase,omitempty"`
}

// PhaseStatus is what came of a phase.
type PhaseStatus struct {
	Name     string         `json:"name"`
	State    string         `json:"state"`
	Output   map[string]any `json:"output,omitempty"`
	Progress map[string]any `json:"progress,omitempty"`
}

// ReadActionSet reads a document of kind ActionSet. The error is an Errors.
func ReadActionSet(doc *Document) (*ActionSet, error) {
	return readActionSet(doc.Root)
}

// ActionSetFromObject reads an ActionSet as Kubernetes' dynamic client returns it.
func ActionSetFromObject(object map[string]any) (*ActionSet, error) {
	return readActionSet(valueOf(object))
}

func readActionSet(root *Value) (*ActionSet, error) {
	as, b := &ActionSet{}, &binder{}
	if err := b.bindTo(root, as); err != nil {
		return nil, err
	}
	if errs := checkActionSet(root, as); len(errs) > 0 {
		return nil, errs
	}
	return as, nil
}

func checkActionSet(root *Value, as *ActionSet) Errors {
	if as.Spec == nil || len(as.Spec.Actions) == 0 {
		return Errors{root.Errorf("the ActionSet has no spec.actions")}
	}
	var errs Errors
	for i, a := range as.Spec.Actions {
		at := root.Get("spec").Get("actions").Items[i]
		if a.Name == "" {
			errs = append(errs, at.Errorf("spec.actions[%d].name is missing: the name of the Blueprint's action", i))
		}
		if a.Blueprint == "" {
			errs = append(errs, at.Errorf("spec.actions[%d].blueprint is missing: the name of the Blueprint", i))
		}
		if a.Object.Kind == "" && a.Object.Resource == "" {
			errs = append(errs, at.Errorf("spec.actions[%d].object needs a kind, or an apiVersion and a resource", i))
		}
	}
	return errs
}
