package record

import (
	"encoding/json"
	"fmt"

	"tabseek/engine/weights"
)

// ggufTensors is what a Hugging Face checkpoint calls the tensors of a layer that a GGUF file names.
var ggufTensors = map[string]string{
	"attn_norm.weight": "input_layernorm.weight", "ffn_norm.weight": "post_attention_layernorm.weight", "attn_output.weight": "self_attn.o_proj.weight",
	"attn_q.weight": "self_attn.q_proj.weight", "attn_k.weight": "self_attn.k_proj.weight", "attn_v.weight": "self_attn.v_proj.weight",
	"attn_q.bias": "self_attn.q_proj.bias", "attn_k.bias": "self_attn.k_proj.bias", "attn_v.bias": "self_attn.v_proj.bias",
	"attn_q_norm.weight": "self_attn.q_norm.weight", "attn_k_norm.weight": "self_attn.k_norm.weight",
	"ffn_gate.weight": "mlp.gate_proj.weight", "ffn_up.weight": "mlp.up_proj.weight", "ffn_down.weight": "mlp.down_proj.weight",

	// latent attention
	"attn_q_a.weight": "self_attn.q_a_proj.weight", "attn_q_a_norm.weight": "self_attn.q_a_layernorm.weight", "attn_q_b.weight": "self_attn.q_b_proj.weight",
	"attn_kv_a_mqa.weight": "self_attn.kv_a_proj_with_mqa.weight", "attn_kv_a_norm.weight": "self_attn.kv_a_layernorm.weight",
	"attn_kv_b.weight": "self_attn.kv_b_proj.weight",

	// experts
	"ffn_gate_inp.weight": "mlp.gate.weight", "exp_probs_b.bias": "mlp.gate.e_score_correction_bias",
	"ffn_gate_shexp.weight": "mlp.shared_experts.gate_proj.weight", "ffn_up_shexp.weight": "mlp.shared_experts.up_proj.weight",
	"ffn_down_shexp.weight": "mlp.shared_experts.down_proj.weight",

	// multi-token prediction
	"nextn.eh_proj.weight": "eh_proj.weight", "nextn.enorm.weight": "enorm.weight", "nextn.hnorm.weight": "hnorm.weight",
	"nextn.shared_head_norm.weight": "shared_head.norm.weight", "nextn.shared_head_head.weight": "shared_head.head.weight",
	"nextn.embed_tokens.weight": "embed_tokens.weight",
}

// ggufOthers are the tensors of no layer.
var ggufOthers = map[string]string{
	"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight",
}

// ParseGGUF parses what a GGUF file's metadata say, once they are spelled as a config.json is; what m could not read is an
// error first.
func ParseGGUF[C any](m *weights.Metadata, file *weights.Inventory, given map[string]any, parse func([]byte) (*C, error)) (*C, error) {
	if err := m.Err(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(given)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name, err)
	}
	c, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name, err)
	}
	return c, nil
}

// AdoptGGUF calls the tensors of a GGUF file as a Hugging Face checkpoint would, so that one table tells of both. own takes
// those of a layer that the architecture itself knows better; names that nobody knows stay, to be refused.
func AdoptGGUF(file *weights.Inventory, layers int, own func(t *weights.SourceTensor, layer int, part string) (bool, error)) error {
	for _, t := range file.Tensors() {
		var layer int
		var part string
		to, ok := ggufOthers[t.Name]
		if n, _ := fmt.Sscanf(t.Name, "blk.%d.%s", &layer, &part); n == 2 && layer >= 0 && layer < layers {
			taken, err := own(t, layer, part)
			if err != nil {
				return err
			}
			if taken {
				continue
			}
			to, ok = ggufTensors[part]
			to = Source(layer, to)
		}
		if !ok {
			continue
		}
		if err := file.Rename(t.Name, to); err != nil {
			return err
		}
	}
	return nil
}
