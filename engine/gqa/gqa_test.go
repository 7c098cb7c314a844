package gqa_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/architecture"
	"tabseek/engine/enginetest"
	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/nativegpu"
	"tabseek/engine/gqa"
	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// published are the models whose config.json comes along, with their sizes in billions, as their authors give them.
var published = map[string]struct {
	params    float64
	magnitude float64 // on cosines and sines
}{
	"r1-distill-qwen-1.5b": {1.777, 1},
	"r1-distill-qwen-7b":   {7.616, 1},
	"r1-distill-qwen-14b":  {14.770, 1},
	"r1-distill-qwen-32b":  {32.764, 1},
	"r1-distill-llama-8b":  {8.030, 1},
	"r1-distill-llama-70b": {70.554, 1},
	"r1-0528-qwen3-8b":     {8.191, 1},
}

func parse(t *testing.T, config enginetest.Config) *gqa.Config {
	parsed, err := gqa.ParseConfig(config.JSON())
	require.NoError(t, err)
	return parsed
}

// Published configs are understood as they are, and survive the way through a packed model.
func TestPublishedConfigs(t *testing.T) {
	own := slices.DeleteFunc(architecture.Published(), func(name string) bool {
		return !slices.Contains(gqa.ModelTypes, enginetest.Published(t, name)["model_type"].(string))
	})
	require.Len(t, own, len(published))
	for name, want := range published {
		t.Run(name, func(t *testing.T) {
			config := enginetest.Published(t, name)
			parsed := parse(t, config)
			params := 0
			for _, tensor := range config.Tensors(false) {
				params += tensor.Elements()
			}
			require.InDelta(t, want.params, float64(params)/1e9, 0.001)
			require.InDelta(t, want.magnitude, parsed.Magnitude(), 1e-12)
			require.Equal(t, "GQA", parsed.Dimensions().Attention)

			architecture, err := json.Marshal(parsed)
			require.NoError(t, err)
			again, err := gqa.ParseConfig(architecture)
			require.NoError(t, err)
			require.Equal(t, parsed, again)
		})
	}
}

// layerDispatches are those of a layer that is not cut: the projections, queries and keys turned, attention, its merge, the
// output, and the two halves of the MLP.
const layerDispatches = 7

// Every published model can be laid out at its real size, in every quantisation, within the bindings that every device has;
// its kernels compile within WebGPU's default limits; the recordings read every slot.
func TestPublishedSizes(t *testing.T) {
	device, err := nativegpu.Open(nativegpu.Options{Minimum: true})
	if errors.Is(err, nativegpu.ErrNoAdapter) {
		need.Have(t, need.GPU, err)
	}
	require.NoError(t, err)
	defer device.Close()
	compiled := map[string]bool{}
	for name := range published {
		for _, quant := range []weights.Quant{weights.QuantKeep, weights.QuantQ8, weights.QuantQ4} {
			t.Run(fmt.Sprintf("%s %s", name, quant), func(t *testing.T) {
				config := enginetest.Published(t, name)
				parsed := parse(t, config)
				manifest := enginetest.Planned(t, parsed, config.Sources(false, enginetest.Plain(weights.DTypeBF16)), weights.PlanOptions{Quant: quant})
				a, err := parsed.NewModel(manifest, record.Options{Context: 4096, Sequences: 1})
				require.NoError(t, err)
				m := a.Base()
				steps := record.NewSteps(a)
				for _, rows := range []int{1, record.MaxRows} {
					steps.Step(record.Shape{Kind: record.Decode, Width: rows})
					steps.Step(record.Shape{Kind: record.Prompt, Width: rows})
				}
				commands, err := m.Plan.Commands()
				require.NoError(t, err)
				for _, c := range commands {
					switch c := c.(type) {
					case gpu.CreateBuffer:
						require.LessOrEqual(t, c.Size, uint64(weights.DefaultBufferSize), c.Label)
					case gpu.CreatePipeline:
						if !compiled[c.Program.Name] {
							compiled[c.Program.Name] = true
							c.ID = 0
							require.NoError(t, device.Execute(c))
						}
					}
				}
				enginetest.RequireRead(t, manifest, commands)
				bar := layerDispatches
				for _, tensor := range manifest.Tensors {
					if strings.HasPrefix(tensor.Name, record.SlotName(parsed.NumHiddenLayers-1, "")) {
						bar += len(tensor.Pieces) - 1
					}
				}
				layer := m.Plan.Record("layer")
				a.Layer(layer, 1)
				require.Equal(t, bar, layer.Len())
			})
		}
	}
	require.Greater(t, len(compiled), 20, "variants of all models")
}

func TestBadConfigs(t *testing.T) {
	tests := map[string]struct {
		change enginetest.Config
		want   string
	}{
		"another model":        {enginetest.Config{"model_type": "gemma"}, "model_type"},
		"no layers":            {enginetest.Config{"num_hidden_layers": 0}, "num_hidden_layers"},
		"ragged groups":        {enginetest.Config{"num_key_value_heads": 3}, "num_attention_heads 4 is not a multiple of num_key_value_heads 3"},
		"more groups than":     {enginetest.Config{"num_key_value_heads": 8}, "num_key_value_heads is 8, must be 1 to 4"},
		"odd heads":            {enginetest.Config{"head_dim": 23}, "head_dim is 23, must be even"},
		"another activation":   {enginetest.Config{"hidden_act": "gelu"}, "hidden_act"},
		"biases":               {enginetest.Config{"attention_bias": true}, "attention_bias"},
		"biases of the MLP":    {enginetest.Config{"mlp_bias": true}, "mlp_bias"},
		"a window":             {enginetest.Config{"use_sliding_window": true}, "use_sliding_window"},
		"a window in layers":   {enginetest.Config{"layer_types": []string{"full_attention", "sliding_attention"}}, `layer_types: layer 1 is "sliding_attention"`},
		"another rope":         {enginetest.Config{"rope_scaling": enginetest.Config{"type": "longrope", "factor": 4}}, `rope_scaling type "longrope"`},
		"rope without factor":  {enginetest.Config{"rope_scaling": enginetest.Config{"rope_type": "linear"}}, "rope_scaling factor"},
		"llama3 without edges": {enginetest.Config{"rope_scaling": enginetest.Config{"rope_type": "llama3", "factor": 8, "original_max_position_embeddings": 8192}}, "low_freq_factor"},
		"yarn without context": {enginetest.Config{"rope_scaling": enginetest.Config{"rope_type": "yarn", "factor": 4}}, "original_max_position_embeddings"},
		"another quantisation": {enginetest.Config{"quantization_config": enginetest.Config{"quant_method": "awq"}}, "quantization_config"},
		"text for a number":    {enginetest.Config{"hidden_size": "64"}, "hidden_size"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := gqa.ParseConfig(enginetest.Qwen2().With(test.change).JSON())
			require.ErrorContains(t, err, test.want)
		})
	}
}
