// Package gqa is the architecture of DeepSeek-R1's distillations, told once: grouped-query attention and dense MLPs, as
// Qwen2, Llama 3 and Qwen3 have them. config.go says what a model's sizes are, weights.go which tensors it has, model.go
// and attention.go record what a GPU does with them.
//
// Sources: GQA (arXiv 2305.13245), Qwen2 (arXiv 2407.10671), Llama 3 (arXiv 2407.21783), Qwen3 (arXiv 2505.09388), and
// Hugging Face's layout of their checkpoints.
package gqa

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tabseek/engine/record"
	"tabseek/engine/rope"
)

// Config is a model's config.json in Hugging Face's spelling, after validation. It is also the "architecture" of a packed
// model.
type Config struct {
	ModelType     string   `json:"model_type"`
	Architectures []string `json:"architectures,omitempty"`

	VocabSize             int  `json:"vocab_size"`
	HiddenSize            int  `json:"hidden_size"`
	NumHiddenLayers       int  `json:"num_hidden_layers"`
	MaxPositionEmbeddings int  `json:"max_position_embeddings"`
	TieWordEmbeddings     bool `json:"tie_word_embeddings"`

	NumAttentionHeads int `json:"num_attention_heads"`
	NumKeyValueHeads  int `json:"num_key_value_heads"` // groups of heads that share keys and values
	HeadDim           int `json:"head_dim"`

	RMSNormEps       float64      `json:"rms_norm_eps"`
	RopeTheta        float64      `json:"rope_theta"`
	RopeScaling      *RopeScaling `json:"rope_scaling"`
	HiddenAct        string       `json:"hidden_act"`
	IntermediateSize int          `json:"intermediate_size"`
	DenseSlices      int          `json:"dense_slices"` // our own: see record.DenseSlices, which says it for a checkpoint
}

// RopeScaling is how the rotations are stretched to a longer context: type linear, llama3 or yarn.
type RopeScaling struct {
	Type                          string  `json:"type,omitempty"` // older spelling of RopeType
	RopeType                      string  `json:"rope_type"`
	Factor                        float64 `json:"factor"`
	OriginalMaxPositionEmbeddings int     `json:"original_max_position_embeddings,omitempty"`

	LowFreqFactor  float64 `json:"low_freq_factor,omitempty"` // of llama3
	HighFreqFactor float64 `json:"high_freq_factor,omitempty"`

	BetaFast        float64 `json:"beta_fast,omitempty"` // of yarn
	BetaSlow        float64 `json:"beta_slow,omitempty"`
	AttentionFactor float64 `json:"attention_factor,omitempty"` // on cos and sin; 0: what YaRN says for the factor
	// AttnFactor is multiplied in too. R1-0528-Qwen3-8B ships one that undoes YaRN's own, which is what its makers meant:
	// vLLM and llama.cpp honour it, transformers does not know the key.
	AttnFactor float64 `json:"attn_factor,omitempty"`

	RopeTheta float64 `json:"rope_theta,omitempty"` // only in rope_parameters
}

// extras are fields of a checkpoint's config.json that do not go into a packed model.
type extras struct {
	RopeParameters   *RopeScaling         `json:"rope_parameters"` // transformers 5: rope_theta and rope_scaling in one
	AttentionBias    bool                 `json:"attention_bias"`
	MLPBias          bool                 `json:"mlp_bias"`
	UseSlidingWindow bool                 `json:"use_sliding_window"`
	LayerTypes       []string             `json:"layer_types"`
	Quantization     *record.Quantization `json:"quantization_config"`
}

// families are what model types add to the attention that they share, and what their config classes (transformers 5) mean
// where a config.json leaves a key out.
var families = map[string]struct {
	bias, norm bool // biases of queries, keys and values; RMSNorm of each query and key
	rmsNormEps float64
	headDim    int // 0: hidden_size / num_attention_heads
}{
	"qwen2": {bias: true, rmsNormEps: 1e-6},
	"llama": {rmsNormEps: 1e-6},
	"qwen3": {norm: true, rmsNormEps: 1e-6, headDim: 128},
}

// ModelTypes are the model types whose forward pass is this package's.
var ModelTypes = []string{"qwen2", "llama", "qwen3"}

// ParseConfig reads and validates a config.json.
func ParseConfig(data []byte) (*Config, error) {
	c, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return c, nil
}

func parseConfig(data []byte) (*Config, error) {
	c := &Config{HiddenAct: "silu", RopeTheta: 10000}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, err
	}
	family, ok := families[c.ModelType]
	if !ok {
		return nil, fmt.Errorf("model_type %q is not supported, only %s", c.ModelType, strings.Join(ModelTypes, ", "))
	}
	if c.RMSNormEps == 0 {
		c.RMSNormEps = family.rmsNormEps
	}
	if c.HeadDim == 0 {
		c.HeadDim = family.headDim
	}
	if c.HeadDim == 0 && c.NumAttentionHeads > 0 {
		c.HeadDim = c.HiddenSize / c.NumAttentionHeads
	}
	if c.NumKeyValueHeads == 0 {
		c.NumKeyValueHeads = c.NumAttentionHeads
	}
	if err := c.adopt(data); err != nil {
		return nil, err
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.DenseSlices == 0 {
		c.DenseSlices = record.DenseSlices(c.HiddenSize, c.IntermediateSize)
	}
	return c, nil
}

// adopt takes over what the extras say, and refuses what they ask for that is not there.
func (c *Config) adopt(data []byte) error {
	var e extras
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	if e.RopeParameters != nil {
		c.RopeScaling = e.RopeParameters
	}
	if s := c.RopeScaling; s != nil {
		if s.RopeTheta != 0 {
			c.RopeTheta, s.RopeTheta = s.RopeTheta, 0
		}
		if s.RopeType == "" {
			s.RopeType = s.Type
		}
		s.Type = ""
		if s.RopeType == "default" || s.RopeType == "" && s.Factor == 0 {
			c.RopeScaling = nil
		}
	}
	switch {
	case e.AttentionBias:
		return fmt.Errorf("attention_bias is not supported")
	case e.MLPBias:
		return fmt.Errorf("mlp_bias is not supported")
	case e.UseSlidingWindow:
		return fmt.Errorf("use_sliding_window is not supported")
	}
	for layer, t := range e.LayerTypes {
		if t != "full_attention" {
			return fmt.Errorf("layer_types: layer %d is %q, only full_attention is supported", layer, t)
		}
	}
	return e.Quantization.Check()
}

// validate refuses configs that are absurd, inconsistent, or need something this package does not do.
func (c *Config) validate() error {
	if err := cmp.Or(
		record.Between("vocab_size", c.VocabSize, 1, 1<<20),
		record.Between("hidden_size", c.HiddenSize, 1, 1<<16),
		record.Between("num_hidden_layers", c.NumHiddenLayers, 1, 512),
		record.Between("max_position_embeddings", c.MaxPositionEmbeddings, 1, 1<<24),
		record.Between("num_attention_heads", c.NumAttentionHeads, 1, 1024),
		record.Between("num_key_value_heads", c.NumKeyValueHeads, 1, c.NumAttentionHeads),
		record.Between("head_dim", c.HeadDim, 2, 512),
		record.Between("intermediate_size", c.IntermediateSize, 1, 1<<18),
		record.Between("dense_slices", c.DenseSlices, 0, record.MaxVisits),
		record.CheckSlices(c.DenseSlices, c.IntermediateSize),
	); err != nil {
		return err
	}
	switch {
	case c.HeadDim%2 != 0:
		return fmt.Errorf("head_dim is %d, must be even", c.HeadDim)
	case c.NumAttentionHeads%c.NumKeyValueHeads != 0:
		return fmt.Errorf("num_attention_heads %d is not a multiple of num_key_value_heads %d", c.NumAttentionHeads, c.NumKeyValueHeads)
	case c.HiddenAct != "silu":
		return fmt.Errorf("hidden_act %q is not supported, only silu", c.HiddenAct)
	}
	return cmp.Or(record.Positive("rms_norm_eps", c.RMSNormEps), record.Positive("rope_theta", c.RopeTheta), c.validateRope())
}

func (c *Config) validateRope() error {
	s := c.RopeScaling
	if s == nil {
		return nil
	}
	if !slices.Contains([]string{"linear", "llama3", "yarn"}, s.RopeType) {
		return fmt.Errorf("rope_scaling type %q is not supported, only linear, llama3 and yarn", s.RopeType)
	}
	if !(s.Factor >= 1) || s.Factor > 1e4 {
		return fmt.Errorf("rope_scaling factor is %g, must be 1 to 10000", s.Factor)
	}
	if s.RopeType == "linear" {
		return nil
	}
	if s.OriginalMaxPositionEmbeddings < 1 {
		return fmt.Errorf("rope_scaling original_max_position_embeddings is %d, must be positive", s.OriginalMaxPositionEmbeddings)
	}
	if s.RopeType == "llama3" {
		if !(s.LowFreqFactor > 0) || !(s.HighFreqFactor > s.LowFreqFactor) {
			return fmt.Errorf("rope_scaling low_freq_factor is %g and high_freq_factor %g, must be positive and rising", s.LowFreqFactor, s.HighFreqFactor)
		}
		return nil
	}
	if s.BetaFast == 0 {
		s.BetaFast = 32
	}
	if s.BetaSlow == 0 {
		s.BetaSlow = 1
	}
	switch {
	case s.BetaFast < 0 || s.BetaSlow < 0 || s.AttentionFactor < 0 || s.AttnFactor < 0:
		return fmt.Errorf("rope_scaling beta_fast %g, beta_slow %g, attention_factor %g, attn_factor %g: must not be negative", s.BetaFast, s.BetaSlow, s.AttentionFactor, s.AttnFactor)
	case c.RopeTheta == 1:
		return fmt.Errorf("rope_theta is 1, too small for yarn")
	}
	return nil
}

// Dimensions are the sizes that every architecture has.
func (c *Config) Dimensions() record.Dimensions {
	return record.Dimensions{
		ModelType: c.ModelType, Attention: "GQA", VocabSize: c.VocabSize, HiddenSize: c.HiddenSize, Layers: c.NumHiddenLayers,
		MaxPositions: c.MaxPositionEmbeddings, CacheWidth: c.CacheWidth(), FullWidth: 2 * c.NumAttentionHeads * c.HeadDim, Heads: c.NumAttentionHeads,
		TiedHead: c.TieWordEmbeddings,
	}
}

// CacheWidth is the width of a cached row: a key and a value of every group of heads.
func (c *Config) CacheWidth() int { return 2 * c.NumKeyValueHeads * c.HeadDim }

// Frequencies are the angular frequencies of the HeadDim/2 rotated pairs.
func (c *Config) Frequencies() []float64 {
	s := c.RopeScaling
	if s == nil {
		return rope.Frequencies(c.RopeTheta, c.HeadDim)
	}
	switch s.RopeType {
	case "llama3":
		l := rope.Llama3{Factor: s.Factor, Low: s.LowFreqFactor, High: s.HighFreqFactor, Original: s.OriginalMaxPositionEmbeddings}
		return l.Frequencies(c.RopeTheta, c.HeadDim)
	case "yarn":
		y := rope.Yarn{Factor: s.Factor, Original: s.OriginalMaxPositionEmbeddings, BetaFast: s.BetaFast, BetaSlow: s.BetaSlow}
		return y.Frequencies(c.RopeTheta, c.HeadDim)
	}
	frequencies := rope.Frequencies(c.RopeTheta, c.HeadDim)
	for i := range frequencies {
		frequencies[i] /= s.Factor
	}
	return frequencies
}

// Magnitude is the factor on cos and sin.
func (c *Config) Magnitude() float64 {
	s := c.RopeScaling
	if s == nil || s.RopeType != "yarn" {
		return 1
	}
	magnitude := s.AttentionFactor
	if magnitude == 0 {
		magnitude = rope.Magnitude(s.Factor, 1)
	}
	if s.AttnFactor != 0 {
		magnitude *= s.AttnFactor
	}
	return magnitude
}
