package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rescuecue/rescue/funcs/mover"
)

// The programs that stand in for `rescue mover`.
const (
	programKopia  = "kopia"
	programRestic = "restic"
)

// withoutRescue serves the request in a container that has no program rescue, by what
// other programs are there. Missing is the error about rescue.
func withoutRescue(ctx context.Context, exec Exec, where string, req Request, missing error) (Result, error) {
	sh, err := openShell(ctx, exec)
	if err != nil {
		return Result{}, err
	}
	defer sh.close()
	p := &programs{shell: sh, req: req, loc: req.location()}
	hasKopia, err := p.has(ctx, programKopia)
	if mover.CodeOf(err) == mover.CodeNoProgram {
		return Result{}, missing // not even a shell
	}
	if err == nil && !hasKopia {
		missing = &mover.Error{Code: mover.CodeNoProgram, Text: where + " has neither the program `rescue` nor `kopia`, which move the data"}
		return p.onlyRestic(ctx, where, missing)
	}
	var res Result
	if err == nil {
		res, err = p.kopia(ctx)
		res.By = programKopia
	}
	return p.orRestic(ctx, where, res, placed(where, err))
}

// orElseRestic reads a repository of restic where `rescue mover` did not find what was
// asked for. Kopia's answer stands if there is none, or if restic is not there.
func orElseRestic(ctx context.Context, exec Exec, where string, req Request, res Result, err error) (Result, error) {
	if !resticMayKnow(req, err) {
		return res, err
	}
	sh, failed := openShell(ctx, exec)
	if failed != nil {
		return res, errors.Join(err, failed)
	}
	defer sh.close()
	p := &programs{shell: sh, req: req, loc: req.location()}
	return p.orRestic(ctx, where, res, err)
}

// byRestic serves a request that is about a repository of restic for sure.
func byRestic(ctx context.Context, exec Exec, where string, req Request) (Result, error) {
	sh, err := openShell(ctx, exec)
	if err != nil {
		return Result{}, err
	}
	defer sh.close()
	res, _, err := (&programs{shell: sh, req: req, loc: req.location()}).restic(ctx)
	return res, placed(where, err)
}

// programs are those in the container, driven through its shell.
type programs struct {
	*shell
	req Request
	loc mover.Location
}

// has tells whether the container has the program.
func (p *programs) has(ctx context.Context, program string) (bool, error) {
	p.tell(`has() { command -v "$1" >/dev/null; }`)
	r, err := p.step(ctx, "has", program)
	return r.status == 0, err
}

// onlyRestic is for a container that can read what is left of restic, and nothing else.
func (p *programs) onlyRestic(ctx context.Context, where string, missing error) (Result, error) {
	if !resticServes(p.req.Op) {
		return Result{}, missing
	}
	found, err := p.has(ctx, programRestic)
	if err != nil {
		return Result{}, placed(where, err)
	}
	if !found {
		return Result{}, missing
	}
	res, _, err := p.restic(ctx)
	if mover.CodeOf(err) == mover.CodeNoRepository {
		return Result{}, &mover.Error{Code: mover.CodeNoProgram, Text: fmt.Sprintf(
			"%s; it has `restic`, but there is no repository of restic at %s", missing, p.loc)}
	}
	return res, placed(where, err)
}

// orRestic asks restic where the answer so far leaves that open.
func (p *programs) orRestic(ctx context.Context, where string, res Result, err error) (Result, error) {
	if !resticMayKnow(p.req, err) {
		return res, err
	}
	installed, failed := p.has(ctx, programRestic)
	if failed != nil || !installed {
		return res, err
	}
	other, found, failed := p.restic(ctx)
	switch code := mover.CodeOf(failed); {
	case failed == nil:
		return other, nil
	case !found: // or not to be reached by restic
		return res, err
	case mover.CodeOf(err) != mover.CodeNoRepository && (code == mover.CodeNotFound || code == mover.CodeWrongKey):
		return res, err // two repositories, and neither has it
	}
	return Result{}, placed(where, failed)
}

// resticMayKnow tells whether the request is about what a repository of restic at the
// same place might have.
func resticMayKnow(req Request, err error) bool {
	known := []mover.Code{mover.CodeNoRepository, mover.CodeNotFound, mover.CodeWrongKey}
	return err != nil && resticServes(req.Op) && slices.Contains(known, mover.CodeOf(err)) && resticID(req.Snapshot.ID)
}

// placed says in which container something went wrong.
func placed(where string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var coded *mover.Error
	if errors.As(err, &coded) {
		return &mover.Error{Code: coded.Code, Text: where + ": " + err.Error()}
	}
	return fmt.Errorf("%s: %w", where, err)
}

// failed words the failure of a program by the end of its error output.
func (p *programs) failed(r stepResult, what string) error {
	code, text := codeOfTalk(r.errors)
	switch code {
	case mover.CodeNoRepository:
		return &mover.Error{Code: code, Text: fmt.Sprintf("there is no backup repository at %s", p.loc)}
	case mover.CodeWrongKey:
		return &mover.Error{Code: code, Text: fmt.Sprintf("the encryption key does not fit the repository at %s", p.loc)}
	case mover.CodeDenied:
		return &mover.Error{Code: code, Text: fmt.Sprintf("the store refuses access to %s: %s", p.loc, text)}
	case mover.CodeUnreachable:
		return &mover.Error{Code: code, Text: fmt.Sprintf("the store at %s cannot be reached: %s", p.loc, text)}
	}
	return &mover.Error{Code: code, Text: fmt.Sprintf("%s failed with status %d: %s", what, r.status, text)}
}

// talks are texts by which kopia and restic, or the stores that they quote, tell what
// is wrong. The first that occurs counts.
var talks = []struct {
	code  mover.Code
	texts []string
}{
	{mover.CodeWrongKey, []string{"invalid repository password", "wrong password or no key found", "Fatal: wrong password"}},
	{mover.CodeNoRepository, []string{"repository not initialized", "repository is not initialized", "kopia.repository blob: BLOB not found", "Is there a repository at the following location",
		"cannot access storage path", "repository does not exist", "unable to open config file"}},
	{mover.CodeDenied, []string{"Access Denied", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Access Key Id you provided",
		"code = PermissionDenied", "invalid credentials", "403 Forbidden", "signature we calculated", "provided access key ID"}},
	{mover.CodeUnreachable, []string{"connection refused", "no such host", "i/o timeout", "no route to host", "network is unreachable",
		"connection reset", "code = Unavailable", "bucket does not exist", "NoSuchBucket", "TLS handshake", "x509:"}},
}

// codeOfTalk returns the code, and the last line that says something.
func codeOfTalk(text string) (mover.Code, string) {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	last := "no reason was given"
	for _, line := range slices.Backward(lines) {
		if line = strings.TrimSpace(line); line != "" {
			last = strings.TrimPrefix(line, "ERROR ")
			break
		}
	}
	// A denial also shows in what is said of the repository.
	for _, talk := range talks[2:] {
		if containsAny(text, talk.texts) {
			return talk.code, last
		}
	}
	for _, talk := range talks[:2] {
		if containsAny(text, talk.texts) {
			return talk.code, last
		}
	}
	return mover.CodeFailed, last
}

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}
