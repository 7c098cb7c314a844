package gqa

import (
	"fmt"

	"tabseek/engine/gpu"
	"tabseek/engine/record"
	"tabseek/engine/rope"
	"tabseek/engine/weights"
)

// A Model is a checkpoint of this architecture laid out on a GPU.
type Model struct {
	*record.Model
	Config *Config

	Caches []*gpu.Buffer // of each layer: [Pages, shaders.PageSize, NumKeyValueHeads, key | value]

	layers []layerWeights
}

// layerWeights are the weights of a layer, as the recordings use them; nil where a layer has none.
type layerWeights struct {
	attnNorm, ffnNorm    record.Norm
	qkv, o, gateUp, down *record.Weight
	qBias, kBias, vBias  gpu.Slice
	qNorm, kNorm         gpu.Slice
}

// NewModel lays a packed model out.
func (c *Config) NewModel(manifest *weights.Manifest, options record.Options) (record.Architecture, error) {
	if options.Context < 1 || options.Context > c.MaxPositionEmbeddings {
		return nil, fmt.Errorf("gqa: context of %d positions, the model takes 1 to %d", options.Context, c.MaxPositionEmbeddings)
	}
	sizes := record.Sizes{
		VocabSize: c.VocabSize, HiddenSize: c.HiddenSize, RopeHeadDim: c.HeadDim, TiedHead: c.TieWordEmbeddings, DenseSlices: c.DenseSlices,
		Epsilon: c.RMSNormEps, Context: options.Context, Sequences: options.Sequences, Pages: options.Pages,
	}
	base, err := record.NewModel(manifest, c.Shapes(), sizes, rope.Table(c.Frequencies(), c.Magnitude(), sizes.Stride()))
	if err != nil {
		return nil, fmt.Errorf("gqa: %w", err)
	}
	m := &Model{Model: base, Config: c}
	for layer := range c.NumHiddenLayers {
		m.layers = append(m.layers, m.layerWeights(layer))
		m.Caches = append(m.Caches, m.Cache(fmt.Sprintf("cache.%d", layer), c.CacheWidth()))
	}
	return m, nil
}

// layerWeights finds a layer's weights among the packed tensors.
func (m *Model) layerWeights(layer int) layerWeights {
	weight := func(name string) *record.Weight { return m.Weights[record.SlotName(layer, name)] }
	vector := func(name string) gpu.Slice { return m.Weights.Vector(record.SlotName(layer, name)) }
	norm := func(name string) record.Norm { return record.Norm{Weight: vector(name), Epsilon: m.Config.RMSNormEps} }
	return layerWeights{
		attnNorm: norm("attn_norm"), ffnNorm: norm("ffn_norm"),
		qkv: weight("qkv"), o: weight("o"), gateUp: weight("gate_up"), down: weight("down"),
		qBias: vector("q_bias"), kBias: vector("k_bias"), vBias: vector("v_bias"), qNorm: vector("q_norm"), kNorm: vector("k_norm"),
	}
}

// Base is the part that every architecture shares.
func (m *Model) Base() *record.Model { return m.Model }

// Trunk records one step of the model: from the rows' tokens to the residual stream after the last layer.
func (m *Model) Trunk(r *gpu.Recorder, rows int, at *gpu.Buffer) {
	m.Start(r, rows, at)
	for layer := range m.layers {
		m.decoder(r, layer, rows, m.Residual)
	}
}

// Layer records the last layer.
func (m *Model) Layer(r *gpu.Recorder, rows int) { m.decoder(r, len(m.layers)-1, rows, m.Residual) }

// decoder records one pre-norm residual block: h += Attention(norm(h)); h += MLP(norm(h)).
func (m *Model) decoder(r *gpu.Recorder, layer, rows int, h record.Activation) {
	m.attention(r, layer, rows, h)
	w := &m.layers[layer]
	width := m.Config.IntermediateSize / m.Config.DenseSlices
	x, norm := m.NormFirst(r, rows, m.Config.HiddenSize, h, w.ffnNorm)
	m.FeedForward(r, rows, record.Experts{
		Norm: norm, Stacks: []record.Stack{{GateUp: w.gateUp, Down: w.down, Channels: width}}, Routes: m.Dense, Visits: m.Config.DenseSlices, Width: width,
	}, x, h)
}

// Drafts tells whether there is a module that drafts: these models have none.
func (m *Model) Drafts() bool { return false }

// Draft is never asked for.
func (m *Model) Draft(*gpu.Recorder, int, *gpu.Buffer, record.Activation) record.Activation {
	panic("gqa: the model drafts nothing")
}

// DraftHead is never asked for.
func (m *Model) DraftHead(*gpu.Recorder, int, record.Activation) {
	panic("gqa: the model drafts nothing")
}
