// Package agent runs the data mover in another place than the caller: in a
// container that has the data. The container runs `rescue mover`. The request
// goes in on its standard input, credentials included, so that nothing secret
// stands in a pod spec or on a command line. Progress and the result come back as
// JSON lines on its standard output.
package agent

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/mover"
	"github.com/rescuecue/rescue/funcs/rds/pg"
)

// Version of the protocol. Both ends must have the same.
const Version = 1

// Op is what a request asks for.
type Op string

// The operations, and what a Result has of each.
const (
	OpProbe   Op = "probe"   // Exists; needs no password
	OpBackup  Op = "backup"  // Backup
	OpRestore Op = "restore" // Restore
	OpDelete  Op = "delete"  // nothing
	OpStats   Op = "stats"   // Snapshots: the one that was asked for
	OpList    Op = "list"    // Snapshots: all
	OpCheck   Op = "check"   // nothing: that the repository can be opened is the answer
	OpMeasure Op = "measure" // Measured
	OpReclaim Op = "reclaim" // Reclaimed

	// OpDeleteObjects is about the store alone, not about a repository.
	OpDeleteObjects Op = "delete-objects" // Deleted

	// These copy the databases of a PostgreSQL server to an object, and back.
	OpDumpPostgres Op = "dump-postgres" // Dumped
	OpLoadPostgres Op = "load-postgres" // Loaded
)

// Request is the one document that `rescue mover` reads.
type Request struct {
	Version int `json:"version"`
	Op      Op  `json:"op"`
	// Profile, Repository (bucket/prefix), Password, Namespace and InsecureTLS
	// are the fields of mover.Location.
	Profile     *compat.Profile `json:"profile"`
	Repository  string          `json:"repository"`
	Password    string          `json:"password,omitempty"`
	Namespace   string          `json:"namespace,omitempty"`
	InsecureTLS bool            `json:"insecureTLS,omitempty"`
	// Path, Tag, Tags and Origin belong to backup.
	Path   string            `json:"path,omitempty"`
	Tag    string            `json:"tag,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
	Origin string            `json:"origin,omitempty"`
	// Snapshot says which one to restore, delete, describe or measure.
	Snapshot mover.Selector `json:"snapshot"`
	// Measure belongs to measure.
	Measure mover.Measure `json:"measure,omitempty"`
	// Key is that of an object. That of delete-objects goes with all below it.
	Key string `json:"key,omitempty"`
	// Postgres belongs to dump-postgres and load-postgres; the latter takes all
	// databases of the dump.
	Postgres *pg.DumpRequest `json:"postgres,omitempty"`
	// Target and SubPath belong to restore.
	Target  string `json:"target,omitempty"`
	SubPath string `json:"subPath,omitempty"`
	// Parallel is the number of files handled at once; 0 leaves it to the mover.
	Parallel int `json:"parallel,omitempty"`
	// By names the program whose repository is meant, as a Result has it. Empty leaves it
	// to who serves the request.
	By string `json:"by,omitempty"`
	// Attached says that the caller keeps the standard input open while it
	// waits. Its end then means that the caller is gone, and stops the work.
	Attached bool `json:"attached,omitempty"`
}

// Result is what an operation returns; see the operations for its fields.
type Result struct {
	Exists    bool                 `json:"exists,omitempty"`
	Backup    *mover.BackupResult  `json:"backup,omitempty"`
	Restore   *mover.RestoreResult `json:"restore,omitempty"`
	Snapshots []mover.Snapshot     `json:"snapshots,omitempty"`
	Measured  *mover.Measured      `json:"measured,omitempty"`
	Reclaimed *mover.ReclaimResult `json:"reclaimed,omitempty"`
	Deleted   *Deleted             `json:"deleted,omitempty"`
	// By is the program that did it, if it was not rescue.
	By     string     `json:"by,omitempty"`
	Dumped *pg.Dumped `json:"dumped,omitempty"`
	Loaded *pg.Loaded `json:"loaded,omitempty"`
}

// Deleted says what delete-objects did.
type Deleted struct {
	Objects int `json:"objects"`
}

// answers tells whether the result has what the operation promises.
func (r *Result) answers(op Op) bool {
	switch op {
	case OpBackup:
		return r.Backup != nil
	case OpRestore:
		return r.Restore != nil
	case OpStats:
		return len(r.Snapshots) == 1
	case OpMeasure:
		return r.Measured != nil
	case OpReclaim:
		return r.Reclaimed != nil
	case OpDeleteObjects:
		return r.Deleted != nil
	case OpDumpPostgres:
		return r.Dumped != nil
	case OpLoadPostgres:
		return r.Loaded != nil
	}
	return true // their empty result has a meaning
}

// event is one line of the answer. The last one has a result or an error.
type event struct {
	Progress *mover.Progress `json:"progress,omitempty"`
	Result   *Result         `json:"result,omitempty"`
	Error    *eventError     `json:"error,omitempty"`
}

type eventError struct {
	Code    mover.Code `json:"code"`
	Message string     `json:"message"`
}

func (e event) final() bool { return e.Result != nil || e.Error != nil }

func (r Request) location() mover.Location {
	return mover.Location{
		Profile:     r.Profile,
		Path:        r.Repository,
		Password:    r.Password,
		Namespace:   r.Namespace,
		InsecureTLS: r.InsecureTLS,
	}
}

// readRequest reads one document and checks that both ends fit.
func readRequest(dec *json.Decoder) (Request, error) {
	var req Request
	if err := dec.Decode(&req); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return req, &mover.Error{Code: mover.CodeBadRequest, Text: "the request on standard input cannot be read", Err: err}
	}
	if req.Version != Version {
		return req, &mover.Error{Code: mover.CodeVersion, Text: fmt.Sprintf(
			"the caller speaks version %d of the mover's protocol, this program version %d: use a tools image of the same release", req.Version, Version)}
	}
	return req, nil
}
