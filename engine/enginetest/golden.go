package enginetest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
)

// GoldenBound is how far logits may be from a golden, on every rung of the ladder of truth.
const GoldenBound = 2e-3

// A Golden is a checkpoint with numbers that other people's code computes of it.
type Golden struct {
	Folder         string      // in Hugging Face's layout
	Tokens, Greedy []int       // a prompt and what follows it
	Logits, Drafts [][]float32 // rows for the tokens of the prompt; the last has no draft
}

// ReadGolden reads one of need.Goldens.
func ReadGolden(t testing.TB, name string) Golden {
	t.Helper()
	g := Golden{Folder: need.Golden(t, name)}
	data, err := os.ReadFile(filepath.Join(g.Folder, "golden.json"))
	require.NoError(t, err)
	data = bytes.ReplaceAll(data, []byte("Infinity"), []byte("0")) // a margin that no test needs, in Python's spelling
	require.NoError(t, json.Unmarshal(data, &g))
	g.Logits = readRows(t, filepath.Join(g.Folder, "logits.f32"), len(g.Tokens))
	if draft := filepath.Join(g.Folder, "draft.f32"); exists(draft) {
		g.Drafts = readRows(t, draft, len(g.Tokens)-1)
	}
	return g
}

// Answer is the greedy answer as hosts report it: without the end of the sequence.
func (g *Golden) Answer() []int {
	if end := slices.Index(g.Greedy, EOS); end >= 0 {
		return g.Greedy[:end]
	}
	return g.Greedy
}

// Worst is the largest difference between rows, infinite if they are not of the same shape or not numbers.
func Worst(got, want [][]float32) float64 {
	largest := 0.0
	if len(got) != len(want) {
		return math.Inf(1)
	}
	for i, row := range want {
		if len(got[i]) != len(row) {
			return math.Inf(1)
		}
		for j, v := range row {
			d := math.Abs(float64(got[i][j] - v))
			if math.IsNaN(d) {
				return math.Inf(1)
			}
			largest = max(largest, d)
		}
	}
	return largest
}

// Floats reads little-endian float32.
func Floats(data []byte) []float32 {
	values := make([]float32, len(data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values
}

// readRows reads a file of count rows.
func readRows(t testing.TB, name string, count int) [][]float32 {
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	values := Floats(data)
	return slices.Collect(slices.Chunk(values, len(values)/count))
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
