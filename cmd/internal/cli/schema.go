package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rescuecue/rescue/schema"
)

// schemaFormats are what the schema can be written as.
var schemaFormats = []string{"cue", "cue-kanister", "jsonschema"}

func schemaCommand(s Streams) *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the schema of blueprints, as CUE or for editors of YAML",
		Long: `schema prints the language as one CUE file; with --format cue-kanister, the package
that types Kanister's resources in YAML; and with --format jsonschema, a JSON Schema
(draft 7) of these resources, with which editors of YAML complete and check. See
docs/editors.md.`,
		Example: `  rescue schema --format jsonschema > kanister.schema.json
  rescue schema | less`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if !slices.Contains(schemaFormats, format) {
				return usage("--format: expected one of %s, found %q", strings.Join(schemaFormats, ", "), format)
			}
			text, err := schemaText(format)
			if err == nil {
				_, err = s.Stdout.Write(text)
			}
			return cannot(err)
		},
	}
	cmd.Flags().StringVar(&format, "format", "cue", "`FORMAT`: "+strings.Join(schemaFormats, ", "))
	complete(cmd, "format", schemaFormats)
	return cmd
}

func schemaText(format string) ([]byte, error) {
	switch format {
	case "jsonschema":
		return schema.Embedded().JSONSchema()
	case "cue-kanister":
		return schema.LegacySource()
	}
	return schema.Embedded().Source()
}
