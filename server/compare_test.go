package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
	"tabseek/engine/weights"
)

// A model is no distance from itself, and a quantised one a small one, told by the engine that is shipped.
func TestCompare(t *testing.T) {
	headless := need.File(t, need.Page, "bin", "tabseek-headless")
	t.Setenv("PATH", filepath.Dir(headless)+string(os.PathListSeparator)+os.Getenv("PATH"))
	src := checkpointWith(t, nil)
	pack := func(quant weights.Quant) string {
		dst := filepath.Join(t.TempDir(), string(quant))
		o := command("", "pack", src, dst, "--quant", string(quant))
		require.Zero(t, o.Status, o.Stderr)
		return dst
	}
	text := filepath.Join(t.TempDir(), "text.txt")
	require.NoError(t, os.WriteFile(text, []byte("What is 47 + 85? It is 132, and not 131 or 133."), 0o644))
	keep := pack(weights.QuantKeep)
	compared := func(b string) comparison {
		o := command("", "compare", keep, b, text, "--device", "ref", "--json")
		require.Zero(t, o.Status, o.Stderr)
		var c comparison
		require.NoError(t, json.Unmarshal([]byte(o.Stdout), &c))
		require.Greater(t, c.Tokens, 10)
		require.Greater(t, c.PerplexityA, 1.0)
		return c
	}
	same := compared(keep)
	require.Zero(t, same.KL)
	require.Equal(t, 1.0, same.Top1)
	require.Equal(t, same.PerplexityA, same.PerplexityB)
	q8, q4 := compared(pack(weights.QuantQ8)), compared(pack(weights.QuantQ4))
	require.Less(t, 0.0, q8.KL)
	require.Less(t, q8.KL, q4.KL)

	o := command("", "compare", keep, filepath.Join(t.TempDir(), "none"), text)
	require.Equal(t, 1, o.Status)
	require.NoError(t, os.WriteFile(text, []byte("a"), 0o644))
	o = command("", "compare", keep, keep, text)
	require.Equal(t, 1, o.Status)
	require.Contains(t, o.Stderr, "has 1 tokens, at least 2 are needed")
}

// The numbers of two rows by hand: (1/2, 1/2) against (3/4, 1/4).
func TestComparison(t *testing.T) {
	c := &comparison{}
	c.row([]float32{5, 5}, []float32{float32(math.Log(3)), 0}, 1)
	c.finish()
	require.InDelta(t, 0.5*math.Log(0.5/0.75)+0.5*math.Log(0.5/0.25), c.KL, 1e-7)
	require.InDelta(t, 2, c.PerplexityA, 1e-7)
	require.InDelta(t, 4, c.PerplexityB, 1e-6)
	require.Equal(t, 1.0, c.Top1)
}
