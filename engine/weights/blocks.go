package weights

import "math"

// decodeBlock writes the 32 elements of a block, the at-th of a piece, of a format whose scales belong to blocks. It is
// the reference of the kernels' load_block. Every product is exact in float32, so only the minimum's subtraction rounds,
// as it does in ggml.
func decodeBlock(f Format, quants, scales []byte, at int, dst *[BlockElems]float32) {
	p := planes[f]
	q := quants[at*p.quants:][:p.quants]
	s := scales[at/p.blocks*p.entry:][:p.entry]
	b := at % p.blocks // within what shares an entry
	switch f {
	case Q8_0:
		d := half(s)
		for i := range dst {
			dst[i] = float32(int8(q[i])) * d
		}
	case Q4_0:
		affine(q, 0, half(s), 8*half(s), dst)
	case Q4_1:
		affine(q, 0, half(s), -half(s[2:]), dst)
	case Q5_0:
		d := half(s[2*b:])
		affine(q, le.Uint32(s[4+4*b:]), d, 16*d, dst)
	case Q5_1:
		affine(q, le.Uint32(s[4:]), half(s), -half(s[2:]), dst)
	case Q4_K:
		scale, min := scaleMin(s[4:], b)
		affine(q, 0, half(s)*scale, half(s[2:])*min, dst)
	case Q5_K:
		scale, min := scaleMin(s[4:], b)
		affine(q, le.Uint32(s[16+4*b:]), half(s)*scale, half(s[2:])*min, dst)
	case IQ4_NL:
		lookup(q, half(s), &iq4Values, dst)
	case IQ4_XS:
		low := s[4+b/2] >> (4 * (b % 2)) & 15
		high := le.Uint16(s[2:]) >> (2 * b) & 3
		lookup(q, half(s)*float32(int(low)|int(high)<<4-32), &iq4Values, dst)
	case MXFP4:
		lookup(q, float32(math.Ldexp(1, int(s[0])-128)), &mxfp4Values, dst) // the table holds twice the values
	case Q6_K:
		for i := range dst {
			code := int(nibble(q, i)) | int(twoBits(s[20+8*b:], i))<<4
			dst[i] = half(s) * float32(int8(s[4+2*b+i/16])) * float32(code-32)
		}
	case Q3_K:
		third := le.Uint32(s[16+4*b:])
		for i := range dst {
			code := int(twoBits(q, i)) | int(third>>i&1)<<2
			dst[i] = half(s) * q3Scale(s[4:], 2*b+i/16) * float32(code-4)
		}
	case Q2_K:
		for i := range dst {
			both := s[4+2*b+i/16]
			least := half(s[2:]) * float32(both>>4)
			dst[i] = float32(half(s)*float32(both&15)*float32(twoBits(q, i))) - least
		}
	default:
		panic("weights: decodeBlock: unknown format " + string(f))
	}
}

func half(b []byte) float32 { return FromF16(le.Uint16(b)) }

// nibble is element i of a block of nibbles.
func nibble(q []byte, i int) byte { return q[i%16] >> (i / 16 * 4) & 15 }

// twoBits is element i of a block of 2 bits each.
func twoBits(q []byte, i int) byte { return q[i/4] >> (i % 4 * 2) & 3 }

// affine decodes nibbles with fifth bits: code * d - least.
func affine(q []byte, fifth uint32, d, least float32, dst *[BlockElems]float32) {
	for i := range dst {
		code := uint32(nibble(q, i)) | fifth>>i&1<<4
		dst[i] = float32(d*float32(code)) - least
	}
}

// lookup decodes nibbles by a table.
func lookup(q []byte, d float32, table *[16]int8, dst *[BlockElems]float32) {
	for i := range dst {
		dst[i] = d * float32(table[nibble(q, i)])
	}
}

// scaleMin unpacks the 6-bit scale and minimum of block b of 8, of q4_k's and q5_k's 12 bytes: the first four lie in the
// lower 6 bits of bytes 0 to 7, the others in the nibbles of bytes 8 to 11 and the upper 2 bits of those.
func scaleMin(s []byte, b int) (scale, least float32) {
	if b < 4 {
		return float32(s[b] & 63), float32(s[b+4] & 63)
	}
	return float32(s[b+4]&15 | s[b-4]>>6<<4), float32(s[b+4]>>4 | s[b]>>6<<4)
}

// q3Scale unpacks scale i of 16, of q3_k's 12 bytes: lower 4 bits in the nibbles of bytes 0 to 7, upper 2 in bytes 8 to 11.
func q3Scale(s []byte, i int) float32 {
	low := s[i%8] >> (i / 8 * 4) & 15
	high := s[8+i%4] >> (i / 4 * 2) & 3
	return float32(int(low|high<<4) - 32)
}

// iq4Values are the values of iq4_nl's and iq4_xs' codes (ggml's kvalues_iq4nl).
var iq4Values = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// mxfp4Values are twice the e2m1 numbers (OCP Microscaling Formats, 5.3.3): sign, 2 exponent, 1 mantissa bit.
var mxfp4Values = [16]int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}
