package engine_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/weights"
)

// fixtures is where golden checkpoints lie, beside the repository.
const fixtures = "../../shared/fixtures"

// readRows reads a golden file: rows of width little-endian float32.
func readRows(t *testing.T, path string, width int) [][]float32 {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var rows [][]float32
	for i := 0; i < len(data); i += 4 {
		if i%(4*width) == 0 {
			rows = append(rows, nil)
		}
		last := len(rows) - 1
		rows[last] = append(rows[last], math.Float32frombits(binary.LittleEndian.Uint32(data[i:])))
	}
	return rows
}

// worst is the largest difference between rows, infinite if they are not of the same shape or not numbers.
func worst(got, want [][]float32) float64 {
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

func TestGoldens(t *testing.T) {
	for _, name := range []string{"v2-lite", "v3-fp8-mtp", "dense-mla"} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(fixtures, name)
			data, err := os.ReadFile(filepath.Join(folder, "golden.json"))
			if err != nil {
				t.Skipf("fixture is not there: %v", err)
			}
			var golden struct{ Tokens, Greedy []int }
			data = bytes.ReplaceAll(data, []byte("Infinity"), []byte("0")) // a margin that no test needs, in Python's spelling
			require.NoError(t, json.Unmarshal(data, &golden))
			draftFile := filepath.Join(folder, "draft.f32")
			_, err = os.Stat(draftFile)
			drafts := err == nil

			packed := enginetest.Pack(t, folder, weights.PlanOptions{Quant: weights.QuantKeep}, weights.Seed{Name: name})
			h := enginetest.Open(t, packed, refgpu.New(), engine.Options{}, nil)
			for _, mode := range []string{"prefill", "decode"} {
				main, draft := h.Logits(golden.Tokens, mode, drafts)
				// The goldens' own bound, for every device.
				require.LessOrEqual(t, worst(main, readRows(t, filepath.Join(folder, "logits.f32"), len(main[0]))), 2e-3, mode)
				if drafts {
					require.LessOrEqual(t, worst(draft, readRows(t, draftFile, len(main[0]))), 2e-3, "drafts by "+mode)
				}
			}
			ids, _ := h.Generate(golden.Tokens, enginetest.Greedy(len(golden.Greedy)))
			require.Equal(t, golden.Greedy, ids)
		})
	}
}
