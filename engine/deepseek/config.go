// Package deepseek is the DeepSeek architecture, told once: config.go says what a model's sizes are, weights.go
// which tensors it has, attention.go, moe.go, mtp.go and model.go record what a GPU does with them.
//
// Sources: DeepSeek-V2 (arXiv 2405.04434), DeepSeek-V3 (arXiv 2412.19437). It knows no device, no tokenizer
// and no file: a config is JSON, weights are slots, work is a gpu.Recording.
package deepseek

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"tabseek/engine/record"
	"tabseek/engine/rope"
)

// Config is a model's config.json in Hugging Face's spelling, after validation. It is also the "architecture"
// of a packed model.
type Config struct {
	ModelType     string   `json:"model_type"`
	Architectures []string `json:"architectures,omitempty"`

	VocabSize             int  `json:"vocab_size"`
	HiddenSize            int  `json:"hidden_size"`
	NumHiddenLayers       int  `json:"num_hidden_layers"`
	NumNextNPredictLayers int  `json:"num_nextn_predict_layers"`
	MaxPositionEmbeddings int  `json:"max_position_embeddings"`
	TieWordEmbeddings     bool `json:"tie_word_embeddings"`

	NumAttentionHeads int `json:"num_attention_heads"`
	QLoraRank         int `json:"q_lora_rank"` // 0: queries are not compressed
	KVLoraRank        int `json:"kv_lora_rank"`
	QKNopeHeadDim     int `json:"qk_nope_head_dim"`
	QKRopeHeadDim     int `json:"qk_rope_head_dim"`
	VHeadDim          int `json:"v_head_dim"`

	RMSNormEps     float64      `json:"rms_norm_eps"`
	RopeTheta      float64      `json:"rope_theta"`
	RopeScaling    *RopeScaling `json:"rope_scaling"`
	RopeInterleave *bool        `json:"rope_interleave,omitempty"`
	AttentionBias  bool         `json:"attention_bias"`
	HiddenAct      string       `json:"hidden_act"` // silu, or relu2: relu(up x)^2 without a gate

	ScaleEmb     float64 `json:"scale_emb,omitempty"`      // MiniCPM's: on embeddings
	ScaleDepth   float64 `json:"scale_depth,omitempty"`    // over the root of the number of layers, on what they add
	DimModelBase float64 `json:"dim_model_base,omitempty"` // over hidden_size, on logits

	IntermediateSize    int     `json:"intermediate_size"`
	DenseSlices         int     `json:"dense_slices"`           // our own: see record.DenseSlices, which says it for a checkpoint
	HeadsApart          bool    `json:"-"`                      // our own: the checkpoint has a head's K and V instead of kv_b_proj
	SharedApart         bool    `json:"shared_apart,omitempty"` // our own: shared experts have tensors, and formats, of their own
	FirstKDenseReplace  int     `json:"first_k_dense_replace"`
	MoELayerFreq        int     `json:"moe_layer_freq"`
	NRoutedExperts      int     `json:"n_routed_experts"`
	NSharedExperts      int     `json:"n_shared_experts"`
	NumExpertsPerTok    int     `json:"num_experts_per_tok"`
	MoEIntermediateSize int     `json:"moe_intermediate_size"`
	ScoringFunc         string  `json:"scoring_func"`
	TopKMethod          string  `json:"topk_method"`
	NGroup              int     `json:"n_group"`
	TopKGroup           int     `json:"topk_group"`
	NormTopKProb        bool    `json:"norm_topk_prob"`
	RoutedScalingFactor float64 `json:"routed_scaling_factor"`
}

// RopeScaling is the YaRN block of a config. Absent fields take the defaults of DeepSeek's own rotary embedding.
type RopeScaling struct {
	Type                          string  `json:"type"`
	RopeType                      string  `json:"rope_type,omitempty"` // newer spelling of Type
	Factor                        float64 `json:"factor"`
	OriginalMaxPositionEmbeddings int     `json:"original_max_position_embeddings"`
	BetaFast                      float64 `json:"beta_fast"`
	BetaSlow                      float64 `json:"beta_slow"`
	MScale                        float64 `json:"mscale"`
	MScaleAllDim                  float64 `json:"mscale_all_dim"`
	RopeTheta                     float64 `json:"rope_theta,omitempty"` // only in rope_parameters

	ShortFactor []float64 `json:"short_factor,omitempty"` // of longrope: what the frequency of each pair is divided by,
	LongFactor  []float64 `json:"long_factor,omitempty"`  // in contexts longer than the original
}

// UnmarshalJSON fills in the defaults.
func (s *RopeScaling) UnmarshalJSON(data []byte) error {
	type plain RopeScaling
	p := plain{BetaFast: 32, BetaSlow: 1, MScale: 1}
	err := json.Unmarshal(data, &p)
	*s = RopeScaling(p)
	return err
}

// extras are fields of a checkpoint's config.json that do not go into a packed model.
type extras struct {
	RopeParameters      *RopeScaling         `json:"rope_parameters"` // transformers 5: rope_theta and rope_scaling in one
	PartialRotaryFactor *float64             `json:"partial_rotary_factor"`
	MLPLayerTypes       []string             `json:"mlp_layer_types"`
	Quantization        *record.Quantization `json:"quantization_config"`
}

// ModelTypes are the model types whose forward pass is this package's.
var ModelTypes = []string{"deepseek_v2", "deepseek_v3", "kimi_k2", "youtu_llm", "youtu", "glm4_moe_lite", "minicpm3", "plm"}

// latentNormEps is the epsilon of q_a_layernorm and kv_a_layernorm: Hugging Face builds both with the class's
// default, whatever rms_norm_eps says.
const latentNormEps = 1e-6

// ParseConfig reads and validates a config.json.
func ParseConfig(data []byte) (*Config, error) {
	c, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return c, nil
}

func parseConfig(data []byte) (*Config, error) {
	data, err := complete(data)
	if err != nil {
		return nil, err
	}
	c := new(Config)
	if err := json.Unmarshal(data, c); err != nil {
		return nil, err
	}
	if !slices.Contains(ModelTypes, c.ModelType) {
		return nil, fmt.Errorf("model_type %q is not supported, only %s", c.ModelType, strings.Join(ModelTypes, ", "))
	}
	if err := c.adopt(data); err != nil {
		return nil, err
	}
	if c.ModelType == "minicpm3" && c.VHeadDim == 0 && c.NumAttentionHeads > 0 {
		c.VHeadDim = c.HiddenSize / c.NumAttentionHeads // its class has no key for it
	}
	c.normalise()
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.DenseSlices == 0 {
		c.DenseSlices = record.DenseSlices(c.HiddenSize, c.IntermediateSize)
	}
	return c, nil
}

// adopt takes over what the extras say.
func (c *Config) adopt(data []byte) error {
	var e extras
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	if e.RopeParameters != nil {
		c.RopeScaling = e.RopeParameters
	}
	if s := c.RopeScaling; s != nil && s.RopeTheta != 0 {
		c.RopeTheta, s.RopeTheta = s.RopeTheta, 0
	}
	if f := e.PartialRotaryFactor; f != nil && *f != 1 {
		return fmt.Errorf("partial_rotary_factor is %g, only 1 is supported", *f)
	}
	if e.MLPLayerTypes != nil {
		if err := c.adoptLayerTypes(e.MLPLayerTypes); err != nil {
			return fmt.Errorf("mlp_layer_types: %w", err)
		}
	}
	return e.Quantization.Check()
}

// adoptLayerTypes reads the newer spelling of first_k_dense_replace.
func (c *Config) adoptLayerTypes(types []string) error {
	if len(types) < c.NumHiddenLayers {
		return fmt.Errorf("%d entries for %d layers", len(types), c.NumHiddenLayers)
	}
	dense := slices.IndexFunc(types, func(t string) bool { return t != "dense" })
	if dense < 0 {
		dense = len(types)
	}
	for layer, t := range types[dense:] {
		if t != "sparse" {
			return fmt.Errorf("layer %d is %q: only dense layers and then sparse ones are supported", dense+layer, t)
		}
	}
	c.FirstKDenseReplace = dense
	return nil
}

// normalise brings what means the same to one form, so that the rest of the package need not ask.
func (c *Config) normalise() {
	if c.NRoutedExperts == 0 {
		c.FirstKDenseReplace = c.NumHiddenLayers
	}
	c.NGroup, c.TopKGroup = max(c.NGroup, 1), max(c.TopKGroup, 1)
	if c.TopKMethod == "greedy" {
		c.NGroup, c.TopKGroup = 1, 1
	}
	c.NormTopKProb = c.NormTopKProb && c.NumExpertsPerTok > 1 // as the authors' code has it: a single expert keeps its score
	if s := c.RopeScaling; s != nil {
		if s.Type == "" {
			s.Type = s.RopeType
		}
		if s.Type == "default" || s.Type != "longrope" && s.Factor == 1 && s.MScaleAllDim == 0 {
			c.RopeScaling = nil // Youtu ships an identity block
		}
	}
}

// validate refuses configs that are absurd, inconsistent, or need something this package does not do.
func (c *Config) validate() error {
	if err := cmp.Or(
		record.Between("vocab_size", c.VocabSize, 1, 1<<20),
		record.Between("hidden_size", c.HiddenSize, 1, 1<<16),
		record.Between("num_hidden_layers", c.NumHiddenLayers, 1, 512),
		record.Between("num_nextn_predict_layers", c.NumNextNPredictLayers, 0, 4),
		record.Between("max_position_embeddings", c.MaxPositionEmbeddings, 1, 1<<24),
		record.Between("num_attention_heads", c.NumAttentionHeads, 1, 1024),
		record.Between("q_lora_rank", c.QLoraRank, 0, 1<<15),
		record.Between("kv_lora_rank", c.KVLoraRank, 1, 2048),
		record.Between("qk_nope_head_dim", c.QKNopeHeadDim, 1, 1024),
		record.Between("qk_rope_head_dim", c.QKRopeHeadDim, 2, 512),
		record.Between("v_head_dim", c.VHeadDim, 1, 1024),
		record.Between("first_k_dense_replace", c.FirstKDenseReplace, 0, 1024),
		record.Between("dense_slices", c.DenseSlices, 0, record.MaxVisits),
		record.Between("n_routed_experts", c.NRoutedExperts, 0, 1024),
		record.Between("n_shared_experts", c.NSharedExperts, 0, 64),
		record.Between("num_experts_per_tok", c.NumExpertsPerTok, 0, max(c.NRoutedExperts, 0)),
		record.Between("n_group", c.NGroup, 1, 1024),
		record.Between("topk_group", c.TopKGroup, 1, c.NGroup),
	); err != nil {
		return err
	}
	if c.QKRopeHeadDim%2 != 0 {
		return fmt.Errorf("qk_rope_head_dim is %d, must be even", c.QKRopeHeadDim)
	}
	if c.FirstKDenseReplace > 0 && (c.IntermediateSize < 1 || c.IntermediateSize > 1<<18) {
		return fmt.Errorf("intermediate_size is %d, must be 1 to %d", c.IntermediateSize, 1<<18)
	}
	if err := record.CheckSlices(c.DenseSlices, c.IntermediateSize); err != nil {
		return err
	}
	if err := cmp.Or(record.Positive("rms_norm_eps", c.RMSNormEps), record.Positive("rope_theta", c.RopeTheta), record.Positive("routed_scaling_factor", c.RoutedScalingFactor)); err != nil {
		return err
	}
	switch {
	case c.HiddenAct != "silu" && c.HiddenAct != "relu2":
		return fmt.Errorf("hidden_act %q is not supported, only silu and relu2", c.HiddenAct)
	case c.HiddenAct == "relu2" && c.NRoutedExperts > 0:
		return fmt.Errorf("hidden_act relu2 is not supported with experts")
	case c.ScaleEmb < 0 || c.ScaleDepth < 0 || c.DimModelBase < 0:
		return fmt.Errorf("scale_emb %g, scale_depth %g, dim_model_base %g: must not be negative", c.ScaleEmb, c.ScaleDepth, c.DimModelBase)
	case c.ScaleDepth > 0 && c.NRoutedExperts > 0:
		return fmt.Errorf("scale_depth is not supported with experts")
	case c.AttentionBias:
		return fmt.Errorf("attention_bias is not supported")
	case c.MoELayerFreq != 1:
		return fmt.Errorf("moe_layer_freq is %d, only 1 is supported", c.MoELayerFreq)
	case c.RopeInterleave != nil && !*c.RopeInterleave:
		return fmt.Errorf("rope_interleave false is not supported")
	}
	if err := c.validateExperts(); err != nil {
		return err
	}
	return c.validateRope()
}

func (c *Config) validateExperts() error {
	if !c.IsMoE(c.Layers() - 1) {
		return nil
	}
	switch {
	case c.NumExpertsPerTok+c.NSharedExperts > record.MaxVisits:
		return fmt.Errorf("num_experts_per_tok %d and n_shared_experts %d are together more than %d", c.NumExpertsPerTok, c.NSharedExperts, record.MaxVisits)
	case c.NumExpertsPerTok < 1:
		return fmt.Errorf("num_experts_per_tok is %d, must be 1 to %d", c.NumExpertsPerTok, c.NRoutedExperts)
	case c.MoEIntermediateSize < 1 || c.MoEIntermediateSize > 1<<16:
		return fmt.Errorf("moe_intermediate_size is %d, must be 1 to %d", c.MoEIntermediateSize, 1<<16)
	case c.ScoringFunc != "softmax" && c.ScoringFunc != "sigmoid":
		return fmt.Errorf("scoring_func %q is not supported, only softmax and sigmoid", c.ScoringFunc)
	case !slices.Contains([]string{"greedy", "group_limited_greedy", "noaux_tc"}, c.TopKMethod):
		return fmt.Errorf("topk_method %q is not supported, only greedy, group_limited_greedy and noaux_tc", c.TopKMethod)
	case c.NRoutedExperts%c.NGroup != 0:
		return fmt.Errorf("n_routed_experts %d is not a multiple of n_group %d", c.NRoutedExperts, c.NGroup)
	case c.NumExpertsPerTok > c.TopKGroup*(c.NRoutedExperts/c.NGroup):
		return fmt.Errorf("num_experts_per_tok %d does not fit in topk_group %d of n_group %d", c.NumExpertsPerTok, c.TopKGroup, c.NGroup)
	}
	return nil
}

func (c *Config) validateRope() error {
	s := c.RopeScaling
	switch {
	case s == nil:
		return nil
	case s.Type == "longrope":
		return c.validateLongRope()
	case s.Type != "yarn":
		return fmt.Errorf("rope_scaling type %q is not supported, only yarn and longrope", s.Type)
	case !(s.Factor >= 1) || s.Factor > 1e4:
		return fmt.Errorf("rope_scaling factor is %g, must be 1 to 10000", s.Factor)
	case s.OriginalMaxPositionEmbeddings < 1:
		return fmt.Errorf("rope_scaling original_max_position_embeddings is %d, must be positive", s.OriginalMaxPositionEmbeddings)
	}
	if !(s.BetaFast > 0) || !(s.BetaSlow > 0) {
		return fmt.Errorf("rope_scaling beta_fast is %g and beta_slow %g, must be positive", s.BetaFast, s.BetaSlow)
	}
	if c.RopeTheta == 1 {
		return fmt.Errorf("rope_theta is 1, too small for yarn")
	}
	return nil
}

func (c *Config) validateLongRope() error {
	s := c.RopeScaling
	if s.OriginalMaxPositionEmbeddings < 2 {
		return fmt.Errorf("rope_scaling original_max_position_embeddings is %d, must be at least 2", s.OriginalMaxPositionEmbeddings)
	}
	for name, factors := range map[string][]float64{"short_factor": s.ShortFactor, "long_factor": s.LongFactor} {
		if len(factors) != c.QKRopeHeadDim/2 {
			return fmt.Errorf("rope_scaling %s has %d factors, there are %d pairs", name, len(factors), c.QKRopeHeadDim/2)
		}
		for _, f := range factors {
			if !(f > 0) {
				return fmt.Errorf("rope_scaling %s has the factor %g, must be positive", name, f)
			}
		}
	}
	return nil
}

// Halves tells whether the pairs that are turned lie in the two halves of a rope part, and not side by side.
func (c *Config) Halves() bool { return c.ModelType == "minicpm3" }

// IsMoE tells whether a layer has experts. MTP layers, numbered on from NumHiddenLayers, are built like the last one.
func (c *Config) IsMoE(layer int) bool { return c.NRoutedExperts > 0 && layer >= c.FirstKDenseReplace }

// Layers is the number of decoder layers with the MTP layers.
func (c *Config) Layers() int { return c.NumHiddenLayers + c.NumNextNPredictLayers }

// Dimensions are the sizes that every architecture has.
func (c *Config) Dimensions() record.Dimensions {
	return record.Dimensions{
		ModelType: c.ModelType, Attention: "MLA", VocabSize: c.VocabSize, HiddenSize: c.HiddenSize, Layers: c.NumHiddenLayers,
		DraftLayers: c.NumNextNPredictLayers, MaxPositions: c.MaxPositionEmbeddings, CacheWidth: c.LatentWidth(),
		FullWidth: c.NumAttentionHeads * (c.QKNopeHeadDim + c.QKRopeHeadDim + c.VHeadDim), TiedHead: c.TieWordEmbeddings, Heads: c.NumAttentionHeads,
	}
}

// QueryWidth is the width of a token's queries: heads x (nope + rope).
func (c *Config) QueryWidth() int { return c.NumAttentionHeads * (c.QKNopeHeadDim + c.QKRopeHeadDim) }

// LatentWidth is the width of a cached row: the normed latent and the roped key part.
func (c *Config) LatentWidth() int { return c.KVLoraRank + c.QKRopeHeadDim }

// Visits is the number of experts a token visits in a layer, shared ones included; in a dense layer, its slices.
func (c *Config) Visits(layer int) int {
	if c.IsMoE(layer) {
		return c.NumExpertsPerTok + c.NSharedExperts
	}
	return c.DenseSlices
}

// FFWidth is the width of one expert of a layer, or of a dense layer's slice.
func (c *Config) FFWidth(layer int) int {
	if c.IsMoE(layer) {
		return c.MoEIntermediateSize
	}
	return c.IntermediateSize / c.DenseSlices
}

// SoftmaxScale is 1/sqrt(nope+rope), times YaRN's m squared (DeepSeek-V2's attention; see rope.go).
func (c *Config) SoftmaxScale() float64 {
	scale := 1 / math.Sqrt(float64(c.QKNopeHeadDim+c.QKRopeHeadDim))
	if s := c.RopeScaling; s != nil && s.Type == "yarn" {
		m := rope.Magnitude(s.Factor, s.MScaleAllDim)
		scale *= m * m
	}
	return scale
}
