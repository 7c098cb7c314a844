package gqa

import (
	"fmt"
	"math"
	"slices"

	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// FromGGUF reads a model's config from a GGUF file's metadata, and calls the tensors as a Hugging Face checkpoint would.
func FromGGUF(m *weights.Metadata, file *weights.Inventory) (*Config, error) {
	architecture := m.String("general.architecture") // one of ModelTypes
	c, err := record.ParseGGUF(m, file, ggufConfig(m, file, architecture), ParseConfig)
	if err != nil {
		return nil, err
	}
	if n := m.Int(architecture + ".rope.dimension_count"); n != 0 && n != c.HeadDim {
		return nil, fmt.Errorf("%s: rope.dimension_count is %d, only that of whole heads, %d, is supported", file.Name, n, c.HeadDim)
	}
	if err := c.adoptRopeFactors(file); err != nil {
		return nil, err
	}
	return c, c.adoptGGUF(file)
}

// ggufConfig is the metadata as a config.json would have it.
func ggufConfig(m *weights.Metadata, file *weights.Inventory, architecture string) map[string]any {
	key := func(name string) string { return architecture + "." + name }
	integer := func(name string) int { return m.Int(key(name)) }
	_, untied := file.Tensor("output.weight")
	vocabulary := integer("vocab_size")
	if embedding, ok := file.Tensor("token_embd.weight"); ok {
		vocabulary = embedding.Shape[0]
	}
	theta := m.Float(key("rope.freq_base"))
	if theta == 0 {
		theta = 10000
	}
	headDim := integer("attention.key_length")
	if heads := integer("attention.head_count"); headDim == 0 && heads > 0 {
		headDim = integer("embedding_length") / heads
	}
	return map[string]any{
		"model_type": architecture, "vocab_size": vocabulary, "hidden_size": integer("embedding_length"), "num_hidden_layers": integer("block_count"),
		"max_position_embeddings": integer("context_length"), "tie_word_embeddings": !untied,
		"num_attention_heads": integer("attention.head_count"), "num_key_value_heads": integer("attention.head_count_kv"), "head_dim": headDim,
		"rms_norm_eps": m.Float(key("attention.layer_norm_rms_epsilon")), "rope_theta": theta, "rope_scaling": ggufRope(m, key),
		"hidden_act": "silu", "intermediate_size": integer("feed_forward_length"),
	}
}

func ggufRope(m *weights.Metadata, key func(string) string) any {
	kind, factor := m.String(key("rope.scaling.type")), m.Float(key("rope.scaling.factor"))
	if kind == "" || kind == "none" || kind == "linear" && factor <= 1 {
		return nil
	}
	rope := map[string]any{"rope_type": kind, "factor": factor}
	if kind == "yarn" {
		rope["original_max_position_embeddings"] = m.Int(key("rope.scaling.original_context_length"))
		for name, keys := range map[string][]string{
			"attn_factor": {"rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor"}, // the latter is what llama.cpp's converter writes
			"beta_fast":   {"rope.scaling.yarn_beta_fast"}, "beta_slow": {"rope.scaling.yarn_beta_slow"},
		} {
			for _, k := range keys {
				if m.Has(key(k)) {
					rope[name] = m.Float(key(k))
					break
				}
			}
		}
	}
	return rope
}

// adoptRopeFactors reads what the frequencies are divided by, which is all that GGUF files say of Llama 3's scaling, and
// finds the scaling that it is.
func (c *Config) adoptRopeFactors(file *weights.Inventory) error {
	const name = "rope_freqs.weight"
	t, ok := file.Tensor(name)
	if !ok {
		return nil
	}
	factors, err := t.Floats(c.HeadDim / 2)
	if err != nil {
		return err
	}
	file.Drop(name)
	largest := float64(slices.Max(factors))
	if largest == 1 {
		return nil
	}
	plain := (&Config{RopeTheta: c.RopeTheta, HeadDim: c.HeadDim}).Frequencies()
	// The only scaling of its kind that is published: Llama 3.1's, whose factor is 8, and 3.2's, whose is 32.
	c.RopeScaling = &RopeScaling{RopeType: "llama3", Factor: largest, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPositionEmbeddings: 8192}
	for i, f := range c.Frequencies() {
		if want := plain[i] / f; math.Abs(float64(factors[i])-want) > 1e-4*want {
			return fmt.Errorf("%s: tensor %s: factor %d is %g, which is not Llama 3's, %g", t.File, name, i, factors[i], want)
		}
	}
	return nil
}

// adoptGGUF calls the tensors by their other names. Llama's queries and keys have the rows of a head in another order: the
// pairs that are rotated together lie side by side.
func (c *Config) adoptGGUF(file *weights.Inventory) error {
	return record.AdoptGGUF(file, c.NumHiddenLayers, func(t *weights.SourceTensor, layer int, part string) (bool, error) {
		if c.ModelType == "llama" && (part == "attn_q.weight" || part == "attn_k.weight") {
			half := c.HeadDim / 2
			t.PermuteRows(func(row int) int {
				head, at := row/c.HeadDim*c.HeadDim, row%c.HeadDim
				return head + at%half*2 + at/half
			})
		}
		return false, nil
	})
}
