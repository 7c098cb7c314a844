package weights

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// What ggml's reference quantisers make of numbers, told from how they are published: what its own tools pack without an
// importance matrix. Only the numbers that come out matter here, not how they lie.

func nearest(x float32) float32 { return float32(math.RoundToEven(float64(x))) }

func clampTo(x, low, high float32) float32 { return min(max(x, low), high) }

func rounded(x float32) float32 { return FromF16(ToF16(x)) }

// largestOf is the number of greatest magnitude, with its sign.
func largestOf(x []float32) (largest float32) {
	for _, v := range x {
		if abs(v) > abs(largest) {
			largest = v
		}
	}
	return largest
}

func referenceQ8(x []float32) (out []float32) {
	d := abs(largestOf(x)) / 127
	for _, v := range x {
		out = append(out, float32(math.Round(float64(v*inverse(d))))*rounded(d))
	}
	return out
}

func referenceQ4(x []float32) (out []float32) {
	d := largestOf(x) / -8
	for _, v := range x {
		code := min(15, float32(int(v*inverse(d)+8.5)))
		out = append(out, (code-8)*rounded(d))
	}
	return out
}

func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// referenceScale is the scale of 16 numbers with symmetric codes: of 19 trials the one with the least error, where numbers
// weigh by their squares.
func referenceScale(x []float32, levels float32) float32 {
	largest := largestOf(x)
	if abs(largest) < 1e-15 {
		return 0
	}
	scale, best := float32(0), float32(-1)
	for trial := -9; trial <= 9; trial++ {
		factor := -(levels + 0.1*float32(trial)) / largest
		var lx, ll float32
		for _, v := range x {
			l := clampTo(nearest(factor*v), -levels, levels-1)
			lx, ll = lx+v*v*v*l, ll+v*v*l*l
		}
		if ll > 0 && (best < 0 || lx*lx > best*ll) {
			scale, best = lx/ll, lx*lx/ll
		}
	}
	return scale
}

// referenceScale3 is the scale of 16 numbers with codes of 3 bits: codes are improved one by one, five times at most.
func referenceScale3(x []float32) float32 {
	const levels = 4
	largest := largestOf(x)
	if abs(largest) < 1e-15 {
		return 0
	}
	codes := make([]float32, len(x))
	var lx, ll float32
	for i, v := range x {
		codes[i] = clampTo(nearest(-levels/largest*v), -levels, levels-1)
		lx, ll = lx+v*v*v*codes[i], ll+v*v*codes[i]*codes[i]
	}
	for range 5 {
		changed := false
		for i, v := range x {
			w, l := v*v, codes[i]
			restX, restL := lx-w*v*l, ll-w*l*l
			if restX <= 0 {
				continue
			}
			now := clampTo(nearest(v*restL/restX), -levels, levels-1)
			if now == l {
				continue
			}
			newX, newL := restX+w*v*now, restL+w*now*now
			if newL > 0 && newX*newX*ll > lx*lx*newL {
				codes[i], lx, ll, changed = now, newX, newL, true
			}
		}
		if !changed {
			break
		}
	}
	return lx / ll
}

// referenceGroups quantises a super-block of 16 groups with scales of their own, as q6_k and q3_k do.
func referenceGroups(x []float32, levels, steps float32, scaleOf func([]float32) float32) []float32 {
	var scales []float32
	for g := range 16 {
		scales = append(scales, scaleOf(x[16*g:16*g+16]))
	}
	factor := -steps * inverse(largestOf(scales))
	d := rounded(inverse(factor))
	out := make([]float32, len(x))
	for i, v := range x {
		step := d * clampTo(nearest(factor*scales[i/16]), -steps, steps-1)
		out[i] = step * clampTo(nearest(v*inverse(step)), -levels, levels-1)
	}
	return out
}

// referenceAffine is step and least of 32 numbers with codes of 4 bits: of 21 trials the one with the least error.
func referenceAffine(x []float32) (step, least float32) {
	const levels = 15
	var squares, low, high float32
	low, high = x[0], x[0]
	for _, v := range x {
		low, high, squares = min(low, v), max(high, v), squares+v*v
	}
	low = min(low, 0)
	if high == low {
		return 0, -low
	}
	mean := float32(math.Sqrt(float64(squares / float32(len(x)))))
	lossOf := func(step, low float32, factor float32, at float32) (loss float32) {
		for _, v := range x {
			d := step*clampTo(nearest(factor*(v-at)), 0, levels) + low - v
			loss += (mean + abs(v)) * d * d
		}
		return loss
	}
	step, least = (high-low)/levels, low
	best := lossOf(step, low, levels/(high-low), low)
	at := low
	for trial := range 21 {
		factor := (levels - 1 + 0.1*float32(trial)) / (high - at)
		var w, wl, wll, wx, wlx float32
		for _, v := range x {
			l, weight := clampTo(nearest(factor*(v-at)), 0, levels), mean+abs(v)
			w, wl, wll, wx, wlx = w+weight, wl+weight*l, wll+weight*l*l, wx+weight*v, wlx+weight*l*v
		}
		det := w*wll - wl*wl
		if det <= 0 {
			continue
		}
		s, m := (w*wlx-wx*wl)/det, (wll*wx-wl*wlx)/det
		if m > 0 {
			s, m = wlx/wll, 0
		}
		if loss := lossOf(s, m, factor, at); loss < best {
			best, step, least, at = loss, s, m, m
		}
	}
	return step, -least
}

func referenceQ4K(x []float32) []float32 {
	var steps, leasts [8]float32
	for b := range 8 {
		steps[b], leasts[b] = referenceAffine(x[32*b : 32*b+32])
	}
	most, mostLeast := maxOf(steps[:]), maxOf(leasts[:])
	d, dmin := rounded(most/63), rounded(mostLeast/63)
	out := make([]float32, len(x))
	for i, v := range x {
		step := d * min(63, nearest(63*inverse(most)*steps[i/32]))
		least := dmin * min(63, nearest(63*inverse(mostLeast)*leasts[i/32]))
		if out[i] = -least; step != 0 {
			out[i] = step*clampTo(nearest((v+least)/step), 0, 15) - least
		}
	}
	return out
}

// Our quantisers lose no more than ggml's, in the root of the mean square and but for a thousandth, whatever the numbers are like.
func TestReferenceQuantisers(t *testing.T) {
	const rows, k = 16, 2048
	references := map[Format]func(x []float32) []float32{
		Q8_0: referenceQ8, Q4_0: referenceQ4, Q4_K: referenceQ4K,
		Q6_K: func(x []float32) []float32 {
			return referenceGroups(x, 32, 128, func(x []float32) float32 { return referenceScale(x, 32) })
		},
		Q3_K: func(x []float32) []float32 { return referenceGroups(x, 4, 32, referenceScale3) },
	}
	random := rand.New(rand.NewPCG(5, 6))
	for name, draw := range map[string]func(i int) float64{
		"normal":         func(int) float64 { return random.NormFloat64() },
		"uniform":        func(int) float64 { return 2*random.Float64() - 1 },
		"Laplace":        func(int) float64 { return (random.ExpFloat64()) * float64(1-2*random.IntN(2)) },
		"heavy tails":    func(int) float64 { return random.NormFloat64() / math.Sqrt(0.2+random.ExpFloat64()) },
		"beside zero":    func(int) float64 { return 0.7 + 0.3*random.NormFloat64() },
		"positive":       func(int) float64 { return random.ExpFloat64() },
		"blocks of 8:1":  func(i int) float64 { return random.NormFloat64() * float64(1+i/BlockElems%8) },
		"mostly zeros":   func(int) float64 { return random.NormFloat64() * float64(random.IntN(4)/3) },
		"one large each": func(i int) float64 { return random.NormFloat64() * (1 + 15*float64(max(0, 1-i%64))) },
	} {
		random = rand.New(rand.NewPCG(5, 6))
		x := make([]float32, rows*k)
		for i := range x {
			x[i] = float32(0.02 * draw(i))
		}
		for f, reference := range references {
			t.Run(name+" "+string(f), func(t *testing.T) {
				quants, scales, err := Encode(f, x, 1, rows, k)
				require.NoError(t, err)
				size := BlockElems
				if f.Super() {
					size = SuperElems
				}
				ours, theirs, all, got := 0.0, 0.0, 0.0, make([]float32, k)
				for r := range rows {
					DecodeRow(f, quants, scales, r, k, rows, got)
					row := x[r*k : (r+1)*k]
					for at := 0; at < k; at += size {
						for i, v := range reference(row[at : at+size]) {
							want := float64(row[at+i])
							ours += (float64(got[at+i]) - want) * (float64(got[at+i]) - want)
							theirs += (float64(v) - want) * (float64(v) - want)
							all += want * want
						}
					}
				}
				t.Logf("%.5f, ggml's %.5f", math.Sqrt(ours/all), math.Sqrt(theirs/all))
				require.LessOrEqual(t, math.Sqrt(ours), math.Sqrt(theirs)*1.001)
			})
		}
	}
}
