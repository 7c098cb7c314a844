package enginetest

import (
	"math"
	"slices"
	"strings"

	"tabseek/engine/weights"
)

// Cases lists the shapes that an engine is compared on.
func Cases() []Case {
	return slices.Concat(families(), widths(), heads(), prompts(), routers(), layouts(), ropes(), Formats(), spellings(), ggufs(), grouped())
}

// families are the plain models of each kind.
func families() []Case {
	return []Case{
		{Name: "v2", Config: V2(), Native: true},
		{Name: "v3", Config: V3(), Native: true},
		{Name: "dense", Config: Dense(), Native: true},
		{Name: "minicpm3", Config: MiniCPM3(), Prompt: 40, Native: true},
		{Name: "minicpm3 of a short context", Config: MiniCPM3().With(Config{"max_position_embeddings": 128}), Prompt: 40},
		{Name: "minicpm3 without fields", Config: MiniCPM3().With(Config{"scale_emb": Absent, "scale_depth": Absent, "dim_model_base": Absent, "tie_word_embeddings": Absent, "rope_scaling": nil})},
		{Name: "plm", Config: PLM(), Native: true},
		{Name: "plm in slices", Config: PLM().With(Config{"dense_slices": 3, "hidden_act": Absent})},
	}
}

// widths are sizes that fill no block of 32 and no vec4.
func widths() []Case {
	return []Case{
		{Name: "hidden 72", Config: V2().With(Config{"hidden_size": 72})},
		{Name: "hidden 100", Config: V3().With(Config{"hidden_size": 100})},
		{Name: "hidden 33", Config: V3().With(Config{"hidden_size": 33}), Native: true},
		{Name: "hidden 1", Config: Dense().With(Config{"hidden_size": 1, "tie_word_embeddings": false, "vocab_size": 260})},
		{Name: "everything odd", Config: V3().With(Config{
			"hidden_size": 67, "q_lora_rank": 37, "kv_lora_rank": 21, "qk_nope_head_dim": 13, "qk_rope_head_dim": 6, "v_head_dim": 11,
			"num_attention_heads": 3, "intermediate_size": 45, "moe_intermediate_size": 19, "n_shared_experts": 3, "vocab_size": 307,
		}), Native: true},
		{Name: "ffs 1", Config: V2().With(Config{"intermediate_size": 1, "moe_intermediate_size": 1})},
		{Name: "q_lora odd", Config: V3().With(Config{"q_lora_rank": 35})},
		{Name: "q_lora wider than hidden", Config: V3().With(Config{"q_lora_rank": 96})},
		{Name: "vocab 262", Config: V2().With(Config{"vocab_size": 262})},
		{Name: "vocab 513", Config: V3().With(Config{"vocab_size": 513})},
		{Name: "wide", Config: V3().With(Config{"hidden_size": 1056, "intermediate_size": 1100, "moe_intermediate_size": 40, "n_routed_experts": 8})},
	}
}

// heads are sizes and numbers of heads.
func heads() []Case {
	with := func(base Config, heads, nope, rope, v, rank int) Config {
		return base.With(Config{"num_attention_heads": heads, "qk_nope_head_dim": nope, "qk_rope_head_dim": rope, "v_head_dim": v, "kv_lora_rank": rank})
	}
	return []Case{
		{Name: "heads 24 8 40", Config: with(V3(), 4, 24, 8, 40, 48)},
		{Name: "glm heads 192 64 256", Config: with(V3(), 2, 192, 64, 256, 512), Native: true},
		{Name: "gigachat heads 128 64 192", Config: with(V2(), 2, 128, 64, 192, 512)},
		{Name: "rope 2", Config: with(V2(), 4, 16, 2, 16, 32)},
		{Name: "rope wider than nope", Config: with(V2(), 4, 8, 32, 16, 32)},
		{Name: "nope 1, v 1", Config: with(V2(), 4, 1, 4, 1, 32)},
		{Name: "rank 1", Config: with(V2(), 4, 16, 8, 16, 1)},
		{Name: "rank 16", Config: with(V3(), 4, 16, 8, 16, 16)},
		{Name: "rank 96", Config: with(V3(), 4, 16, 8, 16, 96)},
		{Name: "rank 1100", Config: with(V2(), 2, 16, 8, 16, 1100), Native: true},
		{Name: "1 head", Config: with(V3(), 1, 16, 8, 16, 32)},
		{Name: "3 heads", Config: with(V2(), 3, 16, 8, 16, 32)},
		{Name: "17 heads", Config: with(V2(), 17, 16, 8, 16, 32)},
		{Name: "20 heads", Config: with(V3(), 20, 16, 8, 24, 32)},
		{Name: "40 heads", Config: with(Dense(), 40, 8, 4, 8, 16), Native: true},
	}
}

// prompts are lengths around a step's 16 rows and a product's 8 vectors, a submit's 32 and the 128 positions from which the sequence is split;
// position 256 is where the rope table's coarse steps begin.
func prompts() []Case {
	small := V3().With(Config{"num_hidden_layers": 1, "first_k_dense_replace": 0, "num_attention_heads": 2})
	return []Case{
		{Name: "prompt of 1", Config: V3(), Prompt: 1},
		{Name: "prompt of 2", Config: V3(), Prompt: 2},
		{Name: "prompt of 7", Config: V3(), Prompt: 7},
		{Name: "prompt of 8", Config: V3(), Prompt: 8},
		{Name: "prompt of 16", Config: V3(), Prompt: 16},
		{Name: "prompt of 17", Config: V3(), Prompt: 17},
		{Name: "prompt of 33", Config: V3(), Prompt: 33},
		{Name: "prompt of 130", Config: small, Prompt: 130},
		{Name: "prompt of 249, 1 split", Config: small, Prompt: 249, Context: 255},
		{Name: "prompt of 300, 2 splits", Config: small, Prompt: 300, Context: 310},
		{Name: "prompt of 300, 7 splits", Config: small, Prompt: 300, Context: 1000, Native: true},
		{Name: "prompt of 1030", Config: small.With(Config{
			"num_nextn_predict_layers": 0, "n_shared_experts": 0, "num_experts_per_tok": 2,
		}), Prompt: 1030},
		{Name: "prompt of 300, yarn", Config: Dense().With(Config{
			"rope_scaling": yarn(40, 1, 1, 32), "first_k_dense_replace": 1, "num_hidden_layers": 1,
		}), Prompt: 300},
		{Name: "context of 1", Config: V3(), Prompt: 1, Exact: true},
		{Name: "context of 8", Config: V3(), Prompt: 8, Exact: true},
		{Name: "context of 21", Config: V3(), Prompt: 21, Exact: true, Native: true},
		{Name: "context is all the model has", Config: V3().With(Config{"max_position_embeddings": 13}), Prompt: 13, Exact: true},
	}
}

// routers are ways to choose experts.
func routers() []Case {
	v2 := func(changes Config) Config { return V2().With(Config{"first_k_dense_replace": 0}).With(changes) }
	v3 := func(changes Config) Config { return V3().With(Config{"first_k_dense_replace": 0}).With(changes) }
	grouped := Config{"n_routed_experts": 24, "topk_method": "group_limited_greedy", "n_group": 6, "topk_group": 2}
	negative := map[string]float64{"e_score_correction_bias": -2}
	return []Case{
		{Name: "greedy, renormalised", Config: v2(Config{"norm_topk_prob": true})},
		{Name: "greedy, renormalised and scaled", Config: v2(Config{"norm_topk_prob": true, "routed_scaling_factor": 16.0})},
		{Name: "greedy, top 1 renormalised", Config: v2(Config{"norm_topk_prob": true, "num_experts_per_tok": 1, "routed_scaling_factor": 4.0})},
		{Name: "top 1 renormalised", Config: v3(Config{"num_experts_per_tok": 1})},
		{Name: "greedy, scaled", Config: v2(Config{"routed_scaling_factor": 16.0})},
		{Name: "greedy, groups ignored", Config: v2(Config{"n_group": 4, "topk_group": 1})},
		{Name: "group limited", Config: v2(grouped), Native: true},
		{Name: "group limited, renormalised", Config: v2(grouped).With(Config{"norm_topk_prob": true, "routed_scaling_factor": 1.5})},
		{Name: "sigmoid greedy", Config: v3(Config{"topk_method": "greedy"})},
		{Name: "sigmoid group limited", Config: v3(Config{"topk_method": "group_limited_greedy"})},
		{Name: "one group", Config: v3(Config{"n_group": 1, "topk_group": 1})},
		{Name: "not renormalised", Config: v3(Config{"norm_topk_prob": false})},
		{Name: "all biases negative", Config: v3(nil), Shifts: negative},
		{Name: "all biases negative, one group", Config: v3(Config{"n_group": 1, "topk_group": 1}), Shifts: negative},
		{Name: "large biases", Config: v3(nil), Scales: map[string]float64{"e_score_correction_bias": 50}},
		{Name: "top 1", Config: v3(Config{"num_experts_per_tok": 1, "norm_topk_prob": false})},
		{Name: "top all", Config: v2(Config{"num_experts_per_tok": 8})},
		{Name: "top all of the groups kept", Config: v3(Config{"num_experts_per_tok": 8})},
		{Name: "groups of one expert", Config: v3(Config{"n_group": 16, "topk_group": 5})},
		{Name: "80 groups", Config: v3(Config{"n_routed_experts": 160, "n_group": 80, "topk_group": 4, "moe_intermediate_size": 8})},
		{Name: "all groups kept", Config: v3(Config{"topk_group": 4})},
		{Name: "one expert", Config: v2(Config{"n_routed_experts": 1, "num_experts_per_tok": 1})},
		{Name: "300 experts", Config: v3(Config{
			"n_routed_experts": 300, "n_group": 10, "topk_group": 3, "moe_intermediate_size": 8, "hidden_size": 40,
		}), Native: true},
		{Name: "softmax with a bias", Config: v2(Config{"topk_method": "noaux_tc"})},
		{Name: "no shared expert", Config: v3(Config{"n_shared_experts": 0}), Native: true},
		{Name: "3 shared experts", Config: v3(Config{"n_shared_experts": 3, "moe_intermediate_size": 36})},
		{Name: "sharp router", Config: v2(nil), Scales: map[string]float64{"mlp.gate.weight": 3}},
	}
}

// layouts are arrangements of layers and of MTP modules.
func layouts() []Case {
	return []Case{
		{Name: "1 layer", Config: V3().With(Config{"num_hidden_layers": 1, "first_k_dense_replace": 0})},
		{Name: "4 layers, 3 dense", Config: V3().With(Config{"num_hidden_layers": 4, "first_k_dense_replace": 3})},
		{Name: "first_k_dense_replace beyond the last layer", Config: V3().With(Config{"first_k_dense_replace": 5})},
		{Name: "all layers dense, MTP with experts", Config: V3().With(Config{"first_k_dense_replace": 2})},
		{Name: "dense layers in 3 slices", Config: V3().With(Config{"intermediate_size": 93, "dense_slices": 3}), Native: true},
		{Name: "dense layers and MTP in 2 slices", Config: Dense().With(Config{"num_nextn_predict_layers": 1, "model_type": "deepseek_v3", "dense_slices": 2})},
		{Name: "dense with MTP", Config: Dense().With(Config{"num_nextn_predict_layers": 1, "model_type": "deepseek_v3"})},
		{Name: "dense with MTP, copies", Config: Dense().With(Config{"num_nextn_predict_layers": 1, "model_type": "deepseek_v3"}), Copies: true},
		{Name: "dense, without q_lora, untied", Config: Dense().With(Config{"q_lora_rank": nil, "tie_word_embeddings": false})},
		{Name: "MTP without q_lora", Config: V3().With(Config{"q_lora_rank": nil})},
		{Name: "MTP with copies", Config: V3(), Copies: true},
		{Name: "MTP left out of the checkpoint", Config: V3(), Tensors: Config{"num_nextn_predict_layers": 0}},
		{Name: "MTP left out of the config", Config: V3().With(Config{"num_nextn_predict_layers": Absent}), Tensors: Config{"num_nextn_predict_layers": 1}, Copies: true},
		{Name: "more MTP modules than announced", Config: V3(), Tensors: Config{"num_nextn_predict_layers": 3}, Copies: true},
		{Name: "2 MTP modules, of which the first drafts", Config: V3().With(Config{"num_nextn_predict_layers": 2})},
		{Name: "no MTP", Config: V3().With(Config{"num_nextn_predict_layers": 0})},
		{Name: "tied with experts", Config: V3().With(Config{"tie_word_embeddings": true})},
		{Name: "eps 1e-5", Config: V3().With(Config{"rms_norm_eps": 1e-5}), Scales: map[string]float64{ // so small that epsilons count
			"q_a_proj.weight": 0.005, "kv_a_proj_with_mqa.weight": 0.005, "model.embed_tokens.weight": 0.005,
		}},
		{Name: "eps 1e-6", Config: V3(), Scales: map[string]float64{"model.embed_tokens.weight": 0.002}},
	}
}

// ropes are rotations.
func ropes() []Case {
	with := func(scaling Config) Config { return V2().With(Config{"rope_scaling": scaling}) }
	without := func(fields ...string) Config {
		s := yarn(40, 1, 1, 64)
		for _, f := range fields {
			delete(s, f)
		}
		return s
	}
	renamed := without("type")
	renamed["rope_type"] = "yarn"
	return []Case{
		{Name: "yarn 40, mscale 0.707", Config: with(yarn(40, 0.707, 0.707, 64)), Prompt: 20},
		{Name: "yarn 40, mscale 1", Config: V3().With(Config{"rope_scaling": yarn(40, 1, 1, 64)}), Prompt: 20},
		{Name: "yarn 64", Config: with(yarn(64, 1, 1, 4096)).With(Config{"rope_theta": 1e5}), Prompt: 20},
		{Name: "yarn, mscales differ", Config: with(yarn(40, 1, 0.5, 64)), Prompt: 20, Native: true},
		{Name: "yarn, mscale_all_dim 0", Config: with(yarn(40, 1, 0, 64)), Prompt: 20},
		{Name: "yarn without betas", Config: with(without("beta_fast", "beta_slow")), Prompt: 20},
		{Name: "yarn without mscales", Config: with(without("mscale", "mscale_all_dim")), Prompt: 20},
		{Name: "yarn without mscale", Config: with(without("mscale")), Prompt: 20},
		{Name: "yarn without mscale_all_dim", Config: with(without("mscale_all_dim")), Prompt: 20},
		{Name: "yarn spelled rope_type", Config: with(renamed), Prompt: 20},
		{Name: "yarn, equal betas", Config: with(Config{
			"type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096, "beta_fast": 1.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
		}).With(Config{"rope_theta": 50000.0}), Prompt: 20},
		{Name: "yarn of a tiny context", Config: with(yarn(8, 1, 1, 4)), Prompt: 20},
		{Name: "yarn of a huge context", Config: with(yarn(8, 1, 1, 1<<20)), Prompt: 20},
		{Name: "yarn of rope 64", Config: with(yarn(40, 0.707, 0.707, 4096)).With(Config{"qk_rope_head_dim": 64}), Prompt: 20},
		{Name: "yarn of factor 1", Config: Dense().With(Config{"rope_scaling": yarn(1, 1, 0, 4096)})},
		{Name: "rope default", Config: Dense().With(Config{"rope_scaling": Config{"rope_type": "default"}})},
		{Name: "theta 100", Config: V2().With(Config{"rope_theta": 100}), Prompt: 40},
		{Name: "theta 1e6", Config: V2().With(Config{"rope_theta": 1e6}), Prompt: 40},
	}
}

// Formats lists number formats and arrangements of files and buffers.
func Formats() []Case {
	ragged := V3().With(Config{ // blocks of 128 x 128 that are not full, heads that begin inside one
		"hidden_size": 200, "q_lora_rank": 136, "kv_lora_rank": 144, "qk_nope_head_dim": 40, "v_head_dim": 24, "num_attention_heads": 5,
		"intermediate_size": 520, "moe_intermediate_size": 130, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1,
	})
	whole := V3().With(Config{ // every cut at a block's edge
		"hidden_size": 128, "q_lora_rank": 128, "kv_lora_rank": 128, "qk_nope_head_dim": 128, "v_head_dim": 128, "num_attention_heads": 2,
		"intermediate_size": 256, "moe_intermediate_size": 128, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "n_shared_experts": 2,
	})
	odd := V3().With(Config{"hidden_size": 75, "q_lora_rank": 37, "kv_lora_rank": 45})
	return []Case{
		{Name: "f32", Config: odd, DTypes: Plain(weights.DTypeF32)},
		{Name: "f16", Config: odd, DTypes: Plain(weights.DTypeF16), Native: true},
		{Name: "fp8", Config: V3(), DTypes: FP8},
		{Name: "fp8 of odd widths", Config: odd, DTypes: FP8},
		{Name: "fp8 ragged", Config: ragged, DTypes: FP8, Native: true},
		{Name: "fp8 in whole blocks", Config: whole, DTypes: FP8},
		{Name: "fp8 ragged, in slices that end inside a block", Config: ragged.With(Config{"dense_slices": 5}), DTypes: FP8},
		{Name: "fp8, slices that are whole blocks", Config: whole.With(Config{"dense_slices": 2}), DTypes: FP8},
		{Name: "fp8 without q_lora", Config: ragged.With(Config{"q_lora_rank": nil}), DTypes: FP8},
		{Name: "mixed", Config: V3(), DTypes: Mixed, Native: true},
		{Name: "mixed, odd widths", Config: odd, DTypes: Mixed},
		{Name: "3 files", Config: V3(), DTypes: FP8, Files: 3, Copies: true},
		{Name: "fused experts", Config: V3(), Fused: true},
		{Name: "fused experts, fp8", Config: whole, DTypes: FP8, Fused: true, Files: 2},
		{Name: "small buffers", Config: odd, MaxBuffer: 40 << 10},
		{Name: "small buffers, f32", Config: V2().With(Config{"tie_word_embeddings": true}), DTypes: Plain(weights.DTypeF32), MaxBuffer: 48 << 10},
		{Name: "small buffers, fp8", Config: ragged, DTypes: FP8, MaxBuffer: 320 << 10, Native: true},
		{Name: "small buffers, fp8 in whole blocks", Config: whole, DTypes: FP8, MaxBuffer: 66 << 10},
	}
}

// ggufs are models that come as GGUF files.
func ggufs() []Case {
	// Experts of a width that no super-block divides differ from shared ones in type.
	apart := GGUF{HeadsApart: true, Type: func(name string) weights.DType {
		if strings.HasSuffix(name, "shexp.weight") {
			return weights.DTypeF32
		}
		return weights.DTypeBF16
	}}
	miniCPM := MiniCPM3().With(Config{"max_position_embeddings": 128, "v_head_dim": nil, "rope_scaling": Config{
		"type": "longrope", "original_max_position_embeddings": 128, "short_factor": []float64{1, 1.25, 1.5, 2}, "long_factor": []float64{1.125, 2, 3, 5},
	}})
	three := V3().With(Config{"n_shared_experts": 3, "rope_scaling": yarn(40, 1, 1, 64), "moe_intermediate_size": 36})
	return []Case{
		{Name: "gguf, v2", Config: V2(), GGUF: &GGUF{HeadsApart: true}},
		{Name: "gguf, v2 of old", Config: V2().With(Config{"rope_scaling": yarn(40, 0.707, 0.707, 64)}), GGUF: &GGUF{}, Prompt: 20},
		{Name: "gguf, v3", Config: V3(), GGUF: &GGUF{HeadsApart: true}},
		{Name: "gguf, dense", Config: Dense(), GGUF: &GGUF{HeadsApart: true}},
		{Name: "gguf, shared experts apart", Config: V2(), GGUF: &apart},
		{Name: "gguf, three shared experts apart", Config: three, GGUF: &apart, Prompt: 20},
		{Name: "gguf, plm", Config: PLM(), GGUF: &GGUF{}},
		// Factors that float32 holds. Its own heads' values are as wide as its class has them.
		{Name: "gguf, minicpm3", Config: miniCPM.With(Config{"dim_model_base": 256}), GGUF: &GGUF{}, Prompt: 40},
		{Name: "gguf, minicpm3 with scales and long factors", Config: miniCPM.With(Config{"max_position_embeddings": 256, "scale_emb": 2.5, "scale_depth": 0.75}), GGUF: &GGUF{Keys: map[string]any{
			"minicpm3.embedding_scale": float32(2.5), "minicpm3.residual_scale": float32(0.75 / math.Sqrt(2)), "minicpm3.logit_scale": float32(4), "minicpm3.rope.scaling.original_context_length": uint32(128),
		}}, Prompt: 40},
		{Name: "gguf, minicpm3 of blocks", Config: miniCPM.With(Config{"q_lora_rank": 64}), GGUF: &GGUF{Keys: map[string]any{"minicpm3.logit_scale": float32(4)}, Type: func(name string) weights.DType {
			if strings.HasSuffix(name, "attn_kv_b.weight") {
				return weights.DTypeF16
			}
			return "Q8_0"
		}}, Prompt: 20},
		{Name: "gguf, qwen2", Config: Qwen2(), GGUF: &GGUF{}},
		// As Q4_K_M is: experts whose width no super-block divides have other blocks than the shared ones, values more bits.
		{Name: "gguf, q4_k_m", Config: V2().With(Config{"hidden_size": 256, "moe_intermediate_size": 128, "n_routed_experts": 4, "num_experts_per_tok": 2, "intermediate_size": 512}), GGUF: &GGUF{HeadsApart: true, Type: func(name string) weights.DType {
			switch _, part, _ := strings.Cut(name[min(len(name), 4):], "."); {
			case strings.HasPrefix(part, "ffn_down_exps"):
				return "Q5_0"
			case strings.HasPrefix(part, "ffn_down_shexp"), name == "output.weight":
				return "Q6_K"
			case strings.HasPrefix(part, "attn_kv_a"):
				return "Q5_K"
			case strings.HasPrefix(part, "attn_k_b"), strings.HasPrefix(part, "attn_v_b"), strings.HasPrefix(part, "attn_output"):
				return weights.DTypeF16
			}
			return "Q4_K"
		}}, Native: true},
		{Name: "gguf, qwen2 of few bits", Config: Qwen2().With(Config{"hidden_size": 256, "intermediate_size": 512}), GGUF: &GGUF{Type: func(name string) weights.DType {
			switch {
			case strings.Contains(name, "attn_v"):
				return "Q3_K"
			case strings.Contains(name, "ffn_down"):
				return "IQ4_XS"
			case strings.Contains(name, "attn_output"):
				return "Q5_1"
			case name == "token_embd.weight":
				return "Q6_K"
			}
			return "Q2_K"
		}}, Native: true},
		{Name: "gguf, qwen3", Config: Qwen3(), GGUF: &GGUF{Keys: map[string]any{
			"qwen3.rope.scaling.type": "yarn", "qwen3.rope.scaling.factor": float32(4), "qwen3.rope.scaling.original_context_length": uint32(32),
			"qwen3.rope.scaling.yarn_attn_factor": float32(0.8782488562869419),
		}}, Prompt: 20},
		{Name: "gguf, llama", Config: Llama().With(Config{"num_attention_heads": 2, "num_key_value_heads": 1, "rope_scaling": Config{
			"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
		}}), GGUF: &GGUF{}, Prompt: 40},
		{Name: "gguf, llama with values of another type", Config: Llama().With(Config{"rope_scaling": nil, "hidden_size": 96}), GGUF: &GGUF{Type: func(name string) weights.DType {
			if strings.Contains(name, "attn_v.") {
				return weights.DTypeF32
			}
			return weights.DTypeBF16
		}}},
	}
}

// Quantised lists shapes to be quantised.
func Quantised() []Case {
	return []Case{
		{Name: "v2", Config: V2()},
		{Name: "v3", Config: V3(), DTypes: FP8},
		{Name: "dense", Config: Dense()},
		{Name: "qwen2", Config: Qwen2()},
		{Name: "odd widths", Config: V3().With(Config{ // last blocks that are not full, odd numbers of block scales
			"hidden_size": 75, "q_lora_rank": 37, "kv_lora_rank": 45, "qk_nope_head_dim": 21, "v_head_dim": 19, "num_attention_heads": 3, "moe_intermediate_size": 33,
		}), Native: true},
		{Name: "dense layers in 3 slices", Config: Dense().With(Config{"intermediate_size": 105, "dense_slices": 3}), MaxBuffer: 20 << 10},
		{Name: "small buffers", Config: V3().With(Config{"hidden_size": 75, "vocab_size": 777}), MaxBuffer: 20 << 10, Native: true},
	}
}

// spellings are configs as real models write them: fields absent, null or of no interest here.
func spellings() []Case {
	extra := Config{
		"num_key_value_heads": 4, "head_dim": 8, "qk_head_dim": 24, "ep_size": 1, "aux_loss_alpha": 0.001, "seq_aux": true, "pretraining_tp": 1,
		"attention_dropout": 0.0, "initializer_range": 0.02, "torch_dtype": "bfloat16", "use_cache": true, "transformers_version": "4.46.3",
		"auto_map": Config{"AutoConfig": "configuration_deepseek.DeepseekV3Config"}, "rope_interleave": true, "bos_token_id": nil, "eos_token_id": []int{1, 2},
	}
	return []Case{
		{Name: "kimi", Config: V3().With(extra).With(Config{"model_type": "kimi_k2", "n_group": 1, "topk_group": 1, "num_nextn_predict_layers": 0})},
		{Name: "glm", Config: V3().With(extra).With(Config{
			"model_type": "glm4_moe_lite", "scoring_func": Absent, "topk_method": "noaux_tc", "n_group": 1, "topk_group": 1, "rms_norm_eps": 1e-5,
			"moe_layer_freq": Absent, "partial_rotary_factor": 1.0, "dtype": "bfloat16",
		})},
		{Name: "v2-lite without fields", Config: V2().With(extra).With(Config{
			"n_group": nil, "topk_group": nil, "num_nextn_predict_layers": nil, "scoring_func": Absent, "topk_method": Absent, "rope_scaling": Absent, "q_lora_rank": Absent,
			"moe_layer_freq": nil, "routed_scaling_factor": Absent, "rope_theta": Absent,
		})},
		{Name: "v3 without fields", Config: V3().With(Config{
			"n_group": nil, "topk_group": nil, "scoring_func": Absent, "topk_method": Absent, "hidden_act": Absent, "attention_bias": Absent,
			"tie_word_embeddings": Absent, "rms_norm_eps": Absent, "moe_layer_freq": Absent,
		})},
		{Name: "v3 by its class's defaults", Config: V3().With(Config{
			"num_hidden_layers": 4, "n_routed_experts": 32, "moe_intermediate_size": 16, "first_k_dense_replace": Absent, "num_experts_per_tok": Absent,
			"n_group": Absent, "topk_group": Absent, "norm_topk_prob": Absent, "routed_scaling_factor": Absent, "rope_theta": Absent,
			"scoring_func": Absent, "topk_method": Absent, "num_nextn_predict_layers": Absent,
		})},
		{Name: "glm by its class's defaults", Config: V3().With(Config{
			"model_type": "glm4_moe_lite", "first_k_dense_replace": Absent, "num_experts_per_tok": Absent, "n_group": Absent, "topk_group": Absent,
			"norm_topk_prob": Absent, "routed_scaling_factor": Absent, "scoring_func": Absent, "topk_method": Absent,
		})},
		{Name: "layer types", Config: V3().With(Config{
			"num_hidden_layers": 3, "first_k_dense_replace": Absent, "mlp_layer_types": []string{"dense", "dense", "sparse"},
		})},
		{Name: "fp8 with its quantization_config", Config: V3().With(Config{"quantization_config": Config{
			"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": []int{128, 128},
		}}), DTypes: FP8},
		{Name: "youtu without experts' fields", Config: Dense().With(Config{
			"n_routed_experts": Absent, "n_shared_experts": nil, "num_experts_per_tok": Absent, "moe_intermediate_size": Absent, "first_k_dense_replace": Absent,
			"scoring_func": Absent, "topk_method": Absent, "norm_topk_prob": Absent, "n_group": nil, "topk_group": nil, "rope_interleave": true,
		})},
		{Name: "tied by youtu's default", Config: Dense().With(Config{"tie_word_embeddings": Absent})},
		{Name: "transformers 5", Config: Dense().With(Config{
			"rope_theta": Absent, "rope_scaling": Absent, "rope_parameters": Config{"rope_type": "default", "rope_theta": 1.6e6},
		})},
		{Name: "transformers 5, yarn", Config: V3().With(Config{"rope_theta": Absent, "rope_scaling": Absent, "rope_parameters": func() Config {
			s := yarn(40, 1, 1, 64)
			s["rope_type"], s["rope_theta"] = "yarn", 50000.0
			return s
		}()}), Prompt: 20},
	}
}
