package shaders

import (
	"encoding/binary"
	"math"
)

// ggmlElements says what the 32 elements of a block of ggml's formats are, block b of those that share an entry among the scales.
//
// In a block of nibbles byte i holds element i (low) and i+16 (high). What is left of more than 4 bits lies among the scales:
// a word of fifth bits for each block, bit i that of element i. q2_k and q3_k have 2 bits an element, in order.
//
//	q8_0 q4_0 iq4_nl  f16 d
//	q4_1              f16 d, f16 m
//	q5_0              f16 d of two blocks, then the fifth bits of each
//	q5_1              f16 d, f16 m; fifth bits
//	mxfp4             a byte e: 2^(e-127)
//
// and for the 8 blocks of a super-block, with ggml's own packing of the 6-bit scales:
//
//	q4_k    f16 d, f16 dmin; 12 bytes of scales and mins
//	q5_k    as q4_k; fifth bits of each block
//	q6_k    f16 d and 2 bytes of nothing; 16 int8 scales, one for 16 elements; upper 2 bits, 2 words for each block, in order
//	iq4_xs  f16 d, 16 upper bits of scales; 4 bytes of their lower bits
//	q2_k    f16 d, f16 dmin; 16 bytes, one for 16 elements: scale (low nibble), min (high)
//	q3_k    f16 d and 2 bytes of nothing; 12 bytes of scales; third bits of each block
func ggmlElements(f Format, quants, scales []byte, b int) func(i int) float64 {
	var d, m float64
	if len(scales) >= 2 {
		d = float64(halfAt(scales, 0))
	}
	if len(scales) >= 4 {
		m = float64(halfAt(scales, 1))
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(scales[4*i:]) }
	switch f {
	case Q8_0:
		return func(i int) float64 { return d * float64(int8(quants[i])) }
	case Q4_0:
		return func(i int) float64 { return d * (nibbleOf(quants, i) - 8) }
	case Q4_1:
		return func(i int) float64 { return d*nibbleOf(quants, i) + m }
	case Q5_0:
		d, bits := float64(halfAt(scales, b)), word(1+b)
		return func(i int) float64 { return d * (nibbleOf(quants, i) + 16*bitOf(bits, i) - 16) }
	case Q5_1:
		bits := word(1)
		return func(i int) float64 { return d*(nibbleOf(quants, i)+16*bitOf(bits, i)) + m }
	case IQ4_NL:
		return func(i int) float64 { return d * iq4Values[int(nibbleOf(quants, i))] }
	case MXFP4:
		exponent := int(scales[0]) - 127
		return func(i int) float64 { return math.Ldexp(mxfp4Values[int(nibbleOf(quants, i))], exponent) }
	case Q4_K:
		scale, least := scaleAndLeast(scales[4:], b)
		return func(i int) float64 { return d*scale*nibbleOf(quants, i) - m*least }
	case Q5_K:
		scale, least := scaleAndLeast(scales[4:], b)
		bits := word(4 + b)
		return func(i int) float64 { return d*scale*(nibbleOf(quants, i)+16*bitOf(bits, i)) - m*least }
	case Q6_K:
		scales := scales[4:]
		return func(i int) float64 {
			return d * float64(int8(scales[2*b+i/16])) * (nibbleOf(quants, i) + 16*twoBitsOf(scales[16+8*b:], i) - 32)
		}
	case IQ4_XS:
		scale := int(scales[4+b/2]>>(4*(b%2))&15) | int(word(0)>>(16+2*b)&3)<<4
		return func(i int) float64 { return d * float64(scale-32) * iq4Values[int(nibbleOf(quants, i))] }
	case Q2_K:
		return func(i int) float64 {
			both := scales[4+2*b+i/16]
			return d*float64(both&15)*twoBitsOf(quants, i) - m*float64(both>>4)
		}
	case Q3_K:
		bits := word(4 + b)
		return func(i int) float64 {
			s := 2*b + i/16
			scale := int(scales[4+s%8]>>(4*(s/8))&15) | int(scales[12+s%4]>>(2*(s/4))&3)<<4
			return d * float64(scale-32) * (twoBitsOf(quants, i) + 4*bitOf(bits, i) - 4)
		}
	}
	panic("shaders: no reference for format " + string(f))
}

func nibbleOf(quants []byte, i int) float64 { return float64(quants[i%16] >> (4 * (i / 16)) & 15) }

func bitOf(word uint32, i int) float64 { return float64(word >> i & 1) }

func twoBitsOf(quants []byte, i int) float64 { return float64(quants[i/4] >> (2 * (i % 4)) & 3) }

// scaleAndLeast unpacks the 6-bit scale and minimum of block b of a super-block of q4_k or q5_k.
func scaleAndLeast(s []byte, b int) (scale, least float64) {
	if b < 4 {
		return float64(s[b] & 63), float64(s[b+4] & 63)
	}
	return float64(s[b+4]&15 | s[b-4]>>6<<4), float64(s[b+4]>>4 | s[b]>>6<<4)
}

// iq4Values are the values of iq4_nl's and iq4_xs's codes (ggml's kvalues_iq4nl).
var iq4Values = [16]float64{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// mxfp4Values are the e2m1 numbers (OCP Microscaling Formats, 5.3.3): sign, 2 exponent bits, 1 mantissa bit.
var mxfp4Values = [16]float64{0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6}

// loaderLibs are the lib files that a format's load_block calls.
var loaderLibs = map[Format][]string{
	Q4_1: {"nibbles"}, Q5_0: {"nibbles"}, Q5_1: {"nibbles"}, MXFP4: {"nibbles"}, Q6_K: {"nibbles"}, Q2_K: {"nibbles"}, Q3_K: {"nibbles"},
	IQ4_NL: {"nibbles", "iq4_values"}, IQ4_XS: {"nibbles", "iq4_values"}, Q4_K: {"nibbles", "k_scales"}, Q5_K: {"nibbles", "k_scales"},
}
