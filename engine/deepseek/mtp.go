package deepseek

import (
	"tabseek/engine/gpu"
	"tabseek/engine/record"
)

// Drafts tells whether the model has a multi-token-prediction module.
func (m *Model) Drafts() bool { return m.Config.NumNextNPredictLayers > 0 }

// Draft records the multi-token-prediction module for every row of a step (DeepSeek-V3, section 2.2): from the hidden state at
// position p and the token at p+1 to a hidden state, of which DraftHead makes logits for p+2.
//
//	h' = eh_proj [enorm(Emb(t_{p+1})) ; hnorm(h_p)], one decoder layer, the shared head
//
// The checkpoint wants the embedding first (the paper writes it second), and h_p after the final norm. The
// module's own cache row of p is written, so it must be fed every token in turn.
func (m *Model) Draft(r *gpu.Recorder, rows int, at *gpu.Buffer, hidden record.Activation) record.Activation {
	c := m.Config
	layer := c.NumHiddenLayers
	w := m.layers[layer]

	next := record.Temp(r, "next", rows, c.HiddenSize)
	m.Embed(r, rows, at, 1, next)
	both := record.Temp(r, "both", rows, 2*c.HiddenSize)
	m.Normalise(r, rows, c.HiddenSize, next, w.eNorm, both)
	m.Normalise(r, rows, c.HiddenSize, hidden, w.hNorm, both.At(c.HiddenSize))

	draft := record.Temp(r, "draft", rows, c.HiddenSize)
	m.Product(r, rows, w.ehProj, both, record.Norm{}, draft)
	m.decoder(r, layer, rows, at, draft)
	return draft
}

// DraftHead records the logits of a hidden state of the module.
func (m *Model) DraftHead(r *gpu.Recorder, rows int, hidden record.Activation) {
	m.Head(r, rows, hidden, m.layers[m.Config.NumHiddenLayers].headNorm)
}
