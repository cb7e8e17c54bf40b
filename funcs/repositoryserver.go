package funcs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rescuecue/rescue/funcs/mover/agent"
)

// served is an environment whose profile is the repository server of the action.
type served struct {
	*Env
	namespace string
}

// throughServer logs a host in to the action's repository server. The data belongs to
// the namespace.
func (e *Env) throughServer(host, namespace string) (served, error) {
	if e.Params == nil || e.Params.RepositoryServer == nil {
		return served{}, errors.New("the function keeps data behind a Kopia repository server, and the action was started without one: name it with --repository-server")
	}
	profile, err := e.Params.RepositoryServer.ClientProfile(host)
	if err != nil {
		return served{}, fmt.Errorf("%w (the argument repositoryServerUserHostname names it)", err)
	}
	params := *e.Params
	params.Profile = profile
	env := *e
	env.Params = &params
	return served{Env: &env, namespace: env.namespaceOr(namespace)}, nil
}

// request starts a request to the data mover.
func (s served) request(op agent.Op) agent.Request {
	return repository{profile: s.Params.Profile, namespace: s.namespace}.request(op)
}

// snapshotTags reads name:value pairs with commas between them.
func snapshotTags(text string) (map[string]string, error) {
	tags := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(strings.TrimSpace(pair), ":")
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("argument snapshotTags: expected name:value pairs with commas between them, found %q", pair)
		}
		if _, twice := tags[name]; twice {
			return nil, fmt.Errorf("argument snapshotTags: %s is given twice", name)
		}
		tags[name] = value
	}
	return tags, nil
}

// kopiaSize writes a number of bytes as the kopia program does: 1.2 MB. It changes the
// unit at nine tenths of the next one.
func kopiaSize(bytes int64) string {
	size, unit := float64(bytes), "B"
	for _, next := range []string{"KB", "MB", "GB", "TB"} {
		if size < 900 {
			break
		}
		size, unit = size/1000, next
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", size), ".0") + " " + unit
}
