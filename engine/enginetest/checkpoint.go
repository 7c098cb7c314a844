package enginetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/x448/float16"

	"tabseek/engine/weights"
)

// DTypes chooses the number format of a checkpoint's tensors.
type DTypes func(t TensorSpec) weights.DType

// Plain keeps all tensors in one format.
func Plain(d weights.DType) DTypes { return func(TensorSpec) weights.DType { return d } }

// FP8 is how DeepSeek-V3 is published: the linear layers of blocks in FP8, the rest in BF16, the router's bias in F32.
func FP8(t TensorSpec) weights.DType {
	switch {
	case strings.HasSuffix(t.Name, "e_score_correction_bias"):
		return weights.DTypeF32
	case t.vector(), !strings.HasSuffix(t.Name, "_proj.weight") && !strings.HasSuffix(t.Name, "_mqa.weight"):
		return weights.DTypeBF16
	}
	return weights.DTypeFP8
}

// Mixed gives every tensor a format of its own.
func Mixed(t TensorSpec) weights.DType {
	h := fnv.New32a()
	h.Write([]byte(t.Name))
	choices := []weights.DType{weights.DTypeBF16, weights.DTypeF16, weights.DTypeF32, weights.DTypeFP8}
	if t.vector() {
		choices = choices[:3]
	}
	return choices[h.Sum32()%uint32(len(choices))]
}

// A Checkpoint is a model as it is published: a config, tensors and a tokenizer. Tests change it before they write it.
type Checkpoint struct {
	Config    Config
	Tensors   []weights.RawTensor
	Tokenizer map[string]any

	blocks map[string]weights.RawTensor // of tensors that are F32 here what a GGUF file holds
}

// Tiny is a random checkpoint for tests that need some model: a dense layer, a layer of experts and an MTP module. The
// seed decides the numbers.
func Tiny(seed uint64) (*Checkpoint, error) {
	return draw(&Case{Config: V3().With(Config{
		"vocab_size": TinyVocab, "max_position_embeddings": 256, "num_attention_heads": 2, "q_lora_rank": 32, "n_routed_experts": 4,
		"num_experts_per_tok": 2, "moe_intermediate_size": 32, "n_group": 1, "topk_group": 1, "bos_token_id": BOS, "eos_token_id": EOS,
	})}, seed)
}

// draw makes random weights. scales multiplies the tensors whose names end so, and shifts moves them.
func draw(c *Case, seed uint64) (*Checkpoint, error) {
	n := c.Config.With(c.Tensors).numbers()
	random := rand.New(rand.NewPCG(seed, 1))
	out := &Checkpoint{Config: c.Config, Tokenizer: byteTokenizer(n.Vocab)}
	for _, t := range n.tensors(c.Copies) {
		mean, spread := n.distribution(t)
		for suffix, scale := range c.Scales {
			if strings.HasSuffix(t.Name, suffix) {
				mean, spread = mean*scale, spread*scale
			}
		}
		for suffix, shift := range c.Shifts {
			if strings.HasSuffix(t.Name, suffix) {
				mean += shift
			}
		}
		values := make([]float32, t.Elements())
		for i := range values {
			values[i] = float32(mean + spread*random.NormFloat64())
		}
		made, err := weights.FromFloats(t.Name, c.dtypes()(t), t.Shape, values)
		if err != nil {
			return nil, err
		}
		out.Tensors = append(out.Tensors, made...)
	}
	if c.GGUF != nil && c.GGUF.Type != nil {
		if err := out.quantise(*c.GGUF, seed); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// distribution is the mean and spread of a tensor's numbers: such that activations are near 1 and logits near 3.
func (n *numbers) distribution(t TensorSpec) (mean, spread float64) {
	isHead := t.Name == "lm_head.weight" || n.Tied && t.Name == "model.embed_tokens.weight"
	switch {
	case strings.HasSuffix(t.Name, "e_score_correction_bias"):
		return 0, 0.2
	case strings.HasSuffix(t.Name, "_proj.bias"):
		return 0, 0.5
	case t.vector():
		return 1, 0.2
	case isHead:
		return 0, 3 / math.Sqrt(float64(n.Hidden))
	case strings.HasSuffix(t.Name, "embed_tokens.weight"):
		return 0, 1
	}
	return 0, 1 / math.Sqrt(float64(t.Shape[1]))
}

// Write writes the folder: config.json, tokenizer.json and the weights, in one file or, with an index, in several.
func (c *Checkpoint) Write(dir string, files int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	write := func(name string, data []byte) error { return os.WriteFile(filepath.Join(dir, name), data, 0o644) }
	for name, content := range map[string]any{
		"config.json": c.Config, "tokenizer.json": c.Tokenizer, "tokenizer_config.json": map[string]any{"chat_template": "<｜User｜>", "add_bos_token": true},
	} {
		data, err := json.Marshal(content)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := write(name, data); err != nil {
			return err
		}
	}
	parts := make([][]weights.RawTensor, max(files, 1))
	for i, t := range c.Tensors {
		parts[i%len(parts)] = append(parts[i%len(parts)], t)
	}
	places := map[string]string{}
	for i, part := range parts {
		name := "model.safetensors"
		if len(parts) > 1 {
			name = fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(parts))
		}
		var out bytes.Buffer
		if err := weights.WriteSafetensors(&out, part); err != nil {
			return err
		}
		if err := write(name, out.Bytes()); err != nil {
			return err
		}
		for _, t := range part {
			places[t.Name] = name
		}
	}
	if len(parts) == 1 {
		return nil
	}
	index, err := json.Marshal(map[string]any{"metadata": map[string]any{"total_size": 0}, "weight_map": places})
	if err != nil {
		return err
	}
	return write("model.safetensors.index.json", index)
}

// fused is the checkpoint with the experts of a layer in two stacks, gate and up of an expert one below the other.
func (c *Checkpoint) fused() *Checkpoint {
	out := &Checkpoint{Config: c.Config, Tokenizer: c.Tokenizer}
	at := map[string]int{} // stacks in out.Tensors
	for _, t := range c.Tensors {
		layer, rest, ok := strings.Cut(t.Name, ".mlp.experts.")
		if !ok {
			out.Tensors = append(out.Tensors, t)
			continue
		}
		_, rest, _ = strings.Cut(rest, ".") // the number of the expert: they come in order, and gate before up
		kind, suffix, _ := strings.Cut(rest, "_proj.weight")
		name := layer + ".mlp.experts." + map[string]string{"gate": "gate_up", "up": "gate_up", "down": "down"}[kind] + "_proj" + suffix
		i, ok := at[name]
		if !ok {
			i = len(out.Tensors)
			at[name] = i
			out.Tensors = append(out.Tensors, weights.RawTensor{Name: name, DType: t.DType, Shape: []int{0, t.Shape[0], t.Shape[1]}})
		}
		stack := &out.Tensors[i]
		stack.Data = append(stack.Data, t.Data...)
		switch kind {
		case "gate":
			stack.Shape[0]++
			stack.Shape[1] = 2 * t.Shape[0]
		case "down":
			stack.Shape[0]++
		}
	}
	return out
}

// Ids of the tokens that DeepSeek's chat templates use.
const (
	BOS = 256 + iota
	EOS
	User
	Assistant
	Think
	EndThink
	TinyVocab // the vocabulary of Tiny: bytes and these
)

var special = []string{"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"}

// byteTokenizer is a vocabulary of the 256 bytes, then added tokens, the first of them those of chat templates.
func byteTokenizer(vocab int) map[string]any {
	bytes := map[string]int{}
	shifted := 0 // bytes that are not printable are spelled from U+0100 on, in order (GPT-2's byte alphabet)
	for b := range 256 {
		r := rune(b)
		if !('!' <= b && b <= '~' || 0xa1 <= b && b <= 0xac || 0xae <= b) {
			r = rune(256 + shifted)
			shifted++
		}
		bytes[string(r)] = b
	}
	var added []map[string]any
	for id := 256; id < vocab; id++ {
		content := fmt.Sprintf("<|%d|>", id)
		if id-256 < len(special) {
			content = special[id-256]
		}
		added = append(added, map[string]any{"id": id, "content": content, "special": true})
	}
	return map[string]any{
		"version": "1.0", "added_tokens": added, "normalizer": nil,
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
		"decoder":       map[string]any{"type": "ByteLevel"},
		"model":         map[string]any{"type": "BPE", "vocab": bytes, "merges": []string{}},
	}
}

// Reference reads the checkpoint's numbers for the formulas.
func (c *Checkpoint) Reference() *Reference {
	byName := map[string]weights.RawTensor{}
	for _, t := range c.Tensors {
		byName[t.Name] = t
	}
	r := &Reference{n: c.Config.numbers(), weights: map[string]matrix{}, Margin: math.Inf(1)}
	for _, t := range c.Tensors {
		if strings.HasSuffix(t.Name, "_scale_inv") {
			continue
		}
		m := matrix{1, t.Shape[len(t.Shape)-1], decode(t)}
		if len(t.Shape) == 2 {
			m.rows = t.Shape[0]
		}
		if t.DType == weights.DTypeFP8 {
			scales := decode(byName[t.Name+"_scale_inv"])
			across := (m.cols + 127) / 128
			for i := range m.values {
				m.values[i] *= scales[i/m.cols/128*across+i%m.cols/128]
			}
		}
		r.weights[t.Name] = m
	}
	if _, ok := byName[fmt.Sprintf("model.layers.%d.eh_proj.weight", r.n.Layers)]; !ok {
		r.n.MTP = 0
	}
	return r
}

// decode reads a tensor's raw bytes.
func decode(t weights.RawTensor) []float64 {
	values := make([]float64, product(t.Shape))
	size := len(t.Data) / len(values)
	for i := range values {
		raw := t.Data[size*i : size*(i+1)]
		switch t.DType {
		case weights.DTypeF32:
			values[i] = float64(math.Float32frombits(uint32(raw[0]) | uint32(raw[1])<<8 | uint32(raw[2])<<16 | uint32(raw[3])<<24))
		case weights.DTypeBF16:
			values[i] = float64(math.Float32frombits(uint32(raw[0])<<16 | uint32(raw[1])<<24))
		case weights.DTypeF16:
			values[i] = float64(float16.Frombits(uint16(raw[0]) | uint16(raw[1])<<8).Float32())
		case weights.DTypeFP8: // 1 sign, 4 exponent (bias 7), 3 mantissa bits
			exponent, mantissa := int(raw[0]>>3&15), float64(raw[0]&7)/8
			values[i] = math.Ldexp(1+mantissa, exponent-7)
			if exponent == 0 {
				values[i] = math.Ldexp(mantissa, -6)
			}
			if raw[0] >= 128 {
				values[i] = -values[i]
			}
		}
	}
	return values
}
