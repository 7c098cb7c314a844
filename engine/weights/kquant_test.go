package weights

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// lostBy is the root of the mean square error of a format on normal numbers, against their deviation.
func lostBy(t *testing.T, f Format, spread func(block int) float64) float64 {
	random := rand.New(rand.NewPCG(3, 4))
	const rows, k = 8, 1024
	src := make([]float32, rows*k)
	for i := range src {
		src[i] = float32(random.NormFloat64() * spread(i/BlockElems))
	}
	quants, scales, err := Encode(f, src, 1, rows, k)
	require.NoError(t, err)
	got := make([]float32, k)
	wrong, all := 0.0, 0.0
	for r := range rows {
		DecodeRow(f, quants, scales, r, k, rows, got)
		for i, v := range got {
			d := float64(v - src[r*k+i])
			wrong += d * d
			all += float64(src[r*k+i]) * float64(src[r*k+i])
		}
	}
	return math.Sqrt(wrong / all)
}

// The quantisers of super-blocks lose what their bits make them lose, and q4_k less than q4_0, which is as large.
func TestSuperBlocks(t *testing.T) {
	for name, spread := range map[string]func(int) float64{
		"alike":            func(int) float64 { return 0.02 },
		"blocks of 5 to 1": func(block int) float64 { return 0.01 * float64(1+block%5) },
	} {
		t.Run(name, func(t *testing.T) {
			bound := map[Format]float64{Q6_K: 0.019, Q4_K: 0.077, Q3_K: 0.155} // a twentieth above what they lose
			for f, most := range bound {
				e := lostBy(t, f, spread)
				t.Logf("%s: %.4f", f, e)
				require.Less(t, e, most, f)
			}
			require.Less(t, lostBy(t, Q4_K, spread), lostBy(t, Q4_0, spread))
		})
	}
}

// What super-blocks cannot hold is refused, and zeros stay zeros.
func TestSuperBlockEdges(t *testing.T) {
	for f := range superEncoders {
		x := make([]float32, SuperElems)
		quants, scales, err := Encode(f, x, 1, 1, SuperElems)
		require.NoError(t, err)
		got := make([]float32, SuperElems)
		DecodeRow(f, quants, scales, 0, SuperElems, 1, got)
		require.Equal(t, x, got, f)

		x[7] = float32(math.NaN())
		_, _, err = Encode(f, x, 1, 1, SuperElems)
		require.ErrorContains(t, err, "element 7 is NaN")
		x[7] = 1e9
		_, _, err = Encode(f, x, 1, 1, SuperElems)
		require.ErrorContains(t, err, "too large")
		_, _, err = Encode(f, x[:100], 1, 1, 100)
		require.Error(t, err)

		for i := range x { // all of one value
			x[i] = -0.75
		}
		quants, scales, err = Encode(f, x, 1, 1, SuperElems)
		require.NoError(t, err)
		DecodeRow(f, quants, scales, 0, SuperElems, 1, got)
		for _, v := range got {
			require.InDelta(t, -0.75, v, 0.02, f)
		}
	}
}

func BenchmarkSuperBlocks(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 4))
	src := make([]float32, 1<<16)
	for i := range src {
		src[i] = float32(random.NormFloat64())
	}
	for f := range superEncoders {
		b.Run(string(f), func(b *testing.B) {
			b.SetBytes(int64(2 * len(src))) // of BF16
			for b.Loop() {
				_, _, err := Encode(f, src, 1, 1, len(src))
				require.NoError(b, err)
			}
		})
	}
}
