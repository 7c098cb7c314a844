package enginetest

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/architecture"
	"tabseek/engine/gpu"
	"tabseek/engine/weights"
)

// unpack reads a packed model back into the checkpoint's tensors, dequantised, by going the way of the slot table backwards.
func unpack(t testing.TB, c Config, packed string) *Reference {
	config, err := architecture.Parse(c.JSON())
	require.NoError(t, err)
	model, err := weights.OpenModel(packed)
	require.NoError(t, err)
	r := &Reference{n: c.numbers(), weights: map[string]matrix{}, Margin: math.Inf(1)}
	for _, slot := range config.Table() {
		values, err := model.ReadTensor(slot.Name)
		require.NoError(t, err)
		tensor, ok := model.Manifest.Tensor(slot.Name)
		require.True(t, ok)
		_, rows, k := tensor.Dims()
		for i, parts := range slot.Matrices {
			for j, view := range parts {
				first := i * rows
				if j > 0 {
					first += tensor.PartsAt[j]
				}
				r.place(view, values[first*k:], k)
			}
		}
	}
	return r
}

// place puts the rows of a view, k numbers each, where they come from.
func (r *Reference) place(view weights.View, values []float32, k int) {
	m, ok := r.weights[view.Source]
	if !ok {
		m = matrix{1, view.Shape[len(view.Shape)-1], make([]float64, product(view.Shape))}
		if len(view.Shape) == 2 {
			m.rows = view.Shape[0]
		}
		r.weights[view.Source] = m
	}
	for row := range view.Rows {
		for col := range view.Cols {
			at := row*k + col
			if view.Transpose {
				at = col*k + row
			}
			m.values[(view.RowStart+row)*m.cols+view.ColStart+col] = float64(values[at])
		}
	}
}

// RunPacked packs the case in a quantisation and compares the engine with the formulas over the numbers that the packed
// model holds: so the kernels are exact for the format, however coarse it is.
func (c Case) RunPacked(t testing.TB, quant weights.Quant, device gpu.Device, tolerance Tolerance) {
	packed, checkpoint := c.Pack(t, quant, weights.Seed{Name: c.Name})
	for seed := 1; ; seed++ {
		x := &expected{checkpoint: checkpoint}
		for i := range 9 {
			x.tokens = append(x.tokens, (seed*41+i*i*13)%256)
		}
		if x.compute(unpack(t, c.Config, packed), true) {
			x.compare(t, Open(t, packed, device, engine.Options{}, nil), tolerance)
			return
		}
		require.Less(t, seed, 40, "no prompt without near-ties found")
	}
}

// CheckKept packs the case without requantising: every number must come through as it is.
func (c Case) CheckKept(t testing.TB) {
	packed, checkpoint := c.Pack(t, weights.QuantKeep, weights.Seed{Name: c.Name})
	got := unpack(t, c.Config, packed).weights
	for name, want := range checkpoint.Reference().weights {
		if _, ok := got[name]; !ok && unneeded(name) {
			continue
		}
		for i, v := range want.values {
			// float32, because an FP8 code times its scale may be rounded to it; all other formats fit into it.
			if g := got[name].values[i]; float32(v) != float32(g) {
				t.Fatalf("%s [%d %d] is %g, want %g", name, i/want.cols, i%want.cols, g, v)
			}
		}
	}
}

// unneeded are the copies that an MTP layer has of the main model's embedding and head.
func unneeded(name string) bool {
	return strings.HasSuffix(name, ".shared_head.head.weight") || strings.HasPrefix(name, "model.layers.") && strings.HasSuffix(name, ".embed_tokens.weight")
}
