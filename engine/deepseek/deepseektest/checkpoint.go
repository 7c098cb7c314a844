// Package deepseektest makes small random checkpoints for tests: a Hugging Face folder with everything that pack
// reads, its tensors those of the architecture's table.
package deepseektest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"tabseek/engine/deepseek"
	"tabseek/engine/weights"
)

// Ids of the special tokens; the 256 ids before them are bytes.
const (
	BOS = 256 + iota
	EOS
	User
	Assistant
	Think
	EndThink
	VocabSize
)

// A Checkpoint is a Hugging Face folder in memory. Tests change it before they write it.
type Checkpoint struct {
	Config    map[string]any
	Tensors   []weights.RawTensor
	Tokenizer map[string]any
}

// New makes a checkpoint with a dense layer, a layer of experts and an MTP layer; the seed decides the numbers.
func New(seed uint64) (*Checkpoint, error) {
	config := map[string]any{
		"model_type": "deepseek_v3", "architectures": []string{"DeepseekV3ForCausalLM"}, "vocab_size": VocabSize, "hidden_size": 64,
		"num_hidden_layers": 2, "num_nextn_predict_layers": 1, "max_position_embeddings": 256, "num_attention_heads": 2,
		"q_lora_rank": 32, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16,
		"intermediate_size": 96, "first_k_dense_replace": 1, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
		"moe_intermediate_size": 32, "norm_topk_prob": true, "bos_token_id": BOS, "eos_token_id": EOS,
	}
	data, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	parsed, err := deepseek.ParseConfig(data)
	if err != nil {
		return nil, err
	}
	tensors, err := randomTensors(parsed, rand.New(rand.NewPCG(seed, 0)))
	return &Checkpoint{Config: config, Tensors: tensors, Tokenizer: tokenizer()}, err
}

// randomTensors fills every source tensor of the table: norms near 1, matrices so that their products keep the scale.
func randomTensors(config *deepseek.Config, random *rand.Rand) ([]weights.RawTensor, error) {
	var tensors []weights.RawTensor
	seen := map[string]bool{}
	for _, slot := range config.Table() {
		for _, view := range slices.Concat(slot.Matrices...) {
			if seen[view.Source] { // several slots may take parts of one tensor
				continue
			}
			seen[view.Source] = true
			count, scale, dtype := 1, 0.1, weights.DTypeF32
			for _, n := range view.Shape {
				count *= n
			}
			offset := 1.0
			if len(view.Shape) == 2 {
				offset, scale, dtype = 0, 1/math.Sqrt(float64(view.Shape[1])), weights.DTypeBF16
			}
			values := make([]float32, count)
			for i := range values {
				values[i] = float32(offset + scale*random.NormFloat64())
			}
			t, err := weights.FromFloats(view.Source, dtype, view.Shape, values)
			if err != nil {
				return nil, err
			}
			tensors = append(tensors, t...)
		}
	}
	return tensors, nil
}

// tokenizer is a vocabulary of plain bytes, in GPT-2's spelling, with the special tokens of DeepSeek-V3.
func tokenizer() map[string]any {
	vocab := map[string]int{}
	next := rune(0x100)
	for b := range 256 {
		spelled := rune(b)
		if b <= ' ' || b >= 0x7f && b <= 0xa0 || b == 0xad {
			spelled, next = next, next+1
		}
		vocab[string(spelled)] = b
	}
	var added []map[string]any
	for i, text := range []string{"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"} {
		added = append(added, map[string]any{"id": BOS + i, "content": text, "special": true})
	}
	return map[string]any{
		"added_tokens": added, "pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
		"model": map[string]any{"type": "BPE", "vocab": vocab, "merges": []string{}},
	}
}

// Write writes the folder, which must exist.
func (c *Checkpoint) Write(dir string) error {
	for name, content := range map[string]any{
		"config.json": c.Config, "tokenizer.json": c.Tokenizer, "tokenizer_config.json": map[string]any{"chat_template": "<｜User｜>", "add_bos_token": true},
	} {
		data, err := json.Marshal(content)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	var file bytes.Buffer
	if err := weights.WriteSafetensors(&file, c.Tensors); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "model.safetensors"), file.Bytes(), 0o644)
}
