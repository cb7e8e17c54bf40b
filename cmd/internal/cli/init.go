package cli

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"cuelang.org/go/mod/module"
	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/schema"
)

//go:embed initfiles/*.tmpl
var initFiles embed.FS

type initFlags struct {
	module  string
	pkg     string
	refresh bool
}

func initCommand(s Streams) *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Start a CUE module with a blueprint and its tests",
		Long: `init writes a CUE module into a folder, the current one if none is named: the schema
in cue.mod/pkg, so that the stock cue command needs no registry, a blueprint to
start from, and its tests. It never overwrites a file.

With --update-schema it does nothing but put this program's schema in the place of
the one in cue.mod/pkg, after an upgrade.`,
		Example: `  rescue init backups --module example.com/backups
  cd backups && cue vet -c=false ./... && rescue test`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return f.init(s, dir)
		},
	}
	cmd.Flags().StringVar(&f.module, "module", "", "`PATH` of the module (default blueprints.local/ and the name of the folder)")
	cmd.Flags().StringVar(&f.pkg, "package", "", "`NAME` of the blueprint's package (default made of the name of the folder)")
	cmd.Flags().BoolVar(&f.refresh, "update-schema", false, "only bring the schema in cue.mod/pkg up to date")
	complete(cmd, "module", nil)
	complete(cmd, "package", nil)
	return cmd
}

func (f *initFlags) init(s Streams, dir string) error {
	if f.refresh {
		return f.updateSchema(s, dir)
	}
	start, err := f.start(dir)
	if err != nil {
		return err
	}
	files, err := start.files()
	if err != nil {
		return cannot(err)
	}
	if err := writeNew(dir, files); err != nil {
		return cannot(err)
	}
	_, err = fmt.Fprintf(s.Stdout, "%s\n%s\n", filepath.Join(dir, start.Package+".cue"), filepath.Join(dir, "tests", "tests.cue"))
	fmt.Fprintf(s.Stderr, "module %s is in %s; check it with `cue vet -c=false ./...`, `rescue vet` and `rescue test` there\n", start.Module, dir)
	return cannot(err)
}

// A moduleStart is what the first files of a module are made of.
type moduleStart struct {
	Module, Package string
	// Name of the blueprint.
	Name string
	// Import is what a test imports the blueprint's package by.
	Import string
	// Image of the pods that move data.
	Image string
}

var (
	notInPackage = regexp.MustCompile(`[^a-z0-9_]+`)
	notInName    = regexp.MustCompile(`[^a-z0-9]+`)
	packageName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)
)

// start makes names of the folder's where the flags give none.
func (f *initFlags) start(dir string) (moduleStart, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return moduleStart{}, cannot(err)
	}
	base := strings.ToLower(filepath.Base(abs))
	name := strings.Trim(notInName.ReplaceAllString(base, "-"), "-")
	if name == "" {
		name = "blueprints"
	}
	start := moduleStart{Module: f.module, Package: f.pkg, Name: name, Image: "localhost/rescue-tools:dev"}
	if start.Module == "" {
		start.Module = "blueprints.local/" + name
	}
	if err := module.CheckPath(start.Module); err != nil {
		return start, usage("--module: %w", err)
	}
	if start.Package == "" {
		start.Package = defaultPackage(base)
	}
	if !packageName.MatchString(start.Package) || start.Package == "schema" || start.Package == "tests" {
		return start, usage("--package: %q is no name for this package: expected letters, digits and _, and neither schema nor tests", start.Package)
	}
	if start.Import, _, _ = strings.Cut(start.Module, "@"); path.Base(start.Import) != start.Package {
		start.Import += ":" + start.Package
	}
	return start, nil
}

func defaultPackage(base string) string {
	pkg := strings.Trim(notInPackage.ReplaceAllString(base, "_"), "_")
	if !packageName.MatchString(pkg) || pkg == "schema" || pkg == "tests" {
		return "blueprints"
	}
	return pkg
}

// files has the content of all files of the module by their paths in it.
func (m moduleStart) files() (map[string][]byte, error) {
	files, err := vendoredSchema()
	if err != nil {
		return nil, err
	}
	files["cue.mod/module.cue"] = fmt.Appendf(nil, "module: %q\nlanguage: version: \"v0.17.0\"\n", m.Module)
	for name, target := range map[string]string{"blueprint": m.Package + ".cue", "tests": "tests/tests.cue"} {
		if files[target], err = m.render(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (m moduleStart) render(name string) ([]byte, error) {
	file := name + ".cue.tmpl"
	t, err := template.New(file).Delims("<<", ">>").Option("missingkey=error").ParseFS(initFiles, "initfiles/"+file)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, m); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// schemaFolder is where the stock cue command finds the schema without a registry.
const schemaFolder = "cue.mod/pkg/" + schema.Module + "/schema"

func vendoredSchema() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(schema.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[schemaFolder+"/"+name], err = schema.FS.ReadFile(name)
		return err
	})
	return files, err
}

// writeNew writes the files, and none of them if there is one already.
func writeNew(dir string, files map[string][]byte) error {
	var taken []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		target := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Lstat(target); err == nil {
			taken = append(taken, target)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(taken) > 0 {
		return fmt.Errorf("%s is there already, and nothing was written%s", taken[0], andMore(len(taken)-1))
	}
	return writeFiles(dir, files, os.O_EXCL)
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; so are %s more", count(n, "file"))
}

func writeFiles(dir string, files map[string][]byte, flag int) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := createFile(target, files[name], flag); err != nil {
			return err
		}
	}
	return nil
}

func createFile(target string, data []byte, flag int) error {
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|flag, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// updateSchema puts the schema beside the old one and then in its place, so that there
// never is half of one.
func (f *initFlags) updateSchema(s Streams, dir string) error {
	target := filepath.Join(dir, filepath.FromSlash(schemaFolder))
	if _, err := os.Stat(filepath.Join(dir, "cue.mod", "module.cue")); err != nil {
		return cannot(fmt.Errorf("%s has no cue.mod/module.cue: name the root of the module", dir))
	}
	files, err := vendoredSchema()
	if err != nil {
		return cannot(err)
	}
	for _, leftover := range []string{target + ".new", target + ".old"} {
		if err := os.RemoveAll(leftover); err != nil {
			return cannot(err)
		}
	}
	fresh := map[string][]byte{}
	for name, data := range files {
		fresh[strings.Replace(name, schemaFolder, schemaFolder+".new", 1)] = data
	}
	if err := writeFiles(dir, fresh, os.O_EXCL); err != nil {
		return cannot(err)
	}
	if err := os.Rename(target, target+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cannot(err)
	}
	if err := os.Rename(target+".new", target); err != nil {
		return cannot(err)
	}
	_, err = fmt.Fprintln(s.Stdout, target)
	return cannot(errors.Join(err, os.RemoveAll(target+".old")))
}
