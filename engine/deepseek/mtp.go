package deepseek

import (
	"fmt"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// Draft records the multi-token-prediction module for every row of a step (DeepSeek-V3, section 2.2), after Trunk
// and in place of its logits: from the hidden state at position p and the token at p+1, logits for p+2.
//
//	h' = eh_proj [enorm(Emb(t_{p+1})) ; hnorm(h_p)], one decoder layer, the shared head
//
// The checkpoint wants the embedding first (the paper writes it second), and h_p after the final norm. The
// module's own cache row of p is written, so it must be fed every token in turn.
func (m *Model) Draft(rows int) *gpu.Recorder {
	c := m.Config
	r := m.Plan.Record(fmt.Sprintf("draft.%d", rows))
	layer := c.NumHiddenLayers
	width := align4(c.HiddenSize)

	next := temp(r, "next", rows, c.HiddenSize)
	m.embed(r, rows, 1, next)
	hidden := temp(r, "final", rows, c.HiddenSize)
	m.norm(r, rows, m.residual(), "final_norm", hidden)

	both := temp(r, "both", rows, 2*c.HiddenSize)
	m.norm(r, rows, next, SlotName(layer, "enorm"), both)
	both.offset = c.HiddenSize
	m.norm(r, rows, hidden, SlotName(layer, "hnorm"), both)
	both.offset = 0

	stream := activation{m.draft, width, 0}
	m.product(r, rows, m.layer(layer, "eh_proj"), both, gpu.Slice{}, 0, stream, false)
	m.decoder(r, layer, rows, stream)
	m.product(r, rows, m.head(), stream, m.vector(SlotName(layer, "head_norm")), c.RMSNormEps, m.logits(), false)
	return r
}

// norm records y = RMSNorm(x) by the named weight.
func (m *Model) norm(r *gpu.Recorder, rows int, x activation, name string, y activation) {
	r.Dispatch(shaders.RMSNorm(rows, shaders.RMSNormParams{
		Width: uint32(m.Config.HiddenSize), XStride: uint32(x.stride), YStride: uint32(y.stride), YOffset: uint32(y.offset), Epsilon: float32(m.Config.RMSNormEps),
	}), gpu.Bind{"x": x.slice, "norm": m.vector(name), "y": y.slice})
}
