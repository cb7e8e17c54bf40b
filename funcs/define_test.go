package funcs

import (
	"context"
	"slices"
	"strings"
	"testing"
)

const freezeSchema = "package schema\n#Functions: Freeze: {args: {\n\t// disk to freeze.\n\tdisk?: string\n}, required: [\"disk\"], output: was: string}\n"

type freezeArgs struct {
	Disk string `json:"disk"`
}

func freeze(_ context.Context, _ *Env, args freezeArgs) (Output, error) {
	return Output{"was": args.Disk}, nil
}

func TestAFunctionBringsItsSchemaAlong(t *testing.T) {
	f, err := New("Freeze", freezeSchema, freeze)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.RequiredArgs(), []string{"disk"}) || !slices.Equal(f.Arguments(), []string{"disk"}) {
		t.Errorf("required %v, arguments %v", f.RequiredArgs(), f.Arguments())
	}
	registry, other := Builtin(), Builtin()
	if err := registry.Add(f); err != nil {
		t.Fatal(err)
	}
	if _, known := registry.Schema().Function("Freeze"); !known {
		t.Error("the registry's schema does not have it")
	}
	if _, known := other.Schema().Function("Freeze"); known {
		t.Error("another registry has it")
	}
	got, err := registry.Lookup("Freeze")
	if err != nil {
		t.Fatal(err)
	}
	out, err := got.Exec(context.Background(), &Env{}, Args{"disk": "sda"})
	if err != nil || out["was"] != "sda" {
		t.Errorf("output %v, error %v", out, err)
	}
}

func TestAddAndNewRefuse(t *testing.T) {
	if _, err := New("Thaw", freezeSchema, freeze); err == nil || !strings.Contains(err.Error(), "no entry #Functions: Thaw") {
		t.Errorf("a schema of another function: %v", err)
	}
	if _, err := New("Freeze", "package schema\n#Functions: {", freeze); err == nil || !strings.Contains(err.Error(), "schema of function Freeze") {
		t.Errorf("a schema that is none: %v", err)
	}
	f, err := New("Freeze", freezeSchema, freeze)
	if err != nil {
		t.Fatal(err)
	}
	registry := &Registry{}
	if err := registry.Add(f); err != nil {
		t.Fatal(err)
	}
	if err := registry.Add(f); err == nil || !strings.Contains(err.Error(), "registered twice") {
		t.Errorf("a name that is taken: %v", err)
	}
}
