package funcs

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/rescuecue/rescue/funcs/access"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/mover/agent"
)

type backupDataArgs struct {
	Namespace            string `json:"namespace"`
	Pod                  string `json:"pod"`
	Container            string `json:"container"`
	IncludePath          string `json:"includePath"`
	BackupArtifactPrefix string `json:"backupArtifactPrefix"`
	EncryptionKey        string `json:"encryptionKey"`
	InsecureTLS          bool   `json:"insecureTLS"`
}

// BackupData stores a directory of a container in the profile's location. The data
// mover runs in that container.
func BackupData() Func {
	return fn[backupDataArgs]{name: "BackupData", exec: backupData, access: access.All(access.Exec(access.In(access.InWork, "namespace")), access.MakeKey)}
}

func backupData(ctx context.Context, env *Env, a backupDataArgs) (Output, error) {
	ns := env.namespaceOr(a.Namespace)
	repo, err := env.repositoryAt(a.BackupArtifactPrefix, ns, a.InsecureTLS)
	if err != nil {
		return nil, err
	}
	at := container{ns, a.Pod, a.Container}
	res, err := env.backup(ctx, at, backupJob{repository: repo, givenKey: a.EncryptionKey, path: a.IncludePath, origin: env.originOf(a.Pod)})
	if err != nil {
		return nil, adviseSidecar(err)
	}
	return res.output(), nil
}

// originOf names where the data of a pod lives: its volumes, which stay when a pod is
// replaced, or else the pod. Pods of one workload have the same paths, and in one
// repository they must not be taken for each other.
func (e *Env) originOf(pod string) string {
	if _, w := e.workload(); w != nil && len(w.PersistentVolumeClaims[pod]) > 0 {
		return strings.Join(slices.Sorted(maps.Keys(w.PersistentVolumeClaims[pod])), ",")
	}
	return pod
}

// backupJob says what to store and where.
type backupJob struct {
	repository
	givenKey string
	path     string
	origin   string
}

// backedUp is what a backup gives.
type backedUp struct {
	mover.BackupResult
	tag string
}

// backup stores a path of a container, under a tag of its own.
func (e *Env) backup(ctx context.Context, at container, job backupJob) (backedUp, error) {
	key, err := e.keyForBackup(ctx, job.givenKey, job.repository, at)
	if err != nil {
		return backedUp{}, err
	}
	req := job.request(agent.OpBackup)
	req.Password, req.Path, req.Tag, req.Origin = key, job.path, rand.String(10), job.origin
	res, err := e.moveData(ctx, at, req)
	if err != nil {
		return backedUp{}, e.explainKey(err, job.givenKey, job.repository)
	}
	made := backedUp{BackupResult: *res.Backup, tag: req.Tag}
	e.logBackup(at, made)
	return made, nil
}

// logBackup says what was stored, and above all what was not.
func (e *Env) logBackup(at container, b backedUp) {
	e.Log.Info("backed up", "path", b.Path, "pod", at.pod, "files", b.FileCount,
		"size", formatSize(b.RootSize), "uploaded", formatSize(b.PhysicalSize), "snapshot", b.SnapshotID)
	if b.SkippedCount > 0 {
		e.Log.Warn("sockets, pipes and devices are not in the backup", "count", b.SkippedCount, "names", firstOf(b.Skipped, b.SkippedCount))
	}
	if b.VanishedCount > 0 {
		e.Log.Warn("files that were deleted during the backup are not in it", "count", b.VanishedCount, "names", firstOf(b.Vanished, b.VanishedCount))
	}
}

// output has the keys of Kanister's BackupData.
func (b backedUp) output() Output {
	return Output{
		"backupID":  b.SnapshotID,
		"backupTag": b.tag,
		"fileCount": strconv.FormatInt(b.FileCount, 10),
		"size":      formatSize(b.RootSize),
		"phySize":   formatSize(b.PhysicalSize),
		"version":   dataVersion,
	}
}

// adviseSidecar tells what to do about a container without the data mover.
func adviseSidecar(err error) error {
	if mover.CodeOf(err) != mover.CodeNoProgram {
		return err
	}
	return &mover.Error{Code: mover.CodeNoProgram, Text: err.Error() + ": add a container with Rescue's tools image to the pod, " +
		"or with another that has a shell and the program `kopia`, such as Kanister's; " +
		"mount the volume with the data in it, and give its name as the argument container"}
}
