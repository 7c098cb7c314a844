package weights

import (
	"math"

	"github.com/x448/float16"
)

// MaxE4M3 is the largest finite e4m3 number.
const MaxE4M3 = 448

// e4m3 holds the value of each of the 256 codes: 1 sign, 4 exponent (bias 7)
// and 3 mantissa bits, no infinity, NaN at 0x7f and 0xff (OCP FP8, e4m3fn).
var e4m3 = func() (table [256]float32) {
	for code := range table {
		sign, exp, man := code>>7, code>>3&15, code&7
		var v float64
		switch {
		case exp == 15 && man == 7:
			v = math.NaN()
		case exp == 0:
			v = math.Ldexp(float64(man), -9)
		default:
			v = math.Ldexp(float64(8+man), exp-10)
		}
		if sign == 1 {
			v = math.Copysign(v, -1)
		}
		table[code] = float32(v)
	}
	return table
}()

// FromE4M3 decodes an e4m3 code; 0x7f and 0xff are NaN.
func FromE4M3(code byte) float32 { return e4m3[code] }

// ToE4M3 rounds to the nearest e4m3 number, ties to even; magnitudes beyond 448
// become 448 and NaN becomes 0x7f.
func ToE4M3(x float32) byte {
	if x != x {
		return 0x7f
	}
	var sign byte
	if math.Signbit(float64(x)) {
		sign = 0x80
	}
	a := math.Abs(float64(x))
	if a >= MaxE4M3 {
		return sign | 0x7e
	}
	// The step between neighbours is 2^(exponent-3), and 2^-9 below 2^-6.
	exp := -6
	if a >= 1.0/64 {
		_, e := math.Frexp(a)
		exp = e - 1
	}
	steps := int(math.RoundToEven(math.Ldexp(a, 3-exp))) // 0..16
	// Codes of one sign are consecutive integers across exponents, so a carry
	// out of the mantissa needs no case of its own.
	return sign | byte((exp+6)*8+steps)
}

// fromE8M0 decodes a power of two, 2^(code-127); 0xff is NaN (OCP MX, e8m0).
func fromE8M0(code byte) float32 {
	if code == 0xff {
		return float32(math.NaN())
	}
	return float32(math.Ldexp(1, int(code)-127))
}

// FromBF16 widens bfloat16 bits.
func FromBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// ToBF16 rounds to the nearest bfloat16, ties to even; NaN stays NaN.
func ToBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// FromF16 widens IEEE half-precision bits.
func FromF16(b uint16) float32 { return float16.Frombits(b).Float32() }

// ToF16 rounds to the nearest half-precision number, ties to even; magnitudes
// beyond 65504 become infinite.
func ToF16(x float32) uint16 { return float16.Fromfloat32(x).Bits() }

func finite(x float32) bool { return math.Float32bits(x)&0x7f800000 != 0x7f800000 }
