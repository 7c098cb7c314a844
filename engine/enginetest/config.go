// Package enginetest is the bottom rung of the ladder of truth: random checkpoints of any shape, the published
// formulas in float64 and in expanded form (DeepSeek-V2, arXiv 2405.04434; DeepSeek-V3, arXiv 2412.19437), and
// the comparison of an engine on some device with them.
//
// The formulas read a checkpoint's own tensors by their Hugging Face names and its config.json by themselves;
// nothing here knows a slot, a kernel or the absorbed form. So a mistake has to be made twice to go unseen.
package enginetest

import (
	"encoding/json"
	"maps"
	"slices"
)

// A Config is a config.json. A nil value is a JSON null.
type Config map[string]any

// Absent, as a value of With's changes, removes a field.
var Absent = new(struct{})

// With is the config with some fields changed.
func (c Config) With(changes Config) Config {
	out := maps.Clone(c)
	for name, value := range changes {
		if value == Absent {
			delete(out, name)
		} else {
			out[name] = value
		}
	}
	return out
}

// JSON is the content of config.json.
func (c Config) JSON() []byte {
	data, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		panic(err) // the tables hold nothing but numbers, texts and maps of them
	}
	return data
}

// V2 is a small model of DeepSeek-V2-Lite's kind.
func V2() Config {
	return Config{
		"model_type": "deepseek_v2", "vocab_size": 301, "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 4096,
		"num_attention_heads": 4, "q_lora_rank": nil, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16,
		"rms_norm_eps": 1e-6, "rope_theta": 10000, "rope_scaling": nil, "attention_bias": false, "hidden_act": "silu", "tie_word_embeddings": false,
		"intermediate_size": 96, "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_routed_experts": 8, "n_shared_experts": 2,
		"num_experts_per_tok": 3, "moe_intermediate_size": 48, "scoring_func": "softmax", "topk_method": "greedy",
		"n_group": 1, "topk_group": 1, "norm_topk_prob": false, "routed_scaling_factor": 1.0,
	}
}

// V3 is a small model of DeepSeek-V3's kind, with one multi-token-prediction module.
func V3() Config {
	return V2().With(Config{
		"model_type": "deepseek_v3", "q_lora_rank": 40, "num_nextn_predict_layers": 1, "n_routed_experts": 16, "n_shared_experts": 1,
		"num_experts_per_tok": 4, "scoring_func": "sigmoid", "topk_method": "noaux_tc", "n_group": 4, "topk_group": 2,
		"norm_topk_prob": true, "routed_scaling_factor": 2.5,
	})
}

// Dense is a small model of Youtu-LLM's kind: latent attention without experts, tied embeddings.
func Dense() Config {
	return V2().With(Config{
		"model_type": "youtu_llm", "q_lora_rank": 40, "tie_word_embeddings": true, "rope_theta": 1.6e6, "first_k_dense_replace": 2,
		"n_routed_experts": 0, "n_shared_experts": 0, "num_experts_per_tok": 0, "moe_intermediate_size": 0,
	})
}

// MiniCPM3 is a small model of MiniCPM3's kind: Dense with scales, and rotations of halves with a factor for each pair.
func MiniCPM3() Config {
	return Dense().With(Config{
		"model_type": "minicpm3", "rope_theta": 10000, "rms_norm_eps": 1e-5, "scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 16,
		"max_position_embeddings": 512, "rope_scaling": Config{
			"type": "longrope", "original_max_position_embeddings": 128, "short_factor": []float64{1, 1.2, 1.5, 2}, "long_factor": []float64{1.1, 2, 3, 5},
		},
	})
}

// PLM is a small model of PLM's kind: an MLP without a gate.
func PLM() Config {
	return Dense().With(Config{"model_type": "plm", "q_lora_rank": nil, "hidden_act": "relu2", "rope_theta": 10000})
}

// yarn is a rope_scaling block as DeepSeek's configs have it.
func yarn(factor, mscale, allDim float64, original int) Config {
	return Config{
		"type": "yarn", "factor": factor, "original_max_position_embeddings": original,
		"beta_fast": 32, "beta_slow": 1, "mscale": mscale, "mscale_all_dim": allDim,
	}
}

// numbers is what the formulas need of a config.json, with the defaults of the model authors' own code.
type numbers struct {
	ModelType    string   `json:"model_type"`
	Vocab        int      `json:"vocab_size"`
	Hidden       int      `json:"hidden_size"`
	Layers       int      `json:"num_hidden_layers"`
	MTP          int      `json:"num_nextn_predict_layers"`
	Tied         bool     `json:"tie_word_embeddings"`
	Heads        int      `json:"num_attention_heads"`
	QRank        int      `json:"q_lora_rank"`
	Rank         int      `json:"kv_lora_rank"`
	Nope         int      `json:"qk_nope_head_dim"`
	Rope         int      `json:"qk_rope_head_dim"`
	V            int      `json:"v_head_dim"`
	Eps          float64  `json:"rms_norm_eps"`
	Theta        float64  `json:"rope_theta"`
	Scaling      *scaling `json:"rope_scaling"`
	FF           int      `json:"intermediate_size"`
	FirstMoE     int      `json:"first_k_dense_replace"`
	Experts      int      `json:"n_routed_experts"`
	Shared       int      `json:"n_shared_experts"`
	TopK         int      `json:"num_experts_per_tok"`
	ExpertFF     int      `json:"moe_intermediate_size"`
	Scoring      string   `json:"scoring_func"`
	Method       string   `json:"topk_method"`
	Groups       int      `json:"n_group"`
	TopKGroups   int      `json:"topk_group"`
	Norm         bool     `json:"norm_topk_prob"`
	RoutedFactor float64  `json:"routed_scaling_factor"`

	Act          string  `json:"hidden_act"`
	ScaleEmb     float64 `json:"scale_emb"` // MiniCPM's
	ScaleDepth   float64 `json:"scale_depth"`
	DimModelBase float64 `json:"dim_model_base"`
	Context      int     `json:"max_position_embeddings"`

	KVHeads int `json:"num_key_value_heads"` // of grouped-query attention
	HeadDim int `json:"head_dim"`
}

// scaling is YaRN as DeepseekV2YarnRotaryEmbedding takes it, and what other models have beside.
type scaling struct {
	Factor   float64 `json:"factor"`
	Original float64 `json:"original_max_position_embeddings"`
	BetaFast float64 `json:"beta_fast"`
	BetaSlow float64 `json:"beta_slow"`
	MScale   float64 `json:"mscale"`
	AllDim   float64 `json:"mscale_all_dim"`

	Type            string  `json:"type"` // of grouped-query models: transformers' ROPE_INIT_FUNCTIONS
	RopeType        string  `json:"rope_type"`
	Low             float64 `json:"low_freq_factor"`
	High            float64 `json:"high_freq_factor"`
	AttentionFactor float64 `json:"attention_factor"`
	AttnFactor      float64 `json:"attn_factor"`

	ShortFactor []float64 `json:"short_factor"` // of longrope
	LongFactor  []float64 `json:"long_factor"`
}

func (s *scaling) UnmarshalJSON(data []byte) error {
	type plain scaling
	p := plain{Factor: 1, BetaFast: 32, BetaSlow: 1, MScale: 1}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*s = scaling(p)
	return nil
}

func (c Config) numbers() numbers {
	n := numbers{Eps: 1e-6, Theta: 10000, RoutedFactor: 1, Tied: slices.Contains([]any{"youtu_llm", "minicpm3", "plm"}, c["model_type"])}
	switch c["model_type"] { // what transformers' classes say of keys that are not there
	case "deepseek_v3":
		n.FirstMoE, n.Groups, n.TopKGroups, n.TopK, n.Norm, n.RoutedFactor = 3, 8, 4, 8, true, 2.5
	case "minicpm3":
		n.ScaleEmb, n.ScaleDepth, n.DimModelBase = 1, 1, 1
	case "plm":
		n.Act = "relu2"
	case "glm4_moe_lite":
		n.FirstMoE, n.TopK, n.Norm, n.RoutedFactor = 1, 4, true, 1.8
	}
	for name, field := range map[string]*int{"n_group": &n.Groups, "topk_group": &n.TopKGroups} {
		if value, ok := c[name]; ok && value == nil {
			*field = 1
		}
	}
	if err := json.Unmarshal(c.JSON(), &n); err != nil {
		panic(err)
	}
	if types, ok := c["mlp_layer_types"].([]string); ok {
		n.FirstMoE = slices.Index(types, "sparse")
	}
	n.Groups, n.TopKGroups = max(n.Groups, 1), max(n.TopKGroups, 1)
	if p, ok := c["rope_parameters"].(Config); ok { // transformers 5 has both in one block
		n.Theta = p["rope_theta"].(float64)
		if p["rope_type"] != "default" {
			n.Scaling = Config{"rope_scaling": p}.numbers().Scaling
		}
	}
	if n.ModelType == "minicpm3" && n.V == 0 {
		n.V = n.Hidden / n.Heads
	}
	if n.KVHeads == 0 {
		n.KVHeads = n.Heads
	}
	if n.HeadDim == 0 {
		n.HeadDim = n.Hidden / max(n.Heads, 1)
	}
	if n.grouped() {
		n.Rope = n.HeadDim // all of a head is turned
	}
	if n.Scoring == "" {
		n.Scoring = "sigmoid"
		if n.ModelType == "deepseek_v2" {
			n.Scoring = "softmax"
		}
	}
	if n.Method == "" {
		n.Method = "noaux_tc"
		if n.Scoring == "softmax" {
			n.Method = "greedy"
		}
	}
	return n
}

// moe tells whether a layer has experts.
func (n *numbers) moe(layer int) bool { return n.Experts > 0 && layer >= n.FirstMoE }
