package deepseek

import (
	"tabseek/engine/gpu"
	"tabseek/engine/record"
)

// Drafts tells whether the model has a multi-token-prediction module.
func (m *Model) Drafts() bool { return m.Config.NumNextNPredictLayers > 0 }

// Draft records the multi-token-prediction module for every row of a step (DeepSeek-V3, section 2.2), after Trunk
// and in place of its logits: from the hidden state at position p and the token at p+1, logits for p+2.
//
//	h' = eh_proj [enorm(Emb(t_{p+1})) ; hnorm(h_p)], one decoder layer, the shared head
//
// The checkpoint wants the embedding first (the paper writes it second), and h_p after the final norm. The
// module's own cache row of p is written, so it must be fed every token in turn.
func (m *Model) Draft(r *gpu.Recorder, rows int, at *gpu.Buffer) {
	c := m.Config
	layer := c.NumHiddenLayers
	w := m.layers[layer]

	next := record.Temp(r, "next", rows, c.HiddenSize)
	m.Embed(r, rows, at, 1, next)
	hidden := record.Temp(r, "final", rows, c.HiddenSize)
	m.Normalise(r, rows, m.Residual, m.FinalNorm(), hidden)

	both := record.Temp(r, "both", rows, 2*c.HiddenSize)
	m.Normalise(r, rows, next, w.eNorm, both)
	m.Normalise(r, rows, hidden, w.hNorm, both.At(c.HiddenSize))

	m.Product(r, rows, w.ehProj, both, record.Norm{}, m.draft)
	m.decoder(r, layer, rows, m.draft)
	m.Head(r, rows, m.draft, w.headNorm)
}
