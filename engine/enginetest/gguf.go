package enginetest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sort"
	"strings"

	"tabseek/engine/weights"
)

// A GGUF says how a checkpoint is written as a GGUF file.
type GGUF struct {
	HeadsApart bool // kv_b_proj as newer files hold it: K, turned, and V of each head
	// Type is the type of a matrix; nil for its own. A tensor whose rows are no whole blocks is F16, as llama.cpp has it.
	Type func(name string) weights.DType
	Keys map[string]any // further metadata, or other values of what there is; nil removes a key
}

// WriteGGUF writes the checkpoint as a GGUF file, as llama.cpp's converter does.
func (c *Checkpoint) WriteGGUF(path string, how GGUF) error {
	keys, tensors, err := c.GGUF(how)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := weights.WriteGGUF(&out, keys, tensors); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}

// GGUF is the content of such a file.
func (c *Checkpoint) GGUF(how GGUF) ([]weights.KeyValue, []weights.RawTensor, error) {
	n := c.Config.numbers()
	values := n.ggufKeys(how.HeadsApart)
	values["tokenizer.ggml.model"], values["tokenizer.ggml.pre"] = "gpt2", "deepseek-llm"
	tokens := make([]string, n.Vocab)
	types := make([]int32, n.Vocab)
	for token, id := range c.Tokenizer["model"].(map[string]any)["vocab"].(map[string]int) {
		tokens[id], types[id] = token, 1
	}
	for _, added := range c.Tokenizer["added_tokens"].([]map[string]any) {
		tokens[added["id"].(int)], types[added["id"].(int)] = added["content"].(string), 3
	}
	values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"], values["tokenizer.ggml.merges"] = tokens, types, []string{}
	values["tokenizer.ggml.bos_token_id"], values["tokenizer.ggml.eos_token_id"] = uint32(BOS), uint32(EOS)
	for key, value := range how.Keys {
		values[key] = value
	}
	var keys []weights.KeyValue
	for key, value := range values {
		if value != nil {
			keys = append(keys, weights.KeyValue{Key: key, Value: value})
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].Key < keys[j].Key })
	tensors, err := c.ggufTensors(&n, how)
	return keys, tensors, err
}

func (n *numbers) ggufKeys(headsApart bool) map[string]any {
	u := func(x int) uint32 { return uint32(x) }
	values := map[string]any{
		"general.architecture": "deepseek2", "general.name": "tiny",
		"block_count": u(n.Layers + n.MTP), "context_length": u(256), "embedding_length": u(n.Hidden), "feed_forward_length": u(n.FF), "vocab_size": u(n.Vocab),
		"attention.head_count": u(n.Heads), "attention.head_count_kv": u(n.Heads), "attention.layer_norm_rms_epsilon": float32(n.Eps),
		"attention.kv_lora_rank": u(n.Rank), "attention.key_length": u(n.Nope + n.Rope), "attention.value_length": u(n.V),
		"rope.freq_base": float32(n.Theta), "rope.dimension_count": u(n.Rope), "leading_dense_block_count": u(n.FirstMoE),
	}
	architecture := "deepseek2"
	if n.ModelType == "plm" {
		architecture = "plm"
		values["general.architecture"] = architecture
		delete(values, "leading_dense_block_count")
	}
	if n.ModelType == "minicpm3" { // its converter writes no more, and no scales; a case gives those that are not MiniCPM3-4B's
		architecture = "minicpm3"
		values["general.architecture"], values["context_length"] = architecture, u(n.Context)
		for _, key := range []string{"leading_dense_block_count", "attention.value_length", "rope.freq_base"} {
			delete(values, key)
		}
	}
	if n.grouped() {
		architecture = n.ModelType
		values["general.architecture"], values["attention.head_count_kv"] = architecture, u(n.KVHeads)
		values["attention.key_length"], values["attention.value_length"] = u(n.HeadDim), u(n.HeadDim)
		delete(values, "attention.kv_lora_rank")
	} else if headsApart {
		values["attention.head_count_kv"], values["attention.key_length"], values["attention.value_length"] = u(1), u(n.Rank+n.Rope), u(n.Rank)
		values["attention.key_length_mla"], values["attention.value_length_mla"] = u(n.Nope+n.Rope), u(n.V)
	}
	if n.QRank > 0 {
		values["attention.q_lora_rank"] = u(n.QRank)
	}
	if n.MTP > 0 {
		values["nextn_predict_layers"] = u(n.MTP)
	}
	if n.Experts > 0 {
		values["expert_count"], values["expert_used_count"], values["expert_shared_count"] = u(n.Experts), u(n.TopK), u(n.Shared)
		values["expert_feed_forward_length"], values["expert_weights_scale"] = u(n.ExpertFF), float32(n.RoutedFactor)
		values["expert_group_count"], values["expert_group_used_count"] = u(n.Groups), u(n.TopKGroups)
		if n.Norm {
			values["expert_weights_norm"] = true
		}
		if n.Scoring == "sigmoid" {
			values["expert_gating_func"] = u(2)
		}
	}
	if s := n.Scaling; s != nil && !n.grouped() && s.Type != "longrope" {
		values["rope.scaling.type"], values["rope.scaling.factor"] = "yarn", float32(s.Factor)
		values["rope.scaling.original_context_length"], values["rope.scaling.yarn_log_multiplier"] = u(int(s.Original)), float32(0.1*s.AllDim)
	}
	named := map[string]any{}
	for key, value := range values {
		if !strings.HasPrefix(key, "general.") {
			key = architecture + "." + key
		}
		named[key] = value
	}
	return named
}

// ggufNames are what GGUF files call a layer's tensors. %d is an expert, of which they make one tensor.
var ggufNames = map[string]string{
	"input_layernorm.weight": "attn_norm.weight", "post_attention_layernorm.weight": "ffn_norm.weight",
	"self_attn.q_proj.weight": "attn_q.weight", "self_attn.k_proj.weight": "attn_k.weight", "self_attn.v_proj.weight": "attn_v.weight",
	"self_attn.q_proj.bias": "attn_q.bias", "self_attn.k_proj.bias": "attn_k.bias", "self_attn.v_proj.bias": "attn_v.bias",
	"self_attn.q_norm.weight": "attn_q_norm.weight", "self_attn.k_norm.weight": "attn_k_norm.weight",
	"self_attn.q_a_proj.weight": "attn_q_a.weight", "self_attn.q_a_layernorm.weight": "attn_q_a_norm.weight",
	"self_attn.q_b_proj.weight": "attn_q_b.weight", "self_attn.kv_a_proj_with_mqa.weight": "attn_kv_a_mqa.weight", "self_attn.kv_a_layernorm.weight": "attn_kv_a_norm.weight",
	"self_attn.kv_b_proj.weight": "attn_kv_b.weight", "self_attn.o_proj.weight": "attn_output.weight",
	"mlp.gate_proj.weight": "ffn_gate.weight", "mlp.up_proj.weight": "ffn_up.weight", "mlp.down_proj.weight": "ffn_down.weight",
	"mlp.gate.weight": "ffn_gate_inp.weight", "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
	"mlp.shared_experts.gate_proj.weight": "ffn_gate_shexp.weight", "mlp.shared_experts.up_proj.weight": "ffn_up_shexp.weight", "mlp.shared_experts.down_proj.weight": "ffn_down_shexp.weight",
	"mlp.experts.%d.gate_proj.weight": "ffn_gate_exps.weight", "mlp.experts.%d.up_proj.weight": "ffn_up_exps.weight", "mlp.experts.%d.down_proj.weight": "ffn_down_exps.weight",
	"eh_proj.weight": "nextn.eh_proj.weight", "enorm.weight": "nextn.enorm.weight", "hnorm.weight": "nextn.hnorm.weight",
	"shared_head.norm.weight": "nextn.shared_head_norm.weight", "shared_head.head.weight": "nextn.shared_head_head.weight", "embed_tokens.weight": "nextn.embed_tokens.weight",
}

// ggufName is what a GGUF file calls a tensor.
func ggufName(name string) (gguf string, layer, expert int, ok bool) {
	if other, ok := map[string]string{"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}[name]; ok {
		return other, 0, -1, true
	}
	var part string
	if count, _ := fmt.Sscanf(name, "model.layers.%d.%s", &layer, &part); count != 2 {
		return "", 0, 0, false
	}
	if count, _ := fmt.Sscanf(part, "mlp.experts.%d.", &expert); count == 1 {
		part = strings.Replace(part, fmt.Sprintf("experts.%d.", expert), "experts.%d.", 1)
	} else {
		expert = -1
	}
	gguf, ok = ggufNames[part]
	return fmt.Sprintf("blk.%d.%s", layer, gguf), layer, expert, ok
}

// quantise gives the matrices that are to be of blocks random ones, and is the numbers that they stand for.
func (c *Checkpoint) quantise(how GGUF, seed uint64) error {
	n := c.Config.numbers()
	random := rand.New(rand.NewPCG(seed, 3))
	c.blocks = map[string]weights.RawTensor{}
	for i, t := range c.Tensors {
		name, _, _, _ := ggufName(t.Name)
		turned := strings.HasSuffix(name, "attn_kv_b.weight") || n.ModelType == "llama" && (strings.HasSuffix(name, "attn_q.weight") || strings.HasSuffix(name, "attn_k.weight"))
		if len(t.Shape) != 2 || turned || strings.HasSuffix(name, "ffn_gate_inp.weight") {
			continue
		}
		dtype := how.Type(name)
		deviation := 1 / math.Sqrt(float64(t.Shape[1]))
		if name == "token_embd.weight" {
			deviation = 1
		}
		raw, values, err := weights.DrawBlocks(dtype, product(t.Shape), deviation, random)
		if err != nil {
			continue // a plain type
		}
		made, err := weights.FromFloats(t.Name, weights.DTypeF32, t.Shape, values)
		if err != nil {
			return err
		}
		c.Tensors[i] = made[0]
		c.blocks[t.Name] = weights.RawTensor{Name: name, DType: dtype, Shape: t.Shape, Data: raw}
	}
	return nil
}

// ggufTensors turns the checkpoint's tensors into those of a GGUF file.
func (c *Checkpoint) ggufTensors(n *numbers, how GGUF) ([]weights.RawTensor, error) {
	var list []weights.RawTensor
	stacks := map[string][]float32{}
	blocks := map[string][]byte{} // of stacks
	add := func(name string, own weights.DType, shape []int, values []float32) error {
		dtype := own
		switch {
		case len(shape) == 1 || strings.HasSuffix(name, "ffn_gate_inp.weight"):
			dtype = weights.DTypeF32
		case how.Type != nil:
			dtype = how.Type(name)
		}
		t, err := weights.BlocksFrom(name, dtype, shape, values)
		if err != nil {
			t, err = weights.BlocksFrom(name, weights.DTypeF16, shape, values)
		}
		list = append(list, t)
		return err
	}
	for name, factors := range n.ropeFactors(c.Config["rope_scaling"]) {
		if err := add(name, weights.DTypeF32, []int{len(factors)}, factors); err != nil {
			return nil, err
		}
	}
	for _, t := range c.Tensors {
		values := make([]float32, product(t.Shape))
		for i, x := range decode(t) {
			values[i] = float32(x)
		}
		name, _, expert, known := ggufName(t.Name)
		drawn, isDrawn := c.blocks[t.Name]
		switch {
		case !known:
			return nil, fmt.Errorf("enginetest: %s has no name in GGUF files", t.Name)
		case isDrawn && expert >= 0:
			if blocks[name] = append(blocks[name], drawn.Data...); expert == n.Experts-1 {
				list = append(list, weights.RawTensor{Name: name, DType: drawn.DType, Shape: append([]int{n.Experts}, t.Shape...), Data: blocks[name]})
			}
		case isDrawn:
			list = append(list, drawn)
		case expert >= 0:
			if stacks[name] = append(stacks[name], values...); expert == n.Experts-1 {
				if err := add(name, t.DType, append([]int{n.Experts}, t.Shape...), stacks[name]); err != nil {
					return nil, err
				}
			}
		case n.ModelType == "llama" && (strings.HasSuffix(name, "attn_q.weight") || strings.HasSuffix(name, "attn_k.weight")):
			if err := add(name, t.DType, t.Shape, n.pairsTogether(values, t.Shape[1])); err != nil {
				return nil, err
			}
		case strings.HasSuffix(name, "attn_kv_b.weight") && how.HeadsApart:
			keys, vs := n.headsApart(values)
			at := strings.TrimSuffix(name, "kv_b.weight")
			if err := add(at+"k_b.weight", t.DType, []int{n.Heads, n.Rank, n.Nope}, keys); err != nil {
				return nil, err
			}
			if err := add(at+"v_b.weight", t.DType, []int{n.Heads, n.V, n.Rank}, vs); err != nil {
				return nil, err
			}
		default:
			if err := add(name, t.DType, t.Shape, values); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// headsApart cuts kv_b_proj [heads (nope + v), rank] into K [heads, rank, nope] and V [heads, v, rank].
func (n *numbers) headsApart(kvB []float32) (keys, vs []float32) {
	for head := range n.Heads {
		rows := kvB[head*(n.Nope+n.V)*n.Rank:]
		for r := range n.Rank {
			for i := range n.Nope {
				keys = append(keys, rows[i*n.Rank+r])
			}
		}
		vs = append(vs, rows[n.Nope*n.Rank:][:n.V*n.Rank]...)
	}
	return keys, vs
}

// pairsTogether puts the rows of each head that are turned together side by side: (2, half) becomes (half, 2).
func (n *numbers) pairsTogether(values []float32, width int) []float32 {
	out := make([]float32, 0, len(values))
	half := n.HeadDim / 2
	for head := 0; head < len(values); head += n.HeadDim * width {
		for i := range half {
			for _, row := range []int{i, half + i} {
				out = append(out, values[head+row*width:][:width]...)
			}
		}
	}
	return out
}

// ropeFactors are tensors of what frequencies are divided by: longrope's, and Llama 3's as llama.cpp's converter computes them.
func (n *numbers) ropeFactors(scaling any) map[string][]float32 {
	if s := n.Scaling; s != nil && s.Type == "longrope" {
		return map[string][]float32{"rope_factors_short.weight": narrow(s.ShortFactor), "rope_factors_long.weight": narrow(s.LongFactor)}
	}
	s, ok := scaling.(Config)
	if !ok || s["rope_type"] != "llama3" {
		return nil
	}
	number := func(key string) float64 { return s[key].(float64) }
	original := float64(s["original_max_position_embeddings"].(int))
	low, high := original/number("low_freq_factor"), original/number("high_freq_factor")
	var factors []float32
	for i := range n.HeadDim / 2 {
		length := 2 * math.Pi * math.Pow(n.Theta, 2*float64(i)/float64(n.HeadDim))
		switch {
		case length < high:
			factors = append(factors, 1)
		case length > low:
			factors = append(factors, float32(number("factor")))
		default:
			smooth := (original/length - number("low_freq_factor")) / (number("high_freq_factor") - number("low_freq_factor"))
			factors = append(factors, float32(1/((1-smooth)/number("factor")+smooth)))
		}
	}
	return map[string][]float32{"rope_freqs.weight": factors}
}

func narrow(values []float64) (out []float32) {
	for _, v := range values {
		out = append(out, float32(v))
	}
	return out
}
