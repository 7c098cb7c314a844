package deepseek

import (
	"fmt"
	"math"

	"tabseek/engine/gpu"
	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// A Model is a checkpoint of this architecture laid out on a GPU.
type Model struct {
	*record.Model
	Config *Config

	Latents []*gpu.Buffer // of each layer: [Pages, shaders.PageSize, LatentWidth]

	layers []layerWeights // the MTP module's layers follow the model's own
}

// layerWeights are the weights of a layer, as the recordings use them; nil where a layer has none.
type layerWeights struct {
	attnNorm, qANorm, kvANorm, ffnNorm record.Norm
	qkvA, qB, kB, vB, o                *record.Weight
	router, gateUp, down               *record.Weight
	gateUpShared, downShared           *record.Weight // where they are apart
	routerBias                         gpu.Slice

	// of an MTP layer
	eNorm, hNorm, headNorm record.Norm
	ehProj                 *record.Weight
}

// NewModel lays a packed model out.
func (c *Config) NewModel(manifest *weights.Manifest, options record.Options) (record.Architecture, error) {
	return NewModel(c, manifest, options)
}

// NewModel lays a packed model out.
func NewModel(config *Config, manifest *weights.Manifest, options record.Options) (*Model, error) {
	if options.Context < 1 || options.Context > config.MaxPositionEmbeddings {
		return nil, fmt.Errorf("deepseek: context of %d positions, the model takes 1 to %d", options.Context, config.MaxPositionEmbeddings)
	}
	sizes := record.Sizes{
		VocabSize: config.VocabSize, HiddenSize: config.HiddenSize, RopeHeadDim: config.QKRopeHeadDim, TiedHead: config.TieWordEmbeddings,
		Epsilon: config.RMSNormEps, Context: options.Context, Sequences: options.Sequences, Pages: options.Pages, DenseSlices: config.DenseSlices,
	}
	for layer := range config.NumHiddenLayers {
		experts := 0
		if config.IsMoE(layer) {
			experts = config.NRoutedExperts
		}
		sizes.Experts = append(sizes.Experts, experts)
	}
	sizes.EmbedScale = config.ScaleEmb
	if config.ScaleDepth > 0 {
		sizes.ResidualScale = config.ScaleDepth / math.Sqrt(float64(config.NumHiddenLayers))
	}
	if config.DimModelBase > 0 {
		sizes.LogitScale = config.DimModelBase / float64(config.HiddenSize)
	}
	base, err := record.NewModel(manifest, config.Shapes(), sizes, config.RopeTable(sizes.Context, sizes.Stride()))
	if err != nil {
		return nil, fmt.Errorf("deepseek: %w", err)
	}
	m := &Model{Model: base, Config: config}
	for layer := range config.Layers() {
		m.layers = append(m.layers, m.layerWeights(layer))
		m.Latents = append(m.Latents, m.Cache(fmt.Sprintf("latent.%d", layer), config.LatentWidth()))
	}
	return m, nil
}

// layerWeights finds a layer's weights among the packed tensors.
func (m *Model) layerWeights(layer int) layerWeights {
	weight := func(name string) *record.Weight { return m.Weights[record.SlotName(layer, name)] }
	norm := func(name string, epsilon float64) record.Norm {
		return record.Norm{Weight: m.Weights.Vector(record.SlotName(layer, name)), Epsilon: epsilon}
	}
	epsilon := m.Config.RMSNormEps
	return layerWeights{
		attnNorm: norm("attn_norm", epsilon), qANorm: norm("q_a_norm", latentNormEps), kvANorm: norm("kv_a_norm", latentNormEps), ffnNorm: norm("ffn_norm", epsilon),
		qkvA: weight("qkv_a"), qB: weight("q_b"), kB: weight("k_b"), vB: weight("v_b"), o: weight("o"),
		router: weight("router"), routerBias: m.Weights.Vector(record.SlotName(layer, "router_bias")),
		gateUp: weight("gate_up"), down: weight("down"), gateUpShared: weight("gate_up_shared"), downShared: weight("down_shared"),
		eNorm: norm("enorm", epsilon), hNorm: norm("hnorm", epsilon), headNorm: norm("head_norm", epsilon), ehProj: weight("eh_proj"),
	}
}

// Base is the part that every architecture shares.
func (m *Model) Base() *record.Model { return m.Model }

// Trunk records one step of the main model: from the rows' tokens to the residual stream after the last layer.
func (m *Model) Trunk(r *gpu.Recorder, rows int, at *gpu.Buffer) {
	m.Start(r, rows, at)
	for layer := range m.Config.NumHiddenLayers {
		m.decoder(r, layer, rows, at, m.Residual)
	}
}

// Layer records the last layer: one with experts, if any has them.
func (m *Model) Layer(r *gpu.Recorder, rows int) {
	m.decoder(r, m.Config.NumHiddenLayers-1, rows, nil, m.Residual)
}

// decoder records one pre-norm residual block: h += Attention(norm(h)); h += FFN(norm(h)).
func (m *Model) decoder(r *gpu.Recorder, layer, rows int, at *gpu.Buffer, h record.Activation) {
	m.attention(r, layer, rows, h)
	m.ffn(r, layer, rows, at, h)
}
