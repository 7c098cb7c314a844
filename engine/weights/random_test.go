package weights

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is drawn has the size that its gain says, in every format.
func TestWriteRandom(t *testing.T) {
	const rows = 96
	for name, test := range map[string]struct {
		dtype DType
		quant Quant
		want  Format
	}{
		"f32": {DTypeF32, QuantKeep, F32}, "bf16": {DTypeBF16, QuantKeep, BF16}, "f16": {DTypeF16, QuantKeep, F16},
		"fp8": {DTypeFP8, QuantKeep, FP8E4M3}, "q8": {DTypeBF16, QuantQ8, Q8_0}, "q4": {DTypeBF16, QuantQ4, Q4_0}, "q4k": {DTypeBF16, QuantQ4K, Q4_K}, "q3": {DTypeBF16, QuantQ3, Q6_K},
	} {
		t.Run(name, func(t *testing.T) {
			k := 288
			if test.want.Super() {
				k = 512
			}
			source := SourceTensor{Name: "w", Shape: []int{rows, k}, DType: test.dtype}
			norm := SourceTensor{Name: "n", Shape: []int{k}, DType: DTypeBF16}
			sources := []SourceTensor{source, norm}
			if test.dtype == DTypeFP8 {
				sources = append(sources, ScalesOf(source))
			}
			inventory, err := NewInventory("random", sources)
			require.NoError(t, err)
			plan, err := BuildPlan([]Slot{
				{Name: "w", Matrices: []Parts{{Whole("w", rows, k)}}, Gain: 0.5},
				{Name: "n", Kind: Vector, Matrices: []Parts{{Whole("n", k)}}, Gain: 1},
			}, inventory, PlanOptions{Quant: test.quant})
			require.NoError(t, err)
			write := func(seed uint64) *Model {
				dst := filepath.Join(t.TempDir(), "model")
				_, err := WriteRandom(context.Background(), plan, Seed{Name: "random", Architecture: []byte("{}"), Tokenizer: []byte("{}")}, seed, dst, WriteOptions{})
				require.NoError(t, err)
				require.NoError(t, Verify(context.Background(), dst, nil))
				m, err := OpenModel(dst)
				require.NoError(t, err)
				return m
			}
			m := write(7)
			require.Equal(t, m.Shards, write(7).Shards, "the same seed gives the same bytes")
			require.NotEqual(t, m.Shards, write(8).Shards)

			tensor, _ := m.Tensor("w")
			require.Equal(t, test.want, tensor.Format)
			values, err := m.ReadTensor("w")
			require.NoError(t, err)
			require.InDelta(t, 0.5, deviation(values)*math.Sqrt(float64(k)), 0.05)
			require.InDelta(t, 0, mean(values)*math.Sqrt(float64(k)), 0.01, "as many of either sign")
			norms, err := m.ReadTensor("n")
			require.NoError(t, err)
			require.InDelta(t, 0.1, deviation(norms), 0.02)
			require.InDelta(t, 1, norms[0], 0.5)
		})
	}
}

func mean(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}

func deviation(values []float32) float64 {
	squares, m := 0.0, mean(values)
	for _, v := range values {
		squares += (float64(v) - m) * (float64(v) - m)
	}
	return math.Sqrt(squares / float64(len(values)))
}
