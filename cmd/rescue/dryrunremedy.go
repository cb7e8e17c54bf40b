package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp"
	"github.com/rescuecue/rescue/interp/graph"
)

// remedy says how to get the rights that are missing; nil if none are.
func (tr *trial) remedy(ctx context.Context, c *call) error {
	if !slices.ContainsFunc(tr.doc.All(), func(p *graph.Phase) bool { return len(p.MissingRights) > 0 }) {
		return nil
	}
	account, user := tr.account(ctx)
	read, file := tr.blueprintForRBAC()
	words := []string{"rescue", "rbac", file, "--action", tr.spec.Name}
	words = append(words, tr.rbacFlags(c)...)
	if account != "" {
		words = append(words, "--service-account", account)
	}
	for i, word := range words {
		words[i] = shellWord(word)
	}
	command := read + strings.Join(words, " ") + " | kubectl apply -f -"
	if account == "" {
		return fmt.Errorf("to give the rights, as who may: %s, and bind the roles to %s", command, user)
	}
	return fmt.Errorf("to give the rights, as who may: %s", command)
}

// account is the service account that rescue uses, NAMESPACE/NAME, or else its user.
func (tr *trial) account(ctx context.Context) (account, user string) {
	review, err := tr.opts.Env.Kube.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", "your user" // older servers do not tell
	}
	name := review.Status.UserInfo.Username
	if account, ok := strings.CutPrefix(name, "system:serviceaccount:"); ok {
		return strings.Replace(account, ":", "/", 1), name
	}
	return "", "the user " + name
}

// blueprintForRBAC is the blueprint as `rescue rbac` takes it. One of the cluster has to be
// read first.
func (tr *trial) blueprintForRBAC() (read, file string) {
	path, _ := interp.SplitField(tr.found)
	switch {
	case tr.found == "-":
		return "", "BLUEPRINT"
	case isFile(path):
		return "", tr.found
	case isName(tr.found):
		namespace, name := splitName(tr.found, tr.opts.Env.Namespace)
		return fmt.Sprintf("kubectl get blueprints.cr.kanister.io -n %s %s -o yaml | ", shellWord(namespace), shellWord(name)), "-"
	}
	return "", "BLUEPRINT"
}

// rbacFlags say of the action what its blueprint does not.
func (tr *trial) rbacFlags(c *call) []string {
	spec := tr.spec
	flags := []string{"--work-namespace", tr.opts.Env.Namespace}
	if namespace := targetNamespace(spec.Object); namespace != "" {
		flags = append(flags, "--namespace", namespace)
	}
	if kind := kindOf(tr.opts.Params); tr.doc.Kind == "Any" && kind != "" {
		flags = append(flags, "--kind", kind)
	} else if spec.Object.Resource != "" {
		flags = append(flags, "--object", strings.TrimSuffix(spec.Object.Resource+"."+spec.Object.Group, "."))
	}
	if profile := c.profileAt(spec); profile != "" && !isFile(profile) {
		flags = append(flags, "--profile", profile)
	} else if profile == "" && spec.Profile != nil {
		flags = append(flags, "--profile", objectName(*spec.Profile))
	}
	if spec.RepositoryServer != nil {
		flags = append(flags, "--repository-server", objectName(*spec.RepositoryServer))
	}
	flags = append(flags, given("--secret", spec.Secrets)...)
	flags = append(flags, given("--config-map", spec.ConfigMaps)...)
	if tr.planned(&graph.Phase{}).ClaimLocation {
		flags = append(flags, "--location-in-claim")
	}
	return flags
}

func given(flag string, refs map[string]compat.ObjectReference) []string {
	var flags []string
	for _, key := range slices.Sorted(maps.Keys(refs)) {
		flags = append(flags, flag, key+"="+objectName(refs[key]))
	}
	return flags
}

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// shellWord is a text as one word of a shell's command.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
