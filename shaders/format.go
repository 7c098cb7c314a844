package shaders

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"
)

// A Format is how a matrix is stored on the GPU. Each has a file lib/load_<format>.wgsl that defines
// load_block: 32 consecutive weights of a row, dequantised. The layouts are those of a packed model:
//
// A row is ceil(K/32) blocks of 32 elements, padded with zeros. Quants and scales lie in separate planes.
//
//	f32       128 bytes a block                    no scales
//	bf16 f16  64 bytes a block                     no scales
//	q8_0      32 int8                              one f16 a block
//	q4_0      16 bytes, element i low, i+16 high   one f16 a block, value (nibble-8)*d
//	fp8_e4m3  32 bytes                             one f32 a 128x128 tile, tiles of each matrix row-major
type Format string

// The formats that kernels can read.
const (
	F32  Format = "f32"
	BF16 Format = "bf16"
	F16  Format = "f16"
	Q8_0 Format = "q8_0"
	Q4_0 Format = "q4_0"
	FP8  Format = "fp8_e4m3"
)

// Formats lists them all.
var Formats = []Format{F32, BF16, F16, Q8_0, Q4_0, FP8}

// BlockSize is the number of elements that load_block yields.
const BlockSize = 32

// tileSize is the side of an fp8 scale tile (DeepSeek-V3 report, section 3.3).
const tileSize = 128

// HasScales tells whether the format has a plane of scales.
func (f Format) HasScales() bool { return f == Q8_0 || f == Q4_0 || f == FP8 }

// QuantBytes is the size of a block in the plane of quants.
func (f Format) QuantBytes() int {
	switch f {
	case F32:
		return 128
	case BF16, F16:
		return 64
	case Q4_0:
		return 16
	}
	return 32
}

// matrixView is the reference's view of a stack of packed matrices [n, rows, K].
type matrixView struct {
	format         Format
	rows, k        int // of one matrix
	quants, scales []byte
}

// viewMatrix reads the weights from the variables "weights" and "scales".
func viewMatrix(m Memory, format Format, rows, k int) matrixView {
	return matrixView{format, rows, k, m.Bytes("weights"), m.Bytes("scales")}
}

// row dequantises row r, counted through the whole stack.
func (w matrixView) row(r int) []float64 {
	blocks := (w.k + BlockSize - 1) / BlockSize
	out := make([]float64, blocks*BlockSize)
	for b := range blocks {
		block := r*blocks + b
		w.block(w.quants[block*w.format.QuantBytes():], w.scale(r, b, block), out[b*BlockSize:][:BlockSize])
	}
	return out[:w.k]
}

// scale is what block b of row r, the block-th of all, is multiplied with.
func (w matrixView) scale(r, b, block int) float64 {
	switch w.format {
	case Q8_0, Q4_0:
		return float64(halfAt(w.scales, block))
	case FP8:
		tilesDown, tilesAcross := (w.rows+tileSize-1)/tileSize, (w.k+tileSize-1)/tileSize
		tile := ((r/w.rows)*tilesDown+(r%w.rows)/tileSize)*tilesAcross + b*BlockSize/tileSize
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(w.scales[4*tile:])))
	}
	return 1
}

// block dequantises the elements of a block.
func (w matrixView) block(quant []byte, scale float64, out []float64) {
	for i := range out {
		switch w.format {
		case F32:
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(quant[4*i:])))
		case BF16:
			out[i] = float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(quant[2*i:])) << 16))
		case F16:
			out[i] = float64(halfAt(quant, i))
		case Q8_0:
			out[i] = float64(int8(quant[i])) * scale
		case Q4_0:
			out[i] = float64(int(quant[i%16]>>(4*(i/16))&15)-8) * scale
		case FP8:
			out[i] = e4m3(quant[i]) * scale
		default:
			panic("shaders: no reference for format " + string(w.format))
		}
	}
}

func halfAt(plane []byte, i int) float32 {
	return float16.Frombits(binary.LittleEndian.Uint16(plane[2*i:])).Float32()
}

// e4m3 decodes an fp8 number: 1 sign, 4 exponent (bias 7), 3 mantissa bits. The NaN codes read as 480, as in
// the WGSL: a packed model has none.
func e4m3(code byte) float64 {
	exponent, mantissa := int(code>>3&15), float64(code&7)
	value := math.Ldexp(1+mantissa/8, exponent-7)
	if exponent == 0 {
		value = math.Ldexp(mantissa, -9)
	}
	if code&0x80 != 0 {
		return -value
	}
	return value
}
