package record_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/x448/float16"

	"tabseek/engine/weights"
	"tabseek/shaders"
)

// Packing and kernels agree on what every format's planes say. Each has its own reader of them, and no other test sees both.
func TestFormats(t *testing.T) {
	const width = 512
	require.Len(t, shaders.Formats, len(weights.Formats()))
	for _, format := range weights.Formats() {
		t.Run(string(format), func(t *testing.T) {
			require.True(t, slices.Contains(shaders.Formats, shaders.Format(format)))
			random := rand.New(rand.NewPCG(1, 2))
			quants := make([]byte, width/weights.BlockElems*format.BlockBytes())
			scales := make([]byte, 21*4*width/weights.SuperElems) // as many as the format of the largest has
			for _, plane := range [][]byte{quants, scales} {
				for i := range plane {
					plane[i] = byte(random.IntN(256))
				}
			}
			finite(format, quants, scales)
			want := make([]float32, width)
			weights.DecodeRow(format, quants, scales, 0, width, 1, want)

			words := func(data []byte) []uint32 {
				var out []uint32
				for i := 0; i < len(data); i += 4 {
					out = append(out, binary.LittleEndian.Uint32(data[i:]))
				}
				return out
			}
			m := shaders.Memory{"rows": {0, 0}, "tokens": {0}, "weights": words(quants), "scales": words(scales), "y": make([]uint32, width)}
			d := shaders.Embed(shaders.Format(format), 1, shaders.EmbedParams{Width: width, Count: 1, Capacity: 1, YStride: width, Scale: 1})
			d.Program.Run(d.Params, d.Workgroups, m)
			for i, got := range m.F32("y") {
				require.InDelta(t, want[i], got, 1e-6*(1+max(float64(want[i]), -float64(want[i]))), "element %d", i)
			}
		})
	}
}

// finite makes the numbers of random planes small, wherever a format may have its f16 and f32.
func finite(format weights.Format, quants, scales []byte) {
	switch format {
	case weights.F32:
		for at := 0; at < len(quants); at += 4 {
			binary.LittleEndian.PutUint32(quants[at:], 0x3f800000|uint32(at))
		}
	case weights.BF16, weights.F16:
		for at := 0; at < len(quants); at += 2 {
			binary.LittleEndian.PutUint16(quants[at:], 0x3c00|uint16(at))
		}
	case weights.FP8E4M3:
		for i := range quants {
			quants[i] &= 0x77
		}
		for at := 0; at < len(scales); at += 4 {
			binary.LittleEndian.PutUint32(scales[at:], 0x3f800000)
		}
	case weights.MXFP4:
		for i := range scales {
			scales[i] = 120 + scales[i]%8
		}
	default:
		for at := 0; at+2 <= len(scales); at += 2 {
			if h := float16.Frombits(binary.LittleEndian.Uint16(scales[at:])); h.IsNaN() || h.IsInf(0) || h.Float32() > 100 || h.Float32() < -100 {
				scales[at+1] &= 0x3f
			}
		}
	}
}
