package deepseek_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/shaders"
)

// Rotations of far positions are as exact as those of near ones: two float32 factors, an error of about 1e-7.
func TestFarPositions(t *testing.T) {
	config := parse(t, enginetest.V2().With(enginetest.Config{"qk_rope_head_dim": 64, "max_position_embeddings": 1 << 20}))
	const capacity = 200_000
	table := config.RopeTable(capacity)
	words := make([]uint32, len(table)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(table[4*i:])
	}
	for _, position := range []uint32{0, 1, 255, 256, 257, 4095, 65_537, 131_071, capacity - 1} {
		memory := shaders.Memory{"rows": {0, position}, "rope": words, "positions": make([]uint32, 2+64)}
		d := shaders.Positions(1, shaders.PositionsParams{Rope: 64, Capacity: capacity})
		d.Program.Run(d.Params, d.Workgroups, memory)
		require.Equal(t, []uint32{position, position}, memory.U32("positions")[:2])
		for i, f := range config.Frequencies() {
			sin, cos := math.Sincos(float64(position) * f)
			require.InDelta(t, cos, memory.F32("positions")[2+2*i], 2e-7)
			require.InDelta(t, sin, memory.F32("positions")[3+2*i], 2e-7)
		}
	}
}
