package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/gpu/nullgpu"
	"tabseek/engine/message"
)

func measured(t *testing.T, events []message.Event) []message.Measured {
	var list []message.Measured
	for _, e := range events {
		require.NotEqual(t, message.Failed, e.Type, e.Message)
		if e.Measured != nil {
			list = append(list, *e.Measured)
		}
	}
	require.Equal(t, message.Done, events[len(events)-1].Type)
	return list
}

// What a step reads of the weights adds up to what the model is said to read of them for a token, and its answers are none the worse
// for having been timed.
func TestMeasureStep(t *testing.T) {
	for name, config := range map[string]enginetest.Config{"v2": enginetest.V2(), "v3": enginetest.V3(), "qwen2": enginetest.Qwen2()} {
		t.Run(name, func(t *testing.T) {
			packed := packDrafting(t, config)
			h := enginetest.Open(t, packed, nullgpu.New(), engine.Options{Context: 300}, nil)
			list := measured(t, h.Ask(message.Request{Type: message.Timing, ID: 1, Measure: &message.Measure{Depth: 100}}))
			require.Equal(t, "probe_read", list[0].Kernel)
			require.Equal(t, "probe_fma", list[1].Kernel)
			bytes, dispatches := int64(0), 0
			for _, m := range list[2:] {
				if m.Kernel != "mla_decode" && m.Kernel != "gqa_decode" && m.Kernel != "embed" {
					bytes += m.Bytes * int64(m.Count)
				}
				dispatches += m.Count
			}
			require.InEpsilon(t, h.Ready.Model.BytesPerToken, bytes, 0.01)
			require.Greater(t, dispatches, 10)
			require.Zero(t, h.Engine.PagesInUse())
		})
	}
	packed := packSmall(t)
	h := openSmall(t, packed, engine.Options{Context: 60})
	want, _ := h.Generate(prompt(9, 0), sampled(20, 3))
	h.Engine.Request(message.Request{Type: message.Timing, ID: 2, Measure: &message.Measure{Batch: 2, Depth: 30}})
	h.Engine.Request(message.Request{Type: message.Cancel, ID: 2})
	got, _ := h.Generate(prompt(9, 0), sampled(20, 3))
	require.Equal(t, want, got)
}

func TestMeasureProduct(t *testing.T) {
	h := enginetest.Open(t, packSmall(t), nullgpu.New(), engine.Options{}, nil)
	for range 2 {
		clear(h.Counts)
		list := measured(t, h.Ask(message.Request{Type: message.Timing, ID: 1, Measure: &message.Measure{Rows: 2048, Columns: 1408, Format: "q4_0", Batch: 4}}))
		require.Len(t, list, 3)
		require.Equal(t, "matvec", list[2].Kernel)
		require.EqualValues(t, 2048*1408/32*18, list[2].Bytes)
		require.EqualValues(t, 2*4*2048*1408, list[2].Flops)
	}
	require.Zero(t, h.Counts["create"], "the second time it is there")
	for name, m := range map[string]message.Measure{
		"measure.format": {Rows: 10, Columns: 32, Format: "q9"}, "measure.columns": {Rows: 10, Columns: 32, Format: "q4_k"},
		"measure.rows": {Columns: 32}, "measure.batch": {Batch: 3}, "measure.depth": {Depth: 1 << 20},
	} {
		events := h.Ask(message.Request{Type: message.Timing, ID: 1, Measure: &m})
		require.Equal(t, []any{message.Failed, name}, []any{events[0].Type, events[0].Param}, events[0].Message)
	}
}
