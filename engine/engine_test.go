package engine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
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

// Whoever opens a model is told which attention it has.
func TestAttention(t *testing.T) {
	for want, config := range map[message.Attention]enginetest.Config{message.MLA: enginetest.V2(), message.GQA: enginetest.Qwen2()} {
		packed, _ := enginetest.Case{Config: config}.Pack(t, weights.QuantKeep, weights.Seed{Name: "x"})
		require.Equal(t, want, enginetest.Open(t, packed, refgpu.New(), engine.Options{}, nil).Ready.Model.Attention)
	}
}

// A model whose buffers a device cannot bind is refused before anything of it is fetched.
func TestLargeBuffers(t *testing.T) {
	packed := enginetest.PackTiny(t)
	model, err := weights.OpenModel(packed)
	require.NoError(t, err)
	manifest, err := model.Marshal()
	require.NoError(t, err)
	tokenizer, err := model.ReadTokenizer()
	require.NoError(t, err)
	size := uint64(model.Buffers[0].Size)
	for name, narrow := range map[string]func(*gpu.Info){
		"binding": func(i *gpu.Info) { i.MaxBindingSize = size - 4 },
		"buffer":  func(i *gpu.Info) { i.MaxBufferSize = size - 4 },
	} {
		t.Run(name, func(t *testing.T) {
			device := gpu.MinimumInfo()
			device.Name = "small"
			narrow(&device)
			_, err := engine.Open(manifest, tokenizer, device, engine.Options{})
			require.EqualError(t, err, fmt.Sprintf("weight buffer 0 has %d bytes, device small takes %d", size, size-4))
			var refused *message.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, message.BadModel, refused.Code)
		})
	}
}
