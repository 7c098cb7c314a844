package shaders

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the goldens anew")

// eachKernel visits a program of every kernel: that of its first case.
func eachKernel(t *testing.T, visit func(t *testing.T, kernel string, p *Program)) {
	cases := map[string]*Program{}
	for _, c := range Cases() {
		if kernel, _, _ := strings.Cut(c.Name, "/"); cases[kernel] == nil {
			cases[kernel] = c.Dispatch.Program
		}
	}
	for _, kernel := range Kernels() {
		require.Contains(t, cases, kernel, "a kernel without cases")
		t.Run(kernel, func(t *testing.T) { visit(t, kernel, cases[kernel]) })
	}
}

// The Params struct of the WGSL and its Go twin have the same fields, in the same order, of the same types.
func TestParamsMatchTheWGSL(t *testing.T) {
	types := map[string]reflect.Kind{"u32": reflect.Uint32, "i32": reflect.Int32, "f32": reflect.Float32}
	eachKernel(t, func(t *testing.T, _ string, p *Program) {
		body := regexp.MustCompile(`struct Params \{([^}]*)\}`).FindStringSubmatch(p.Source)
		if p.ParamsSize() == 0 {
			require.Nil(t, body)
			return
		}
		require.NotNil(t, body)
		fields := regexp.MustCompile(`(?m)^\s*(\w+): (\w+),`).FindAllStringSubmatch(body[1], -1)
		require.Len(t, fields, p.params.NumField())
		for i, field := range fields {
			twin := p.params.Field(i)
			require.Equal(t, field[1], snake(twin.Name))
			require.Equal(t, types[field[2]], twin.Type.Kind(), twin.Name)
		}
	})
}

// What a kernel's text looks like when its constants and lib files are joined to it: go test ./shaders -update
func TestExpandedPrograms(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel string, p *Program) {
		golden := filepath.Join("testdata", kernel+".expanded.wgsl")
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(p.Source), 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), p.Source)
	})
}

// WebGPU's default limits hold for every program, with the uniform apart.
func TestProgramsFitTheMinimumProfile(t *testing.T) {
	for _, c := range Cases() {
		require.LessOrEqual(t, len(c.Dispatch.Program.Bindings), 8, c.Name)
		if c.Dispatch.Program.Requires() == (Features{}) {
			require.NotRegexp(t, `(?m)^\s*(enable|override|requires) |subgroup|dot4I8Packed`, c.Dispatch.Program.Source, c.Name)
		}
	}
}

func TestLookupRefuses(t *testing.T) {
	tests := map[string]struct{ name, want string }{
		"kernel":         {"nothing a=1", `unknown kernel "nothing"`},
		"unknown field":  {"advance color=red", "unknown fields"},
		"unknown format": {"embed format=q7_0", `variant field format: unknown format "q7_0"`},
		"neither":        {"matvec format=q8_0 lanes=1 rows=1 threads=64 partials=0 int8=treu bands=1 batch=1 aligned=true", `variant field int8: "treu"`},
		"not a number":   {"matvec format=q8_0 lanes=1 rows=1 threads=64 partials=0 int8=true bands=1 batch=many aligned=true", "variant field batch"},
		"lacking fields": {"matvec format=q8_0", "variant field lanes: variant"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Lookup(test.name)
			require.ErrorContains(t, err, test.want)
		})
	}
}
