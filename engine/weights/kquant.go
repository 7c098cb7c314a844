package weights

import (
	"fmt"
	"math"
)

// The quantisers of super-blocks. A block's scale is looked for among a few: for each the codes are rounded, and the scale
// (and minimum) that suits the codes best in the sense of weighted least squares is kept if its error is the least so far.
// Numbers weigh by their size and that of their block's, as large ones matter more to a product.

// superEncoder packs the 256 numbers of a super-block: quants and scales are zeros.
type superEncoder func(x *[SuperElems]float32, quants, scales []byte) error

var superEncoders = map[Format]superEncoder{Q4_K: encodeQ4K, Q6_K: encodeQ6K, Q3_K: encodeQ3K}

// encodeSupers packs a row of whole super-blocks.
func encodeSupers(f Format, src []float32, quants, scales []byte) error {
	p := planes[f]
	size := p.quants * p.blocks
	var block [SuperElems]float32
	for b := range len(src) / SuperElems {
		copy(block[:], src[b*SuperElems:])
		for i, v := range block {
			if !finite(v) {
				return fmt.Errorf("super-block %d of the row: %w", b, notFinite(i, v))
			}
		}
		q, s := quants[b*size:(b+1)*size], scales[b*p.entry:(b+1)*p.entry]
		clear(q)
		clear(s)
		if err := superEncoders[f](&block, q, s); err != nil {
			return fmt.Errorf("super-block %d of the row: %w", b, err)
		}
	}
	return nil
}

// putHalf rounds a super-block's scale to f16 and gives what it then is.
func putHalf(to []byte, d float32) (float32, error) {
	bits := ToF16(d)
	if bits&0x7c00 == 0x7c00 {
		return 0, fmt.Errorf("scale %v is too large for f16", d)
	}
	le.PutUint16(to, bits)
	return FromF16(bits), nil
}

func encodeQ4K(x *[SuperElems]float32, quants, scales []byte) error {
	var blocks [8]weighed
	var steps, leasts [8]float32 // of each block
	for b := range blocks {
		blocks[b] = weigh(x[b*BlockElems : (b+1)*BlockElems])
		steps[b], leasts[b] = blocks[b].fitAffine(15)
	}
	d, err := putHalf(scales, maxOf(steps[:])/63)
	if err != nil {
		return err
	}
	for b := range 8 {
		leasts[b] = blocks[b].fitLeast(d*float32(roundTo(steps[b], d, 0, 63)), leasts[b], 15)
	}
	dmin, err := putHalf(scales[2:], maxOf(leasts[:])/63)
	if err != nil {
		return err
	}
	for b := range 8 {
		scale, least := roundTo(steps[b], d, 0, 63), roundTo(leasts[b], dmin, 0, 63)
		putScaleMin(scales[4:], b, byte(scale), byte(least))
		q := quants[16*b:][:16]
		for i := range BlockElems {
			code := roundTo(x[b*BlockElems+i]+dmin*float32(least), d*float32(scale), 0, 15)
			q[i%16] |= byte(code) << (4 * (i / 16))
		}
	}
	return nil
}

func encodeQ6K(x *[SuperElems]float32, quants, scales []byte) error {
	d, codes, err := encodeGroups(x, scales, 32, 127)
	if err != nil {
		return err
	}
	for i, s := range codes {
		scales[4+i] = byte(int8(s))
	}
	for i, v := range x {
		code := byte(roundTo(v, d*float32(codes[i/16]), -32, 31) + 32)
		b, e := i/BlockElems, i%BlockElems
		quants[16*b+e%16] |= code & 15 << (4 * (e / 16))
		scales[20+8*b+e/4] |= code >> 4 << (2 * (e % 4))
	}
	return nil
}

func encodeQ3K(x *[SuperElems]float32, quants, scales []byte) error {
	d, codes, err := encodeGroups(x, scales, 4, 31)
	if err != nil {
		return err
	}
	for i, s := range codes {
		code := byte(s + 32)
		scales[4+i%8] |= code & 15 << (4 * (i / 8))
		scales[12+i%4] |= code >> 4 << (2 * (i / 4))
	}
	for i, v := range x {
		code := byte(roundTo(v, d*float32(codes[i/16]), -4, 3) + 4)
		b, e := i/BlockElems, i%BlockElems
		quants[8*b+e/4] |= code & 3 << (2 * (e % 4))
		scales[16+4*b+e/8] |= code >> 2 << (e % 8)
	}
	return nil
}

// encodeGroups fits the scales of groups of 16 numbers whose codes are -levels to levels-1, and rounds them to codes of at
// most most times the super-block's scale, which it writes.
func encodeGroups(x *[SuperElems]float32, scales []byte, levels, most int) (d float32, codes [16]int, err error) {
	var fits [16]float32
	largest := float32(0)
	for i := range fits {
		fits[i] = fitSymmetric(x[16*i:16*(i+1)], levels)
		largest = max(largest, fits[i], -fits[i])
	}
	if d, err = putHalf(scales, largest/float32(most)); err != nil {
		return 0, codes, err
	}
	for i, fit := range fits {
		codes[i] = roundTo(fit, d, -most, most)
	}
	return d, codes, nil
}

// roundTo is x in steps, from low to high.
func roundTo(x, step float32, low, high int) int {
	if step == 0 {
		return max(low, min(high, 0))
	}
	return max(low, min(high, int(math.RoundToEven(float64(x/step)))))
}

func maxOf(x []float32) float32 {
	largest := x[0]
	for _, v := range x {
		largest = max(largest, v)
	}
	return largest
}

// putScaleMin is the inverse of scaleMin.
func putScaleMin(s []byte, b int, scale, least byte) {
	if b < 4 {
		s[b] |= scale
		s[b+4] |= least
		return
	}
	s[b+4] |= scale&15 | least&15<<4
	s[b-4] |= scale >> 4 << 6
	s[b] |= least >> 4 << 6
}

// How many scales a block tries, and how often the codes are then rounded anew by the best one.
const (
	trialScales = 9
	refinements = 2
)

// weighed are numbers with what each weighs, as far as that is the same for every scale that is tried.
type weighed struct {
	x       []float32
	weights [BlockElems]float32
	w, wx   float32 // sums of weights, and of weighted numbers
	wxx     float32
}

// weigh lets a number weigh its size and the root of its block's mean square.
func weigh(x []float32) weighed {
	sum := float32(0)
	for _, v := range x {
		sum += v * v
	}
	base := float32(math.Sqrt(float64(sum / float32(len(x)))))
	out := weighed{x: x}
	for i, v := range x {
		weight := base + abs(v)
		out.weights[i] = weight
		out.w += weight
		out.wx += weight * v
		out.wxx += weight * v * v
	}
	return out
}

// round is the nearest whole number, the even one of two, within the limits.
func round(x, low, high float32) float32 {
	const ones = 3 << 22 // the last bit of a number of this size is 1
	l := float32(x+ones) - ones
	if l < low {
		return low
	}
	if l > high {
		return high
	}
	return l
}

// codeSums are the weighted sums over the codes of inverse * (x - from): of codes, their squares, and codes times numbers.
func (n *weighed) codeSums(inverse, from, low, high float32) (wl, wll, wlx float32) {
	weights := n.weights[:len(n.x)]
	for i, v := range n.x {
		l := round(inverse*(v-from), low, high)
		weighted := weights[i] * l
		wl += weighted
		wll += weighted * l
		wlx += weighted * v
	}
	return wl, wll, wlx
}

// fitAffine finds step and least >= 0 such that step * code - least, with codes of 0 to levels, is near to x.
func (n *weighed) fitAffine(levels int) (step, least float32) {
	low, high := float32(0), n.x[0]
	for _, v := range n.x {
		low, high = min(low, v), max(high, v)
	}
	if high <= low {
		return 0, -low
	}
	w, wx, wxx := n.w, n.wx, n.wxx
	bestError := float32(math.Inf(1))
	for trial := range trialScales + refinements {
		from := low
		if step > 0 {
			from = -least
		}
		inverse := (float32(levels) - 1 + 0.25*float32(trial)) / (high - from)
		if trial >= trialScales && step > 0 {
			inverse = 1 / step
		}
		wl, wll, wlx := n.codeSums(inverse, from, 0, float32(levels))
		s, m := float32(0), float32(0)
		if det := w*wll - wl*wl; det > 0 {
			s, m = (w*wlx-wl*wx)/det, (wl*wlx-wll*wx)/det
		}
		if m < 0 && wll > 0 {
			s, m = wlx/wll, 0
		}
		if s <= 0 {
			continue
		}
		if e := wxx + s*s*wll + m*m*w - 2*s*wlx + 2*m*wx - 2*s*m*wl; e < bestError {
			bestError, step, least = e, s, m
		}
	}
	if step == 0 {
		return (high - low) / float32(levels), -low
	}
	return step, least
}

// fitLeast finds the least that suits a step which had to be rounded, as fitAffine does.
func (n *weighed) fitLeast(step, least float32, levels int) float32 {
	if step == 0 {
		return least
	}
	for range refinements {
		wl, _, _ := n.codeSums(1/step, -least, 0, float32(levels))
		if n.w > 0 {
			least = max((step*wl-n.wx)/n.w, 0)
		}
	}
	return least
}

// fitSymmetric finds the scale such that scale * code, with codes of -levels to levels-1, is near to x. It may be negative:
// the code of the greatest magnitude has but one sign.
func fitSymmetric(x []float32, levels int) float32 {
	var largest float32 // with its sign
	for _, v := range x {
		if abs(v) > abs(largest) {
			largest = v
		}
	}
	if largest == 0 {
		return 0
	}
	n := weigh(x)
	best, bestGain := largest/-float32(levels), float32(0)
	for trial := range trialScales + refinements {
		inverse := -(float32(levels) - 1 + 0.25*float32(trial)) / largest
		if trial >= trialScales && best != 0 {
			inverse = 1 / best
		}
		_, wll, wlx := n.codeSums(inverse, 0, -float32(levels), float32(levels-1))
		if wll > 0 && wlx*wlx > bestGain*wll { // the error is that of zeros less wlx^2 / wll
			best, bestGain = wlx/wll, wlx*wlx/wll
		}
	}
	return best
}

func abs(x float32) float32 { return float32(math.Abs(float64(x))) }
