package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/interp"
)

type renderFlags struct {
	action string
	params string
	output string
	unsafe bool
}

func renderCommand(s Streams) *cobra.Command {
	f := &renderFlags{}
	cmd := &cobra.Command{
		Use:   "render FILE --action ACTION --params PARAMS",
		Short: "Show every phase's arguments with given parameters, without running",
		Long: `render evaluates all phases of an action with the parameters in a JSON file, and
prints their arguments. Nothing is run.

The parameters have the shape of Kanister's template parameters: StatefulSet, Object,
ArtifactsIn, Phases.NAME.Output and so on; the data of Secrets is base64. The result is
the same for a YAML blueprint and for its conversion.`,
		Example:           `  rescue render blueprint.yaml --action backup --params params.json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: BlueprintFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return f.run(s, args[0]) },
	}
	cmd.Flags().StringVar(&f.action, "action", "", "`ACTION` to render")
	cmd.Flags().StringVar(&f.params, "params", "", "JSON `FILE` with the parameters; - reads standard input, none means no parameters")
	cmd.Flags().StringVarP(&f.output, "output", "o", "json", "`FORMAT` of the result: json")
	cmd.Flags().BoolVar(&f.unsafe, "allow-unsafe-templates", false, "let templates read this program's environment and ask the network: env, expandenv, getHostByName")
	completeActionFlag(cmd, "action")
	complete(cmd, "output", []string{"json"})
	return cmd
}

func (f *renderFlags) run(s Streams, file string) error {
	if f.action == "" {
		return usage("which action? for example: rescue render %s --action backup", file)
	}
	if f.output != "json" {
		return usage("--output: expected json, found %q", f.output)
	}
	params, err := f.readParams(s.Stdin)
	if err != nil {
		return err
	}
	b, err := interp.Load(file, s.Stdin)
	if err != nil {
		return loadError(err)
	}
	plan, err := b.Plan(f.action, params)
	if errors.Is(err, interp.ErrNoAction) {
		return usage("%w", err)
	}
	if err != nil {
		return &ExitError{ExitFindings, err}
	}
	rendering, err := plan.Render(params, compat.Engine{AllowUnsafe: f.unsafe}.Render)
	if err != nil {
		return &ExitError{ExitFindings, err}
	}
	enc := json.NewEncoder(s.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return cannot(enc.Encode(rendering))
}

func (f *renderFlags) readParams(stdin io.Reader) (*compat.Params, error) {
	if f.params == "" {
		return &compat.Params{}, nil
	}
	var src []byte
	var err error
	if f.params == "-" {
		src, err = io.ReadAll(stdin)
	} else {
		src, err = os.ReadFile(f.params)
	}
	if err != nil {
		return nil, cannot(err)
	}
	params, err := compat.ParseParams(src)
	if err != nil {
		return nil, &ExitError{ExitFindings, fmt.Errorf("%s: %w", f.params, err)}
	}
	return params, nil
}

// loadError tells a file that cannot be read from one that can and is wrong.
func loadError(err error) error {
	if pathError := (*os.PathError)(nil); errors.As(err, &pathError) {
		return cannot(err)
	}
	return &ExitError{ExitFindings, err}
}
