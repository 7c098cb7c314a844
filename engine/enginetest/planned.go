package enginetest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/architecture"
	"tabseek/engine/gpu"
	"tabseek/engine/record"
	"tabseek/engine/weights"
)

// Published is the config.json of a published model that comes along.
func Published(t testing.TB, name string) Config {
	t.Helper()
	data, err := architecture.PublishedConfig(name)
	require.NoError(t, err)
	config := Config{}
	require.NoError(t, json.Unmarshal(data, &config))
	return config
}

// Sources are the tensors of a checkpoint with this config, as its files list them.
func (c Config) Sources(copies bool, dtypes DTypes) []weights.SourceTensor {
	var tensors []weights.SourceTensor
	for _, spec := range c.Tensors(copies) {
		tensor := weights.SourceTensor{Name: spec.Name, Shape: spec.Shape, DType: dtypes(spec)}
		tensors = append(tensors, tensor)
		if tensor.DType == weights.DTypeFP8 {
			shape := []int{weights.Tiles(spec.Shape[0]), weights.Tiles(spec.Shape[1])}
			tensors = append(tensors, weights.SourceTensor{Name: spec.Name + "_scale_inv", Shape: shape, DType: weights.DTypeF32})
		}
	}
	return tensors
}

// RequireRead demands that the recordings among the commands read every plane of every tensor.
func RequireRead(t testing.TB, manifest *weights.Manifest, commands []gpu.Command) {
	t.Helper()
	type place struct{ buffer, offset uint64 }
	bound := map[place]bool{}
	for _, c := range commands {
		if recording, ok := c.(gpu.CreateRecording); ok {
			for _, command := range recording.Commands {
				for _, r := range command.(gpu.Dispatch).Bindings {
					bound[place{uint64(r.Buffer), r.Offset}] = true
				}
			}
		}
	}
	for _, tensor := range manifest.Tensors {
		for _, p := range tensor.Pieces {
			require.True(t, bound[place{uint64(p.Quants.Buffer), uint64(p.Quants.Offset)}], "%s is not read", tensor.Name)
			if p.Scales != nil {
				require.True(t, bound[place{uint64(p.Scales.Buffer), uint64(p.Scales.Offset)}], "the scales of %s are not read", tensor.Name)
			}
		}
	}
}

// Planned is the manifest of a packed model without its weights.
func Planned(t testing.TB, config record.Config, tensors []weights.SourceTensor, options weights.PlanOptions) *weights.Manifest {
	t.Helper()
	inventory, err := weights.NewInventory("published", tensors)
	require.NoError(t, err)
	options.Ignored = config.Ignored()
	plan, err := weights.BuildPlan(config.Table(), inventory, options)
	require.NoError(t, err)
	architecture, err := json.Marshal(config)
	require.NoError(t, err)
	hash := strings.Repeat("0", 64)
	m := &weights.Manifest{
		Format: weights.ManifestFormat, Version: weights.ManifestVersion, Architecture: architecture, Buffers: plan.Buffers,
		Tokenizer: weights.TokenizerFile{File: "tokenizer.bin", Size: 1, SHA256: hash}, Special: weights.Special{EOS: []int{}},
	}
	for _, tensor := range plan.Tensors {
		m.Tensors = append(m.Tensors, tensor.Tensor)
	}
	for i, b := range plan.Buffers {
		for at := int64(0); at < b.Size; at += weights.MaxShardSize {
			size := min(b.Size-at, weights.MaxShardSize)
			m.Shards = append(m.Shards, weights.Shard{File: "sha256-" + hash + ".bin", Size: size, SHA256: hash, Buffer: i, Offset: at})
		}
	}
	data, err := m.Marshal()
	require.NoError(t, err)
	m, err = weights.ParseManifest(data)
	require.NoError(t, err)
	return m
}
