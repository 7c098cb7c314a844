package rope_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/rope"
	"tabseek/shaders"
)

// Rotations of far positions are as exact as those of near ones: two float32 factors, an error of about 1e-7.
func TestFarPositions(t *testing.T) {
	const capacity, dim = 200_000, 64
	frequencies := rope.Frequencies(10000, dim)
	table := rope.Table(frequencies, 1, capacity)
	words := make([]uint32, len(table)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(table[4*i:])
	}
	for _, position := range []uint32{0, 1, 255, 256, 257, 4095, 65_537, 131_071, capacity - 1} {
		memory := shaders.Memory{"rows": {0, position}, "rope": words, "pages": make([]uint32, capacity/shaders.PageSize+1), "positions": make([]uint32, shaders.PositionWords(dim))}
		d := shaders.Positions(1, shaders.PositionsParams{Rope: dim, Pages: capacity})
		d.Program.Run(d.Params, d.Workgroups, memory)
		require.Equal(t, position, memory.U32("positions")[1])
		rotation := memory.F32("positions")[shaders.PositionWords(0):]
		for i, f := range frequencies {
			sin, cos := math.Sincos(float64(position) * f)
			require.InDelta(t, cos, rotation[2*i], 2e-7)
			require.InDelta(t, sin, rotation[2*i+1], 2e-7)
		}
	}
}

// What stretches keeps the fast pairs, slows the slow ones by the factor, and lies between elsewhere.
func TestStretched(t *testing.T) {
	const theta, dim, factor = 500000, 128, 8
	plain := rope.Frequencies(theta, dim)
	for name, stretched := range map[string][]float64{
		"yarn":   rope.Yarn{Factor: factor, Original: 8192, BetaFast: 32, BetaSlow: 1}.Frequencies(theta, dim),
		"llama3": rope.Llama3{Factor: factor, Low: 1, High: 4, Original: 8192}.Frequencies(theta, dim),
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, plain[0], stretched[0])
			require.InEpsilon(t, plain[dim/2-1]/factor, stretched[dim/2-1], 1e-12)
			for i, f := range stretched {
				require.LessOrEqual(t, f, plain[i])
				require.GreaterOrEqual(t, f, plain[i]/factor*(1-1e-12))
			}
		})
	}
	// Wavelengths of Llama 3.1 at its two edges: 8192 positions are stretched whole, 2048 not at all.
	llama := rope.Llama3{Factor: factor, Low: 1, High: 4, Original: 8192}.Frequencies(theta, dim)
	for i, f := range plain {
		switch wavelength := 2 * math.Pi / f; {
		case wavelength > 8192:
			require.InEpsilon(t, f/factor, llama[i], 1e-12)
		case wavelength < 2048:
			require.InEpsilon(t, f, llama[i], 1e-12)
		}
	}
}

func TestMagnitude(t *testing.T) {
	require.Equal(t, 1.0, rope.Magnitude(1, 1))
	require.InDelta(t, 0.1*math.Log(40)+1, rope.Magnitude(40, 1), 1e-12)
	require.InDelta(t, 0.0707*math.Log(40)+1, rope.Magnitude(40, 0.707), 1e-12)
}
