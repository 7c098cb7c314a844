package deepseek_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/deepseek"
	"tabseek/engine/enginetest"
	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/nativegpu"
	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// published are the models whose config.json comes along, with their sizes as their authors give them or as follow
// from the table of shapes.
var published = map[string]struct {
	params, mtp float64 // billions; of the MTP module without its copies of embedding and head
	copies      bool    // the checkpoint has those copies
	dtypes      enginetest.DTypes
	scale       float64 // of the scores, times sqrt(nope + rope)
}{
	"deepseek-v2-lite": {15.71, 0, false, enginetest.Plain(weights.DTypeBF16), 1.5896},
	"deepseek-v2":      {235.74, 0, false, enginetest.Plain(weights.DTypeBF16), 1.8739},
	"deepseek-r1":      {671.03, 11.61, true, enginetest.FP8, 1.8739},
	"moonlight-16b":    {15.96, 0, false, enginetest.Plain(weights.DTypeBF16), 1},
	"kimi-k2":          {1026.41, 0, false, enginetest.FP8, 1.8132},
	"glm-4.7-flash":    {29.94, 0.64, true, enginetest.Plain(weights.DTypeBF16), 1},
	"gigachat3-10b":    {10.67, 0.41, true, enginetest.FP8, 2.0047},
	"youtu-2b":         {1.96, 0, false, enginetest.Plain(weights.DTypeBF16), 1},
	"minicpm3-4b":      {4.07, 0, false, enginetest.Plain(weights.DTypeBF16), 1},
	plm:                {1.83, 0, false, enginetest.Plain(weights.DTypeBF16), 1},
}

// plm is PLM-1.8B, of which only what its sizes follow from is known here for sure.
const plm = "plm-1.8b"

func publishedConfig(t *testing.T, name string) enginetest.Config {
	if name != plm {
		return enginetest.Published(t, name)
	}
	return enginetest.PLM().With(enginetest.Config{
		"hidden_size": 2048, "num_hidden_layers": 32, "num_attention_heads": 16, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
		"v_head_dim": 128, "intermediate_size": 8192, "vocab_size": 151936, "max_position_embeddings": 4096,
	})
}

func parse(t *testing.T, config enginetest.Config) *deepseek.Config {
	parsed, err := deepseek.ParseConfig(config.JSON())
	require.NoError(t, err)
	return parsed
}

// Published configs are understood as they are, and survive the way through a packed model.
func TestPublishedConfigs(t *testing.T) {
	for name, want := range published {
		t.Run(name, func(t *testing.T) {
			config := publishedConfig(t, name)
			parsed := parse(t, config)
			params, mtp := 0, 0
			for _, tensor := range config.Tensors(false) {
				if strings.HasPrefix(tensor.Name, fmt.Sprintf("model.layers.%d.", parsed.NumHiddenLayers)) {
					mtp += tensor.Elements()
				} else {
					params += tensor.Elements()
				}
			}
			require.InDelta(t, want.params, float64(params)/1e9, 0.006)
			require.InDelta(t, want.mtp, float64(mtp)/1e9, 0.006)
			root := 1 / parse(t, config.With(enginetest.Config{"rope_scaling": nil})).SoftmaxScale()
			require.InDelta(t, want.scale, parsed.SoftmaxScale()*root, 1e-4)

			architecture, err := json.Marshal(parsed)
			require.NoError(t, err)
			again, err := deepseek.ParseConfig(architecture)
			require.NoError(t, err)
			require.Equal(t, parsed, again)
		})
	}
}

// shrink makes matrices small and keeps the numbers of layers and experts, on which the names depend.
func shrink(config enginetest.Config) enginetest.Config {
	small := config.With(enginetest.Config{
		"vocab_size": 300, "hidden_size": 64, "intermediate_size": 64, "moe_intermediate_size": 32, "kv_lora_rank": 32,
		"num_attention_heads": 2, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16,
	})
	if config["model_type"] == "minicpm3" {
		small["rope_scaling"] = nil // its factors are as many as the pairs
	}
	if config["q_lora_rank"] != nil {
		small["q_lora_rank"] = 48
	}
	return small
}

// The table matches every tensor of a published checkpoint exactly once, and the recordings read every slot.
func TestPublishedTensors(t *testing.T) {
	for name, model := range published {
		t.Run(name, func(t *testing.T) {
			config := shrink(publishedConfig(t, name))
			parsed := parse(t, config)
			manifest := planned(t, parsed, config, model.copies, model.dtypes)
			m, err := deepseek.NewModel(parsed, manifest, record.Options{Context: 256, Sequences: 1})
			require.NoError(t, err)
			steps := record.NewSteps(m)
			steps.Step(record.Shape{Kind: record.Decode, Width: 1})
			if parsed.NumNextNPredictLayers > 0 {
				steps.Step(record.Shape{Kind: record.Draft, Width: 1})
			}
			commands, err := m.Plan.Commands()
			require.NoError(t, err)
			enginetest.RequireRead(t, manifest, commands)
		})
	}
}

// planned is the manifest of a packed model without its weights: with nothing requantised, in small buffers.
func planned(t *testing.T, parsed *deepseek.Config, config enginetest.Config, copies bool, dtypes enginetest.DTypes) *weights.Manifest {
	return plannedAs(t, parsed, config, copies, dtypes, weights.PlanOptions{Quant: weights.QuantKeep, MaxBuffer: 1 << 20})
}

func plannedAs(t *testing.T, parsed *deepseek.Config, config enginetest.Config, copies bool, dtypes enginetest.DTypes, options weights.PlanOptions) *weights.Manifest {
	return enginetest.Planned(t, parsed, config.Sources(copies, dtypes), options)
}

// layerDispatches is the bar of a layer that is not cut: the projections of queries and latent, the absorbed query, attention,
// its merge, the output; the router, and the two halves of the experts. Compressed queries take one more.
const layerDispatches = 8

// Every published model can be laid out at its real size, in every quantisation, within the bindings that every device
// has; and a layer takes no more dispatches than its parts.
func TestPublishedSizes(t *testing.T) {
	for name, model := range published {
		for _, options := range []weights.PlanOptions{
			{Quant: weights.QuantKeep}, {Quant: weights.QuantQ8}, {Quant: weights.QuantQ4}, {Quant: weights.QuantQ4, MaxBuffer: 1 << 30},
		} {
			t.Run(fmt.Sprintf("%s %s %d", name, options.Quant, options.MaxBuffer>>20), func(t *testing.T) {
				config := publishedConfig(t, name)
				parsed := parse(t, config)
				manifest := plannedAs(t, parsed, config, model.copies, model.dtypes, options)
				m, err := deepseek.NewModel(parsed, manifest, record.Options{Context: 4096, Sequences: 1})
				require.NoError(t, err)
				steps := record.NewSteps(m)
				for _, rows := range []int{1, record.MaxRows} {
					steps.Step(record.Shape{Kind: record.Decode, Width: rows})
				}
				commands, err := m.Plan.Commands()
				require.NoError(t, err)
				limit := uint64(max(options.MaxBuffer, weights.DefaultBufferSize))
				for _, c := range commands {
					if b, ok := c.(gpu.CreateBuffer); ok {
						require.LessOrEqual(t, b.Size, limit, b.Label)
					}
				}
				layer := m.Plan.Record("layer")
				m.Layer(layer, 1)
				bar := layerDispatches
				if parsed.QLoraRank > 0 {
					bar++
				}
				for _, tensor := range manifest.Tensors {
					if strings.HasPrefix(tensor.Name, record.SlotName(parsed.NumHiddenLayers-1, "")) {
						bar += len(tensor.Pieces) - 1
					}
				}
				require.LessOrEqual(t, layer.Len(), bar)
				if name == "deepseek-v2-lite" && options.Quant == weights.QuantQ4 {
					require.Equal(t, map[int64]int{0: 9, 1 << 30: 8}[options.MaxBuffer], layer.Len())
				}
			})
		}
	}
}

// Every kernel that a published model runs compiles within WebGPU's default limits.
func TestPublishedPipelines(t *testing.T) {
	device, err := nativegpu.Open(nativegpu.Options{Minimum: true})
	if errors.Is(err, nativegpu.ErrNoAdapter) {
		need.Have(t, need.GPU, err)
	}
	require.NoError(t, err)
	defer device.Close()
	compiled := map[string]bool{}
	for name, model := range published {
		config := publishedConfig(t, name)
		parsed := parse(t, config)
		for _, quant := range []weights.Quant{weights.QuantKeep, weights.QuantQ8, weights.QuantQ4} {
			manifest := plannedAs(t, parsed, config, model.copies, model.dtypes, weights.PlanOptions{Quant: quant})
			m, err := deepseek.NewModel(parsed, manifest, record.Options{Context: 4096, Sequences: 1})
			require.NoError(t, err)
			steps := record.NewSteps(m)
			for _, rows := range []int{1, record.MaxRows} {
				steps.Step(record.Shape{Kind: record.Decode, Width: rows})
				steps.Step(record.Shape{Kind: record.Prompt, Width: rows})
				if m.Drafts() {
					steps.Step(record.Shape{Kind: record.Draft, Width: rows})
				}
			}
			commands, err := m.Plan.Commands()
			require.NoError(t, err)
			for _, c := range commands {
				if p, ok := c.(gpu.CreatePipeline); ok && !compiled[p.Program.Name] {
					compiled[p.Program.Name] = true
					p.ID = 0
					require.NoError(t, device.Execute(p), name)
				}
			}
		}
	}
	require.Greater(t, len(compiled), 50, "variants of all models")
}

// Kernels that take all heads at once refuse a matrix that is cut, rather than use a part of it.
func TestCutHeads(t *testing.T) {
	config := enginetest.V3().With(enginetest.Config{"num_attention_heads": 20, "qk_nope_head_dim": 64, "kv_lora_rank": 512})
	parsed := parse(t, config)
	_, err := deepseek.NewModel(parsed, planned(t, parsed, config, false, enginetest.Plain(weights.DTypeBF16)), record.Options{Context: 64, Sequences: 1})
	require.ErrorContains(t, err, "layers.0.k_b: cut into 2 pieces")
}

// A manifest whose tensors are not what the kernels read is refused when it is loaded, before anything is fetched.
func TestUnfitTensors(t *testing.T) {
	config := enginetest.V3()
	parsed := parse(t, config)
	reshape := func(shape ...int) func(*weights.Tensor) {
		return func(tensor *weights.Tensor) { tensor.Shape = shape }
	}
	for name, test := range map[string]struct {
		tensor string
		change func(*weights.Tensor)
		want   string
	}{
		"router in bf16":        {"layers.1.router", func(tensor *weights.Tensor) { tensor.Format = weights.BF16 }, "format is bf16, which the kernel of a router does not read"},
		"norm in f16":           {"final_norm", func(tensor *weights.Tensor) { tensor.Format = weights.F16 }, "format is f16, which the kernel of a vector does not read"},
		"bias in q8_0":          {"layers.1.router_bias", func(tensor *weights.Tensor) { tensor.Format = weights.Q8_0 }, "format is q8_0, which the kernel of a vector does not read"},
		"router as a stack":     {"layers.1.router", reshape(1, parsed.NRoutedExperts, parsed.HiddenSize), "want 2 dimensions"},
		"stack as a matrix":     {"layers.0.down", reshape(parsed.HiddenSize, parsed.IntermediateSize), "want 3 dimensions"},
		"an expert too few":     {"layers.1.down", reshape(parsed.NRoutedExperts, parsed.HiddenSize, parsed.MoEIntermediateSize), "matrices in 1 parts"},
		"rows that nobody uses": {"layers.0.o", reshape(parsed.HiddenSize+1, parsed.NumAttentionHeads*parsed.VHeadDim), "its parts need"},
		"no parts":              {"layers.0.qkv_a", func(tensor *weights.Tensor) { tensor.PartsAt = nil }, "in 1 parts, want"},
	} {
		t.Run(name, func(t *testing.T) {
			manifest := planned(t, parsed, config, false, enginetest.Plain(weights.DTypeBF16))
			tensor, ok := manifest.Tensor(test.tensor)
			require.True(t, ok)
			test.change(tensor)
			_, err := deepseek.NewModel(parsed, manifest, record.Options{Context: 64, Sequences: 1})
			require.ErrorContains(t, err, "tensor "+test.tensor+": ")
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestBadConfigs(t *testing.T) {
	tests := map[string]struct {
		change enginetest.Config
		want   string
	}{
		"another model":        {enginetest.Config{"model_type": "llama"}, "model_type"},
		"no layers":            {enginetest.Config{"num_hidden_layers": 0}, "num_hidden_layers"},
		"odd rope":             {enginetest.Config{"qk_rope_head_dim": 7}, "qk_rope_head_dim"},
		"more than there are":  {enginetest.Config{"num_experts_per_tok": 17}, "num_experts_per_tok"},
		"more than kept":       {enginetest.Config{"num_experts_per_tok": 9}, "num_experts_per_tok"},
		"ragged groups":        {enginetest.Config{"n_group": 3}, "n_group"},
		"too many at once":     {enginetest.Config{"n_routed_experts": 300, "num_experts_per_tok": 256, "n_group": 1, "topk_group": 1}, "num_experts_per_tok"},
		"another activation":   {enginetest.Config{"hidden_act": "relu"}, "hidden_act"},
		"biases":               {enginetest.Config{"attention_bias": true}, "attention_bias"},
		"another rope":         {enginetest.Config{"rope_scaling": enginetest.Config{"type": "longrope", "factor": 4}}, "rope_scaling"},
		"another quantisation": {enginetest.Config{"quantization_config": enginetest.Config{"quant_method": "awq"}}, "quantization_config"},
		"other blocks": {enginetest.Config{"quantization_config": enginetest.Config{
			"quant_method": "fp8", "weight_block_size": []int{64, 64},
		}}, "quantization_config"},
		"text for a number": {enginetest.Config{"hidden_size": "64"}, "hidden_size"},
		"ragged slices":     {enginetest.Config{"intermediate_size": 100, "dense_slices": 3}, "dense_slices is 3"},
		"negative slices":   {enginetest.Config{"dense_slices": -1}, "dense_slices is -1"},
		"half pairs":        {enginetest.Config{"rope_interleave": false}, "rope_interleave"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := deepseek.ParseConfig(enginetest.V3().With(test.change).JSON())
			require.ErrorContains(t, err, test.want)
		})
	}
}
