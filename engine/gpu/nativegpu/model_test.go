package nativegpu_test

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/weights"
	"tabseek/shaders"
)

// onGPU tells whether a case is run here: TABSEEK_MODELS=all has all of them run.
func onGPU(c enginetest.Case) bool { return c.Native || os.Getenv("TABSEEK_MODELS") == "all" }

// Whole models on the GPU agree with the published formulas in float64.
func TestModels(t *testing.T) {
	for _, c := range enginetest.Cases() {
		if onGPU(c) {
			t.Run(c.Name, func(t *testing.T) { c.Run(t, open(t), enginetest.Native32) })
		}
	}
}

// Quantised ones too, over their quantised numbers.
func TestQuantisedModels(t *testing.T) {
	for _, c := range enginetest.Quantised() {
		for _, quant := range []weights.Quant{weights.QuantQ8, weights.QuantQ4} {
			if onGPU(c) {
				t.Run(c.Name+" "+string(quant), func(t *testing.T) { c.RunPacked(t, quant, open(t), enginetest.Native32) })
			}
		}
	}
}

// What is not a number stays so on its way through every kernel, and ends the answer.
func TestNumericFault(t *testing.T) {
	packed, _ := enginetest.Case{Config: enginetest.V2()}.Pack(t, weights.QuantKeep, weights.Seed{Name: "small"})
	for _, tensor := range []string{"final_norm", "layers.1.ffn_norm", "layers.0.ffn_norm", "layers.0.kv_a_norm", "layers.0.attn_norm"} {
		t.Run(tensor, func(t *testing.T) {
			h := enginetest.Open(t, packed, open(t), engine.Options{Context: 50}, enginetest.Fill(t, packed, tensor, float32(math.NaN())))
			ids, last := h.Generate([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, enginetest.Greedy(20))
			require.Empty(t, ids)
			require.Equal(t, message.NumericFault, last.Code, last.Message)
		})
	}
}

func TestRowsKeepToThemselves(t *testing.T) {
	open := func(t *testing.T) gpu.Device { return open(t) }
	enginetest.RowsKeepToThemselves(t, open, shaders.Minimum().String(), "f32 lanes=8 rows=4", "f32 lanes=1 rows=8 norm-first")
}
