package enginetest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/record"
	"tabseek/engine/weights"
)

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
