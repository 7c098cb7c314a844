package shaders_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reserved are words that WGSL keeps for itself (its specification, section 16.2). Not every implementation minds.
const reserved = `NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch class co_await
co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval constexpr constinit crate debugger
decltype delete demote demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough filter final finally
friend from fxgroup get goto groupshared highp impl implements import inline instanceof interface layout lowp macro macro_rules match
mediump meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null
nullptr of operator package packoffset partition pass patch pixelfragment precise precision premerge priv protected pub public readonly
ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm static static_assert static_cast
std subroutine super target template this thread_local throw trait try type typedef typeid typename typeof union unless unorm unsafe
unsized use using varying virtual volatile wgsl where with writeonly yield`

func TestNoReservedWordIsDeclared(t *testing.T) {
	words := map[string]bool{}
	for _, w := range strings.Fields(reserved) {
		words[w] = true
	}
	declared := regexp.MustCompile(`\b(?:let|const|fn|struct|alias|var(?:<[^>]*>)?)\s+(\w+)|\b(\w+)\s*:\s`)
	comment := regexp.MustCompile(`//.*`)
	files, err := filepath.Glob("*.wgsl")
	require.NoError(t, err)
	lib, err := filepath.Glob("lib/*.wgsl")
	require.NoError(t, err)
	require.NotEmpty(t, lib)
	for _, file := range append(files, lib...) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range declared.FindAllStringSubmatch(comment.ReplaceAllString(string(text), ""), -1) {
			if name := m[1] + m[2]; name != "default" {
				require.False(t, words[name], "%s declares %s, a word that WGSL reserves", file, name)
			}
		}
	}
}
