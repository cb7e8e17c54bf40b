package kopiaserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rescuecue/rescue/funcs/mover"
)

// program is the kopia program with a configuration of its own.
type program struct {
	path string
	dir  string // private: it holds keys
	env  []string
}

// Names of the files in its directory.
const (
	configFile = "repository.config"
	certFile   = "tls.crt"
	keyFile    = "tls.key"
)

// newProgram writes what the program reads. Passwords reach it as environment
// variables, which other users of the machine do not see, unlike its arguments.
func newProgram(path, dir string, c Config) (*program, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("%w: a repository server needs the kopia program, in an image beside rescue", err)
	}
	config, err := mover.ProgramConfig(c.Location, mover.Identity{Username: c.Username, Hostname: c.Hostname}, orIn(dir, c.CacheDirectory, "cache"), c.Cache)
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{configFile: config, certFile: c.Certificate, keyFile: c.Key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	return &program{path: found, dir: dir, env: []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir,
		"KOPIA_CONFIG_PATH=" + filepath.Join(dir, configFile),
		"KOPIA_LOG_DIR=" + orIn(dir, c.LogDirectory, "log"),
		"KOPIA_CHECK_FOR_UPDATES=false",
		"KOPIA_PASSWORD=" + c.Location.Password,
		"KOPIA_SERVER_CONTROL_USER=" + c.Admin.Username, // of the server
		"KOPIA_SERVER_CONTROL_PASSWORD=" + c.Admin.Password,
		"KOPIA_SERVER_USERNAME=" + c.Admin.Username, // of those who control it
		"KOPIA_SERVER_PASSWORD=" + c.Admin.Password,
	}}, nil
}

func orIn(dir, given, name string) string {
	if given != "" {
		return given
	}
	return filepath.Join(dir, name)
}

func (p *program) file(name string) string { return filepath.Join(p.dir, name) }

func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = p.env
	return cmd
}

// run runs the program to its end and returns what it printed.
func (p *program) run(ctx context.Context, args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd := p.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		// The first words are the command; what follows may be a hash.
		words := strings.Join(args[:min(len(args), 3)], " ")
		return nil, fmt.Errorf("kopia %s: %w: %s", words, errors.Join(context.Cause(ctx), err), lastLine(errs.String()))
	}
	return out.Bytes(), nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// users lists the users of the repository.
func (p *program) users(ctx context.Context) ([]string, error) {
	out, err := p.run(ctx, "server", "users", "list", "--json")
	if err != nil {
		return nil, err
	}
	var list []struct {
		Username string `json:"username"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("kopia server users list: %w", err)
	}
	names := make([]string, len(list))
	for i, u := range list {
		names[i] = u.Username
	}
	return names, nil
}
