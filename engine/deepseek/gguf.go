package deepseek

import (
	"fmt"
	"math"
	"strings"

	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// GGUFArchitectures are what GGUF files call the models of this package.
var GGUFArchitectures = []string{"deepseek2", "plm", "minicpm3"}

// FromGGUF reads a model's config from a GGUF file's metadata, and calls the tensors as a Hugging Face checkpoint would.
// Files from before April 2025 hold kv_b_proj whole, newer ones its K and V for each head.
func FromGGUF(m *weights.Metadata, file *weights.Inventory) (*Config, error) {
	given, err := ggufConfig(m, file)
	if err != nil {
		return nil, err
	}
	c, err := record.ParseGGUF(m, file, given, ParseConfig)
	if err != nil {
		return nil, err
	}
	if err := c.adoptGGUF(file); err != nil {
		return nil, err
	}
	c.SharedApart = c.sharedDiffer(file)
	return c, nil
}

// sharedDiffer tells whether shared experts cannot lie in one tensor with the others without losing anything: another type,
// or blocks that lie across two of them.
func (c *Config) sharedDiffer(file *weights.Inventory) bool {
	if c.NSharedExperts == 0 || c.MoEIntermediateSize%4 != 0 {
		return false
	}
	for layer := range c.Layers() {
		for _, kind := range []string{"gate", "up", "down"} {
			shared, ok := file.Tensor(record.Source(layer, "mlp.shared_experts."+kind+"_proj.weight"))
			expert, found := file.Tensor(record.Source(layer, "mlp.experts.0."+kind+"_proj.weight"))
			if !ok || !found {
				continue
			}
			if shared.DType != expert.DType || kind == "down" && !shared.DType.Cuts(c.MoEIntermediateSize) {
				return true
			}
		}
	}
	return false
}

// ggufConfig is the metadata as a config.json would have it, with every key, so that no default of a class gets in.
func ggufConfig(m *weights.Metadata, file *weights.Inventory) (map[string]any, error) {
	architecture := m.String("general.architecture") // one of GGUFArchitectures
	key := func(name string) string { return architecture + "." + name }
	integer := func(name string) int { return m.Int(key(name)) }
	oneOr := func(x float64) float64 {
		if x == 0 {
			return 1
		}
		return x
	}
	heads, rope, mtp := integer("attention.head_count"), integer("rope.dimension_count"), integer("nextn_predict_layers")
	keyLength, valueLength := "attention.key_length", "attention.value_length"
	if m.Has(key("attention.key_length_mla")) { // without it these are the expanded heads'
		keyLength, valueLength = keyLength+"_mla", valueLength+"_mla"
	}
	_, untied := file.Tensor("output.weight")
	vocabulary := integer("vocab_size")
	if embedding, ok := file.Tensor("token_embd.weight"); ok {
		vocabulary = embedding.Shape[0]
	}
	c := map[string]any{
		"model_type": "deepseek_v2", "vocab_size": vocabulary, "hidden_size": integer("embedding_length"),
		"num_hidden_layers": integer("block_count") - mtp, "num_nextn_predict_layers": mtp, "max_position_embeddings": integer("context_length"),
		"tie_word_embeddings": !untied, "num_attention_heads": heads,
		"q_lora_rank": integer("attention.q_lora_rank"), "kv_lora_rank": integer("attention.kv_lora_rank"),
		"qk_nope_head_dim": integer(keyLength) - rope, "qk_rope_head_dim": rope, "v_head_dim": integer(valueLength),
		"rms_norm_eps": m.Float(key("attention.layer_norm_rms_epsilon")), "rope_theta": m.Float(key("rope.freq_base")), "rope_scaling": ggufRope(m, key),
		"hidden_act": "silu", "attention_bias": false, "moe_layer_freq": 1, "intermediate_size": integer("feed_forward_length"),
		"first_k_dense_replace": integer("leading_dense_block_count"), "n_routed_experts": integer("expert_count"), "n_shared_experts": integer("expert_shared_count"),
		"num_experts_per_tok": integer("expert_used_count"), "moe_intermediate_size": integer("expert_feed_forward_length"),
		"n_group": max(integer("expert_group_count"), 1), "topk_group": max(integer("expert_group_used_count"), 1),
		"norm_topk_prob": m.Bool(key("expert_weights_norm")), "routed_scaling_factor": oneOr(m.Float(key("expert_weights_scale"))),
		"scoring_func": "softmax", "topk_method": "greedy",
	}
	switch architecture {
	case "plm":
		c["model_type"], c["hidden_act"] = "plm", "relu2"
	case "minicpm3":
		if err := addMiniCPM(c, m, file, key); err != nil {
			return nil, err
		}
	}
	if c["n_group"].(int) > 1 {
		c["topk_method"] = "group_limited_greedy"
	}
	// 1 is softmax, and so is a file that leaves it out, but for GLM-4.7-Flash's first ones.
	gating := integer("expert_gating_func")
	if gating == 2 || gating == 0 && integer("block_count")-mtp == 47 && vocabulary == 154880 {
		c["model_type"], c["scoring_func"] = "deepseek_v3", "sigmoid"
	} else if gating > 2 {
		c["scoring_func"] = fmt.Sprintf("expert_gating_func %d", gating)
	}
	for _, t := range file.Tensors() {
		if strings.HasSuffix(t.Name, ".exp_probs_b.bias") {
			c["topk_method"] = "noaux_tc"
			break
		}
	}
	return c, nil
}

// ggufRope is the YaRN block. The log multiplier is 0.1 mscale_all_dim; cosine and sine keep their size, as they do in
// every published config of this architecture.
func ggufRope(m *weights.Metadata, key func(string) string) any {
	kind := m.String(key("rope.scaling.type"))
	if kind == "" || kind == "none" || kind == "linear" && m.Float(key("rope.scaling.factor")) == 1 {
		return nil
	}
	rope := map[string]any{
		"type": kind, "factor": m.Float(key("rope.scaling.factor")),
		"original_max_position_embeddings": m.Int(key("rope.scaling.original_context_length")),
	}
	mscale := math.Round(m.Float(key("rope.scaling.yarn_log_multiplier"))*1e7) / 1e6
	rope["mscale"], rope["mscale_all_dim"] = mscale, mscale
	for name, in := range map[string]string{"beta_fast": "rope.scaling.yarn_beta_fast", "beta_slow": "rope.scaling.yarn_beta_slow"} {
		if m.Has(key(in)) {
			rope[name] = m.Float(key(in))
		}
	}
	return rope
}

// ggufStacks are the tensors that hold the experts of a layer, or the heads, as matrices of a stack: what each matrix is
// called, by its number.
var ggufStacks = map[string][]string{
	"ffn_gate_exps.weight": {"mlp.experts.%d.gate_proj.weight"}, "ffn_up_exps.weight": {"mlp.experts.%d.up_proj.weight"},
	"ffn_down_exps.weight": {"mlp.experts.%d.down_proj.weight"}, "ffn_gate_up_exps.weight": {"mlp.experts.%d.gate_proj.weight", "mlp.experts.%d.up_proj.weight"},
	"attn_k_b.weight": {keyOfHead}, "attn_v_b.weight": {valueOfHead},
}

// What a head's parts of kv_b_proj are called where they come apart: K turned, [rank, nope], and V, [v, rank].
const (
	keyOfHead   = "self_attn.k_b.%d"
	valueOfHead = "self_attn.v_b.%d"
)

// adoptGGUF calls the tensors of a GGUF file by their other names, cuts its stacks, and finds out in which of the two ways
// it holds kv_b_proj.
func (c *Config) adoptGGUF(file *weights.Inventory) error {
	return record.AdoptGGUF(file, c.Layers(), func(t *weights.SourceTensor, layer int, part string) (bool, error) {
		kinds, ok := ggufStacks[part]
		if !ok {
			return false, nil
		}
		c.HeadsApart = c.HeadsApart || kinds[0] == keyOfHead
		return true, splitStack(file, t, layer, kinds)
	})
}

// splitStack calls the matrices of a stack by their own names.
func splitStack(file *weights.Inventory, t *weights.SourceTensor, layer int, kinds []string) error {
	if len(t.Shape) == 2 { // a stack of one
		t.Shape = append([]int{1}, t.Shape...)
	}
	if len(t.Shape) != 3 || t.Shape[0] > 1024 {
		return fmt.Errorf("%s: tensor %s: shape is %v, want a stack of at most 1024 matrices", t.File, t.Name, t.Shape)
	}
	var parts []string
	for i := range t.Shape[0] {
		for _, kind := range kinds {
			parts = append(parts, record.Source(layer, fmt.Sprintf(kind, i)))
		}
	}
	return file.Split(t.Name, t.Shape[len(t.Shape)-2]/len(kinds), parts)
}
