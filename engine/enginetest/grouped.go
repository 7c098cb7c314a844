package enginetest

import (
	"fmt"
	"math"
	"slices"
)

// Qwen2 is a small model of R1-Distill-Qwen's kind.
func Qwen2() Config {
	return Config{
		"model_type": "qwen2", "vocab_size": 301, "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 4096,
		"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96, "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000,
		"tie_word_embeddings": true, "sliding_window": 4096, "use_sliding_window": false, "max_window_layers": 21,
	}
}

// Llama is a small model of R1-Distill-Llama's kind.
func Llama() Config {
	return Config{
		"model_type": "llama", "vocab_size": 301, "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 4096,
		"num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 96, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 500000,
		"tie_word_embeddings": false, "attention_bias": false, "mlp_bias": false,
		"rope_scaling": Config{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64},
	}
}

// Qwen3 is a small model of R1-0528-Qwen3's kind: its heads are wider than hidden_size shares out.
func Qwen3() Config {
	return Config{
		"model_type": "qwen3", "vocab_size": 301, "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 4096, "head_dim": 24,
		"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96, "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 1000000,
		"tie_word_embeddings": false, "attention_bias": false, "use_sliding_window": false, "sliding_window": nil,
		"rope_scaling": Config{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "attn_factor": 0.8782488562869419},
	}
}

// grouped are models of grouped-query attention and dense MLPs.
func grouped() []Case {
	with := func(base Config, heads, groups, dim int) Config {
		return base.With(Config{"num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": dim})
	}
	scaled := func(scaling Config) Config { return Llama().With(Config{"rope_scaling": scaling}) }
	return []Case{
		{Name: "qwen2", Config: Qwen2(), Native: true},
		{Name: "llama", Config: Llama(), Prompt: 40, Native: true},
		{Name: "qwen3", Config: Qwen3(), Prompt: 40, Native: true},
		{Name: "qwen2, prompt of 300 in splits", Config: Qwen2(), Prompt: 300, Context: 1000, Native: true},
		{Name: "qwen2, context of 21", Config: Qwen2(), Prompt: 21, Exact: true},
		{Name: "one group of heads", Config: with(Qwen2(), 6, 1, 16)},
		{Name: "a group a head", Config: Llama().With(Config{"num_key_value_heads": Absent})},
		{Name: "7 heads a group of 4", Config: with(Qwen2(), 28, 4, 32), Native: true},
		{Name: "40 heads a group", Config: with(Llama(), 40, 1, 8)},
		{Name: "heads of 2", Config: with(Qwen3(), 3, 3, 2)},
		{Name: "heads of 128", Config: with(Qwen3(), 4, 2, 128)},
		{Name: "heads of 256", Config: with(Llama(), 2, 1, 256)},
		{Name: "odd widths", Config: with(Qwen2(), 3, 1, 10).With(Config{"hidden_size": 33, "intermediate_size": 77})},
		{Name: "dense layers in 3 slices of qwen2", Config: Qwen2().With(Config{"intermediate_size": 93, "dense_slices": 3})},
		{Name: "grouped, small buffers", Config: Llama(), MaxBuffer: 26 << 10, Native: true},
		{Name: "grouped, f32", Config: Qwen2(), DTypes: Mixed},
		{Name: "qwen3 fp8", Config: Qwen3().With(Config{"quantization_config": Config{"quant_method": "fp8", "weight_block_size": []int{128, 128}}}), DTypes: FP8},
		{Name: "linear", Config: scaled(Config{"type": "linear", "factor": 4.0}), Prompt: 20},
		{Name: "no scaling", Config: scaled(nil), Prompt: 20},
		{Name: "yarn by its own factor", Config: scaled(Config{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}), Prompt: 20},
		{Name: "yarn with attention_factor", Config: scaled(Config{
			"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "attention_factor": 0.7, "beta_fast": 16.0, "beta_slow": 2.0,
		}), Prompt: 20},
		{Name: "llama in transformers 5", Config: Llama().With(Config{"rope_theta": Absent, "rope_scaling": Absent, "rope_parameters": Config{
			"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
		}}), Prompt: 20},
		{Name: "qwen2 without fields", Config: Qwen2().With(Config{
			"rms_norm_eps": Absent, "rope_theta": Absent, "hidden_act": Absent, "use_sliding_window": Absent, "sliding_window": Absent,
		})},
	}
}

// grouped tells models of grouped-query attention from those of latent attention.
func (n *numbers) grouped() bool {
	return slices.Contains([]string{"qwen2", "llama", "qwen3"}, n.ModelType)
}

// groupedTensors are those of a layer's attention (transformers' modeling_qwen2, modeling_llama and modeling_qwen3).
func (n *numbers) groupedTensors(add func(name string, shape ...int)) {
	for _, name := range []string{"q", "k", "v"} {
		heads := n.KVHeads
		if name == "q" {
			heads = n.Heads
		}
		add("self_attn."+name+"_proj.weight", heads*n.HeadDim, n.Hidden)
		if n.ModelType == "qwen2" {
			add("self_attn."+name+"_proj.bias", heads*n.HeadDim)
		}
		if n.ModelType == "qwen3" && name != "v" {
			add("self_attn."+name+"_norm.weight", n.HeadDim)
		}
	}
	add("self_attn.o_proj.weight", n.Hidden, n.Heads*n.HeadDim)
}

// groupedAttention is grouped-query attention with every head's own copy of its group's keys and values.
func (s *sequence) groupedAttention(past *cache, prefix string, x []float64, position int) []float64 {
	n := &s.n
	heads := func(name string, count int) [][]float64 {
		y := s.weights[prefix+name+"_proj.weight"].times(x)
		if bias, ok := s.weights[prefix+name+"_proj.bias"]; ok {
			y = plus(y, bias.values)
		}
		var out [][]float64
		for head := range slices.Chunk(y, n.HeadDim) {
			if norm := prefix + name + "_norm.weight"; len(s.weights[norm].values) > 0 {
				head = s.norm(head, norm, n.Eps)
			}
			if name != "v" {
				head = n.rotateHalves(head, position)
			}
			for range n.Heads / count {
				out = append(out, head)
			}
		}
		return out
	}
	past.keys, past.values = append(past.keys, heads("k", n.KVHeads)), append(past.values, heads("v", n.KVHeads))
	var outputs []float64
	for head, q := range heads("q", n.Heads) {
		scores := make([]float64, len(past.keys))
		for t := range scores {
			scores[t] = dot(q, past.keys[t][head]) / math.Sqrt(float64(n.HeadDim))
		}
		output := make([]float64, n.HeadDim)
		for t, p := range softmax(scores) {
			for i, v := range past.values[t][head] {
				output[i] += p * v
			}
		}
		outputs = append(outputs, output...)
	}
	return s.weights[prefix+"o_proj.weight"].times(outputs)
}

// rotateHalves turns element i with element i + half of a head (transformers' rotate_half).
func (n *numbers) rotateHalves(x []float64, position int) []float64 {
	half := len(x) / 2
	y := make([]float64, len(x))
	for i := range half {
		frequency, magnitude := n.stretched(i)
		sin, cos := math.Sincos(float64(position) * frequency)
		y[i], y[i+half] = magnitude*(x[i]*cos-x[i+half]*sin), magnitude*(x[i+half]*cos+x[i]*sin)
	}
	return y
}

// stretched is the frequency of pair i, and the factor on its cosine and sine (transformers' modeling_rope_utils).
func (n *numbers) stretched(i int) (frequency, magnitude float64) {
	plain := 1 / math.Pow(n.Theta, float64(2*i)/float64(n.HeadDim))
	s := n.Scaling
	if s == nil {
		return plain, 1
	}
	switch kind := s.RopeType + s.Type; kind {
	case "linear":
		return plain / s.Factor, 1
	case "llama3":
		wavelength := 2 * math.Pi / plain
		switch {
		case wavelength > s.Original/s.Low:
			return plain / s.Factor, 1
		case wavelength < s.Original/s.High:
			return plain, 1
		}
		smooth := (s.Original/wavelength - s.Low) / (s.High - s.Low)
		return (1-smooth)*plain/s.Factor + smooth*plain, 1
	case "longrope": // MiniCPM's own code, with the context in place of the sequence's length
		factors := s.ShortFactor
		if float64(n.Context) > s.Original {
			factors = s.LongFactor
		}
		return plain / factors[i], math.Sqrt(1 + math.Log(float64(n.Context)/s.Original)/math.Log(s.Original))
	case "yarn":
		magnitude = s.AttentionFactor
		if magnitude == 0 {
			magnitude = mscale(s.Factor, 1)
		}
		if s.AttnFactor != 0 {
			magnitude *= s.AttnFactor
		}
		return n.frequency(i), magnitude
	default:
		panic(fmt.Sprintf("enginetest: rope_scaling %q", kind))
	}
}
