package enginetest

import "fmt"

// A TensorSpec is a tensor that a published checkpoint has.
type TensorSpec struct {
	Name  string
	Shape []int
}

// vector tells norms and the router's bias from matrices.
func (t TensorSpec) vector() bool { return len(t.Shape) == 1 }

// Elements is how many numbers the tensor has.
func (t TensorSpec) Elements() int { return product(t.Shape) }

// Tensors lists the tensors of a checkpoint with this config; with copies, MTP layers bring their own embedding and head.
func (c Config) Tensors(copies bool) []TensorSpec {
	n := c.numbers()
	return n.tensors(copies)
}

// tensors lists a checkpoint's tensors in Hugging Face's naming scheme (DeepSeek-V3's modeling code and README_WEIGHTS).
// With copies, MTP layers have their own embed_tokens and shared_head.head, as DeepSeek-V3's checkpoint does.
func (n *numbers) tensors(copies bool) []TensorSpec {
	list := []TensorSpec{{"model.embed_tokens.weight", []int{n.Vocab, n.Hidden}}, {"model.norm.weight", []int{n.Hidden}}}
	if !n.Tied {
		list = append(list, TensorSpec{"lm_head.weight", []int{n.Vocab, n.Hidden}})
	}
	for layer := range n.Layers + n.MTP {
		add := func(name string, shape ...int) {
			list = append(list, TensorSpec{fmt.Sprintf("model.layers.%d.%s", layer, name), shape})
		}
		if layer >= n.Layers {
			if copies {
				add("embed_tokens.weight", n.Vocab, n.Hidden)
				add("shared_head.head.weight", n.Vocab, n.Hidden)
			}
			add("enorm.weight", n.Hidden)
			add("hnorm.weight", n.Hidden)
			add("eh_proj.weight", n.Hidden, 2*n.Hidden)
			add("shared_head.norm.weight", n.Hidden)
		}
		add("input_layernorm.weight", n.Hidden)
		add("post_attention_layernorm.weight", n.Hidden)
		if n.grouped() {
			n.groupedTensors(add)
		} else {
			n.latentTensors(add)
		}
		mlp := func(name string, width int) {
			if n.Act != "relu2" {
				add(name+".gate_proj.weight", width, n.Hidden)
			}
			add(name+".up_proj.weight", width, n.Hidden)
			add(name+".down_proj.weight", n.Hidden, width)
		}
		if !n.moe(layer) {
			mlp("mlp", n.FF)
			continue
		}
		add("mlp.gate.weight", n.Experts, n.Hidden)
		if n.Method == "noaux_tc" {
			add("mlp.gate.e_score_correction_bias", n.Experts)
		}
		for e := range n.Experts {
			mlp(fmt.Sprintf("mlp.experts.%d", e), n.ExpertFF)
		}
		if n.Shared > 0 {
			mlp("mlp.shared_experts", n.Shared*n.ExpertFF)
		}
	}
	return list
}

// latentTensors are those of a layer's latent attention.
func (n *numbers) latentTensors(add func(name string, shape ...int)) {
	queries := n.Heads * (n.Nope + n.Rope)
	if n.QRank == 0 {
		add("self_attn.q_proj.weight", queries, n.Hidden)
	} else {
		add("self_attn.q_a_proj.weight", n.QRank, n.Hidden)
		add("self_attn.q_a_layernorm.weight", n.QRank)
		add("self_attn.q_b_proj.weight", queries, n.QRank)
	}
	add("self_attn.kv_a_proj_with_mqa.weight", n.Rank+n.Rope, n.Hidden)
	add("self_attn.kv_a_layernorm.weight", n.Rank)
	add("self_attn.kv_b_proj.weight", n.Heads*(n.Nope+n.V), n.Rank)
	add("self_attn.o_proj.weight", n.Hidden, n.Heads*n.V)
}
