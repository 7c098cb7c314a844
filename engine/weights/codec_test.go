package weights

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlaneSizes(t *testing.T) {
	for _, c := range []struct {
		format         Format
		shape          []int
		quants, scales int64
	}{
		{F32, []int{7}, 28, 0},
		{F32, []int{2, 33}, 2 * 2 * 128, 0},
		{BF16, []int{3, 32}, 3 * 64, 0},
		{F16, []int{3, 4, 1}, 12 * 64, 0},
		{Q8_0, []int{3, 96}, 3 * 96, 20}, // nine f16 and two bytes
		{Q4_0, []int{2, 2, 64}, 8 * 16, 16},
		{Q5_0, []int{3, 96}, 9 * 16, 60},
		{Q5_1, []int{3, 96}, 9 * 16, 72},
		{MXFP4, []int{3, 96}, 9 * 16, 12},
		{Q4_K, []int{2, 3, 256}, 48 * 16, 6 * 16},
		{Q6_K, []int{1, 512}, 16 * 16, 2 * 84},
		{Q2_K, []int{1, 256}, 8 * 8, 20},
		{FP8E4M3, []int{224, 192}, 224 * 192, 2 * 2 * 4},
		{FP8E4M3, []int{5, 129, 40}, 5 * 129 * 64, 5 * 2 * 4},
	} {
		t.Run(fmt.Sprint(c.format, c.shape), func(t *testing.T) {
			quants, scales, err := PlaneSizes(c.format, c.shape)
			require.NoError(t, err)
			assert.Equal(t, c.quants, quants)
			assert.Equal(t, c.scales, scales)
		})
	}
	for name, c := range map[string]struct {
		format Format
		shape  []int
		want   string
	}{
		"unknown format":     {"q9", []int{1, 1}, `unknown format "q9"`},
		"no shape":           {F32, nil, "0 dimensions"},
		"four dimensions":    {F32, []int{1, 1, 1, 1}, "4 dimensions"},
		"zero":               {F32, []int{0, 4}, "dimension 0 is not in"},
		"negative":           {F32, []int{4, -4}, "dimension -4 is not in"},
		"half a super-block": {Q4_K, []int{4, 128}, "whole super-blocks of 256"},
		"overflow":           {F32, []int{1 << 24, 1 << 24, 1 << 24}, "elements"},
		"quantised vector":   {Q8_0, []int{32}, "a vector must be f32"},
		"too large a number": {F32, []int{1 << 62, 4}, "is not in"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := PlaneSizes(c.format, c.shape)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestQuantisedBlocks(t *testing.T) {
	ramp := make([]float32, BlockElems)
	for i := range ramp {
		ramp[i] = float32(i) - 16 // largest magnitude: -16
	}
	quants, scales, err := Encode(Q4_0, ramp, 1, 1, BlockElems)
	require.NoError(t, err)
	// -16 / -8 is 2, and the least squares are of a little more. Codes are rounded by the scale as f16 holds it.
	assert.InDelta(t, 2.08, FromF16(le.Uint16(scales)), 0.01)
	assert.Equal(t, byte(0|8<<4), quants[0])
	assert.Equal(t, byte(1|8<<4), quants[1])
	assert.Equal(t, byte(1|9<<4), quants[2])
	assert.Equal(t, byte(8|15<<4), quants[15])

	quants, scales, err = Encode(Q8_0, []float32{-254, 127, 1, -1, 0.9, 3}, 1, 1, 6)
	require.NoError(t, err)
	assert.Equal(t, ToF16(2), le.Uint16(scales))
	// 0.5 rounds away from zero.
	assert.Equal(t, []byte{0x81, 64, 1, 0xff, 0, 2, 0}, quants[:7])

	quants, scales, err = Encode(Q4_0, []float32{0, 0}, 1, 1, 2)
	require.NoError(t, err)
	assert.Zero(t, le.Uint16(scales))
	assert.Equal(t, byte(0x88), quants[0], "zero and padding are the code of zero")
	assert.Equal(t, byte(0x88), quants[15])
}

func TestEncodeDecode(t *testing.T) {
	// Largest relative L2 error on normal numbers; deepseek.md 3.3 has the
	// error of ggml's own quantisers (q4_0 8.4 %, q8_0 0.53 %).
	limits := map[Format]float64{F32: 0, BF16: 0.004, F16: 0.0005, FP8E4M3: 0.03, Q8_0: 0.006, Q4_0: 0.09}
	shapes := [][3]int{{1, 1, 1}, {1, 5, 31}, {2, 3, 33}, {1, 130, 64}, {2, 129, 200}, {3, 128, 128}}
	for f := range limits {
		for _, s := range shapes {
			t.Run(fmt.Sprint(f, s), func(t *testing.T) {
				n, rows, k := s[0], s[1], s[2]
				src := normals(n*rows*k, 1)
				quants, scales, err := Encode(f, src, n, rows, k)
				require.NoError(t, err)
				got := make([]float32, k)
				var diff, norm float64
				for r := range n * rows {
					DecodeRow(f, quants, scales, r, k, rows, got)
					for i, v := range got {
						x := float64(src[r*k+i])
						diff += (float64(v) - x) * (float64(v) - x)
						norm += x * x
					}
				}
				assert.LessOrEqual(t, math.Sqrt(diff/norm), limits[f]+1e-12)
			})
		}
	}
}

// normals is n numbers with a normal distribution.
func normals(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	return values
}

func TestEncodeRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, c := range map[string]struct {
		format Format
		value  float32
	}{
		"nan f32": {F32, nan}, "inf bf16": {BF16, inf}, "inf f16": {F16, inf}, "f16 overflow": {F16, 1e6}, "bf16 overflow": {BF16, math.MaxFloat32},
		"nan q8": {Q8_0, nan}, "nan q4": {Q4_0, nan}, "inf q4": {Q4_0, inf}, "q8 overflow": {Q8_0, 1e30}, "nan fp8": {FP8E4M3, nan}, "inf fp8": {FP8E4M3, inf},
		"unknown": {"q3", 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Encode(c.format, []float32{1, c.value}, 1, 1, 2)
			assert.Error(t, err)
		})
	}
	_, _, err := Encode(F32, []float32{1}, 1, 1, 2)
	assert.ErrorContains(t, err, "1 values for a stack [1 1 2]")
}

// FuzzEncodeDecode packs arbitrary rows: a row is refused, or comes back within
// half a step of the format.
func FuzzEncodeDecode(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63, 0, 0, 0, 192}, byte(0))
	f.Add([]byte{1, 0, 0, 0}, byte(4))
	f.Add([]byte{255, 255, 127, 127}, byte(5))
	f.Fuzz(func(t *testing.T, data []byte, which byte) {
		k := min(len(data)/4, 300)
		if k == 0 {
			return
		}
		format := Formats()[int(which)%len(Formats())]
		src := make([]float32, k)
		for i := range src {
			src[i] = math.Float32frombits(le.Uint32(data[4*i:]))
		}
		quants, scales, err := Encode(format, src, 1, 1, k)
		if err != nil {
			return
		}
		got := make([]float32, k)
		DecodeRow(format, quants, scales, 0, k, 1, got)
		for i := range got {
			span := BlockElems
			if format == FP8E4M3 {
				span = TileElems
			}
			var amax float64
			for _, v := range src[i/span*span : min(k, (i/span+1)*span)] {
				amax = max(amax, math.Abs(float64(v)))
			}
			x := float64(src[i])
			// f16 scales are rounded themselves, and vanish below 2^-25.
			tolerance := map[Format]float64{
				F32: 0, BF16: math.Abs(x)/256 + 1e-40, F16: math.Abs(x)/2048 + 1e-7, FP8E4M3: math.Abs(x)/16 + amax/448/512 + 1e-38,
				Q8_0: amax/127*0.6 + amax/1024 + 1e-5, Q4_0: amax/8*1.01 + amax/1024 + 1e-5,
			}[format]
			if math.Abs(float64(got[i])-x) > tolerance*1.001 {
				t.Fatalf("%s: element %d: %v became %v", format, i, src[i], got[i])
			}
		}
	})
}
