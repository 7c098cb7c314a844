package deepseek

import (
	"math"

	"tabseek/engine/weights"
)

// The two tensors of a MiniCPM3 file that hold what longrope divides frequencies by.
const (
	shortFactors = "rope_factors_short.weight"
	longFactors  = "rope_factors_long.weight"
)

// addMiniCPM says what GGUF files tell of a MiniCPM3 model alone. What llama.cpp's converter leaves out are constants of its
// reader: MiniCPM3-4B's scales. A file with other ones has them as llama.cpp's other models do.
func addMiniCPM(c map[string]any, m *weights.Metadata, file *weights.Inventory, key func(string) string) error {
	c["model_type"], c["rope_theta"] = "minicpm3", 10000.0
	if m.Has(key("rope.freq_base")) {
		c["rope_theta"] = m.Float(key("rope.freq_base"))
	}
	c["scale_emb"], c["scale_depth"], c["dim_model_base"] = 12.0, 1.4, 256.0
	if m.Has(key("embedding_scale")) {
		c["scale_emb"] = m.Float(key("embedding_scale"))
	}
	if m.Has(key("residual_scale")) { // of each layer
		c["scale_depth"] = m.Float(key("residual_scale")) * math.Sqrt(float64(m.Int(key("block_count"))))
	}
	if scale := m.Float(key("logit_scale")); scale != 0 { // what logits are divided by
		c["dim_model_base"] = float64(m.Int(key("embedding_length"))) / scale
	}
	rope, err := ggufLongRope(m, file, key)
	c["rope_scaling"] = rope
	return err
}

// ggufLongRope reads the factors of longrope, if there are any.
func ggufLongRope(m *weights.Metadata, file *weights.Inventory, key func(string) string) (any, error) {
	rope := map[string]any{"type": "longrope", "factor": 1, "original_max_position_embeddings": m.Int(key("context_length"))}
	if m.Has(key("rope.scaling.original_context_length")) {
		rope["original_max_position_embeddings"] = m.Int(key("rope.scaling.original_context_length"))
	}
	found := false
	for name, field := range map[string]string{shortFactors: "short_factor", longFactors: "long_factor"} {
		t, ok := file.Tensor(name)
		if !ok {
			continue
		}
		factors, err := t.Floats(m.Int(key("rope.dimension_count")) / 2)
		if err != nil {
			return nil, err
		}
		rope[field], found = factors, true
		file.Drop(name)
	}
	if !found {
		return nil, nil
	}
	return rope, nil
}
