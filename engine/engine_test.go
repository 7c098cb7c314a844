package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/weights"
)

func TestGoldens(t *testing.T) {
	for _, name := range need.Goldens {
		t.Run(name, func(t *testing.T) {
			golden := enginetest.ReadGolden(t, name)
			packed := enginetest.Pack(t, golden.Folder, weights.PlanOptions{Quant: weights.QuantKeep}, weights.Seed{Name: name})
			h := enginetest.Open(t, packed, refgpu.New(), engine.Options{}, nil)
			for _, mode := range []string{"prefill", "decode"} {
				main, drafts := h.Logits(golden.Tokens, mode, golden.Drafts != nil)
				require.LessOrEqual(t, enginetest.Worst(main, golden.Logits), enginetest.GoldenBound, mode)
				require.LessOrEqual(t, enginetest.Worst(drafts, golden.Drafts), enginetest.GoldenBound, "drafts by "+mode)
			}
			ids, _ := h.Generate(golden.Tokens, enginetest.Greedy(len(golden.Greedy)))
			require.Equal(t, golden.Greedy, ids)
		})
	}
}
