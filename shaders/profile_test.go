package shaders

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreReadAsWritten(t *testing.T) {
	all := Candidates(Features{F16: true, Subgroups: true, DP4A: true})
	require.Contains(t, all, Minimum())
	for _, p := range append(all, Profile{Features{true, true, true}, 16, 2, true}) {
		got, err := ParseProfile(p.String())
		require.NoError(t, err)
		require.Equal(t, p, got)
	}
	require.Equal(t, "f32 lanes=8 rows=4 norm-first subgroups dp4a", Profile{Features{Subgroups: true, DP4A: true}, 8, 4, true}.String())
}

func TestParseProfileRefuses(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"nothing":             {"", "lacks lanes or rows"},
		"an unknown word":     {"f32 lanes=8 rows=1 cuda", `unknown word "cuda"`},
		"not a power of two":  {"f32 lanes=6", "power of two"},
		"too many":            {"f32 lanes=64", "from 1 to 32"},
		"not a number at all": {"f32 lanes=", "power of two"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseProfile(test.text)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// A device gets no candidate that it cannot compile, and every device gets the minimum first.
func TestCandidatesKeepToTheFeatures(t *testing.T) {
	for _, f := range []Features{{}, {DP4A: true}, {F16: true, Subgroups: true}, {F16: true, Subgroups: true, DP4A: true}} {
		candidates := Candidates(f)
		require.Equal(t, Minimum(), candidates[0])
		for _, p := range candidates {
			require.True(t, p.Features.Within(f), p)
		}
	}
}

// Features in a program's name and text: asked for in the first lines, and read from there.
func TestRequires(t *testing.T) {
	source := "requires packed_4x8_integer_dot_product;\nenable subgroups;\n"
	directives, rest := hoist("fn a() {}\n" + source + source + "fn b() {}\n")
	require.Equal(t, source, directives)
	require.Equal(t, "fn a() {}\nfn b() {}\n", rest)
	require.Equal(t, Features{Subgroups: true, DP4A: true}, (&Program{Source: "// name\n" + directives + rest}).Requires())
	require.Equal(t, Features{}, (&Program{Source: rest}).Requires())
}
