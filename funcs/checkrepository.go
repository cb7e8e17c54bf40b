package funcs

import (
	"context"
	"strconv"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

type checkRepositoryArgs struct {
	podWishes
	BackupArtifactPrefix string `json:"backupArtifactPrefix"`
	EncryptionKey        string `json:"encryptionKey"`
	Image                string `json:"image"`
	InsecureTLS          bool   `json:"insecureTLS"`
}

// CheckRepository says whether there is a repository at a path, and whether the key
// opens it. It has no argument for the namespace of its pod.
func CheckRepository() Func {
	return fn[checkRepositoryArgs]{name: "CheckRepository", exec: checkRepository, access: access.All(access.DataPod(access.WithLocation), access.ReadKey)}
}

func checkRepository(ctx context.Context, env *Env, a checkRepositoryArgs) (Output, error) {
	repo, err := env.repositoryAt(a.BackupArtifactPrefix, env.Namespace, a.InsecureTLS)
	if err != nil {
		return nil, err
	}
	repo.namespace = env.locationNamespace()
	key := a.EncryptionKey
	if key == "" {
		if key, err = env.storedKey(ctx, repo); err != nil {
			return nil, err
		}
	}
	pod := dataPod{podWishes: a.podWishes, prefix: "check-repository-", namespace: repo.namespace, image: a.Image}
	var found error
	err = env.inDataPod(ctx, pod, func(ctx context.Context, at container) (err error) {
		found, err = env.checkIn(ctx, at, repo, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	if found != nil {
		env.Log.Info("the repository cannot be opened", "repository", repo.path, "reason", found.Error())
	}
	return Output{
		"passwordIncorrect": strconv.FormatBool(mover.CodeOf(found) == mover.CodeWrongKey),
		"repoUnavailable":   strconv.FormatBool(mover.CodeOf(found) == mover.CodeNoRepository),
		"version":           dataVersion,
	}, nil
}

// checkIn returns why the repository cannot be opened, if there is none or it has
// another key. Any other failure leaves that open, and is err. Without a key, a
// repository that exists cannot be opened either.
func (e *Env) checkIn(ctx context.Context, at container, repo repository, key string) (found, err error) {
	op := agent.OpCheck
	if key == "" {
		op = agent.OpProbe
	}
	req := repo.request(op)
	req.Password = key
	res, err := e.moveData(ctx, at, req)
	switch code := mover.CodeOf(err); {
	case err != nil && (code == mover.CodeWrongKey || code == mover.CodeNoRepository):
		return err, nil
	case err != nil:
		return nil, err
	case key != "":
		return nil, nil
	case res.Exists:
		return e.missingKey(repo), nil
	}
	return &mover.Error{Code: mover.CodeNoRepository, Text: "there is no repository"}, nil
}
