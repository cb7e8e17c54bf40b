package funcs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/rescuecue/rescue/funcs/mover/agent"
	"github.com/rescuecue/rescue/funcs/rds"
	"github.com/rescuecue/rescue/funcs/rds/pg"
	"github.com/rescuecue/rescue/funcs/store"
)

// rds returns a client for the databases of the account that the phase works in.
func (e *Env) rds(ctx context.Context, a awsArgs) (*rds.Client, error) {
	account, err := e.openAWS(ctx, a)
	if err != nil {
		return nil, err
	}
	return rds.New(account, e.Log), nil
}

// textList is an argument that is a list of texts, or one text that holds such a list
// in YAML, which is what CreateRDSSnapshot returns and ConfigMaps have. It is nil if
// it was not given, or is an empty text.
type textList []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *textList) UnmarshalJSON(src []byte) error {
	if !bytes.HasPrefix(src, []byte(`"`)) {
		return json.Unmarshal(src, (*[]string)(l))
	}
	var text string
	if err := json.Unmarshal(src, &text); err != nil {
		return err
	}
	list, err := parseTextList(text)
	*l = list
	return err
}

// parseTextList reads a list in YAML. A text that is no list is one of a single entry.
func parseTextList(text string) (textList, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	list := textList{}
	if err := yaml.Unmarshal([]byte(text), (*[]string)(&list)); err == nil {
		return list, nil
	}
	var one string
	if err := yaml.Unmarshal([]byte(text), &one); err != nil || strings.ContainsAny(one, "\n") {
		return nil, fmt.Errorf("found %q, expected a list of texts in YAML", text)
	}
	return textList{strings.TrimSpace(one)}, nil
}

// yamlList writes a list as the outputs of Kanister's functions have it.
func yamlList(list []string) (string, error) {
	text, err := yaml.Marshal(list)
	return string(text), err
}

// dumpKey is where a dump of the databases of an instance stands in the location.
func (e *Env) dumpKey(prefix, id string) (string, error) {
	if e.Params == nil || e.Params.Profile == nil {
		return "", errors.New("the dump is kept in the location of a profile, and the action was started without one: name it with --profile")
	}
	return store.Key(e.Params.Profile, prefix+"/"+id)
}

// databasePod is the pod that talks to a database.
type databasePod struct {
	podWishes
	namespace, image string
}

// call has the tools in a pod dump or load databases. The password goes there on the
// standard input of the program.
func (p databasePod) call(ctx context.Context, env *Env, op agent.Op, key string, what pg.DumpRequest) (agent.Result, error) {
	var result agent.Result
	pod := dataPod{podWishes: p.podWishes, prefix: "kanister-job-", namespace: p.namespace, image: p.image}
	err := env.inDataPod(ctx, pod, func(ctx context.Context, at container) (err error) {
		result, err = env.moveData(ctx, at, agent.Request{Op: op, Profile: env.Params.Profile, Key: key, Postgres: &what})
		return err
	})
	return result, err
}

// login is who connects to a database. Secrets often end with a line break.
type login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

func (l login) server(db *rds.Database) pg.Server {
	user := strings.TrimSpace(l.Username)
	if user == "" {
		user = db.MasterUser
	}
	return pg.Server{Host: db.Endpoint, Port: db.Port, User: user, Password: strings.TrimSpace(l.Password)}
}
