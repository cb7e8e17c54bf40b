package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionInfo says what this program was built from.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	CUE      string `json:"cue,omitempty"`
	Platform string `json:"platform"`
}

func versionCommand(s Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:               "version",
		Short:             "Say what this program was built from",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			info := readVersion()
			switch output {
			case "json":
				return cannot(writeJSON(s.Stdout, info))
			case "text":
				return cannot(info.write(s))
			}
			return usage("-o: expected text or json, found %q", output)
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

func readVersion() versionInfo {
	info := versionInfo{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	if build.Main.Version != "" && build.Main.Version != "(devel)" {
		info.Version = build.Main.Version
	}
	for _, setting := range build.Settings {
		switch setting.Key {
		case "vcs.revision":
			info.Revision = setting.Value
		case "vcs.modified":
			info.Modified = setting.Value == "true"
		}
	}
	for _, dep := range build.Deps {
		if dep.Path == "cuelang.org/go" {
			info.CUE = dep.Version
		}
	}
	return info
}

func (i versionInfo) write(s Streams) error {
	text := fmt.Sprintf("rescue %s\n", i.Version)
	if i.Revision != "" {
		text += fmt.Sprintf("  revision %s%s\n", i.Revision, map[bool]string{true: ", modified"}[i.Modified])
	}
	text += fmt.Sprintf("  go       %s\n", i.Go)
	if i.CUE != "" {
		text += fmt.Sprintf("  cue      %s\n", i.CUE)
	}
	_, err := fmt.Fprintf(s.Stdout, "%s  platform %s\n", text, i.Platform)
	return err
}

// outputFlag adds -o to a command that prints text or JSON.
func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "text", "`FORMAT` of the result: text or json")
	complete(cmd, "output", []string{"text", "json"})
}

func writeJSON(w interface{ Write([]byte) (int, error) }, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}
