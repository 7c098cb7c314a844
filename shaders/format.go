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
//
// and ggml's others, see format_ggml.go.
type Format string

// The formats that kernels can read.
const (
	F32  Format = "f32"
	BF16 Format = "bf16"
	F16  Format = "f16"
	Q8_0 Format = "q8_0"
	Q4_0 Format = "q4_0"
	FP8  Format = "fp8_e4m3"

	Q4_1   Format = "q4_1"
	Q5_0   Format = "q5_0"
	Q5_1   Format = "q5_1"
	IQ4_NL Format = "iq4_nl"
	MXFP4  Format = "mxfp4"
	Q2_K   Format = "q2_k"
	Q3_K   Format = "q3_k"
	Q4_K   Format = "q4_k"
	Q5_K   Format = "q5_k"
	Q6_K   Format = "q6_k"
	IQ4_XS Format = "iq4_xs"
)

// Formats lists them all.
var Formats = append(append([]Format{}, plainFormats...), ggmlFormats...)

// The formats of checkpoints and of packing, and those that come in GGUF files alone.
var (
	plainFormats = []Format{F32, BF16, F16, Q8_0, Q4_0, FP8}
	ggmlFormats  = []Format{Q4_1, Q5_0, Q5_1, IQ4_NL, MXFP4, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_XS}
)

// BlockSize is the number of elements that load_block yields.
const BlockSize = 32

// tileSize is the side of an fp8 scale tile (DeepSeek-V3 report, section 3.3).
const tileSize = 128

// An arrangement is how large a format's blocks are in their two planes.
type arrangement struct {
	quants int // bytes of a block
	blocks int // that share an entry among the scales; 0: none, or fp8's tiles
	entry  int // its bytes
}

var arrangements = map[Format]arrangement{
	F32: {128, 0, 0}, BF16: {64, 0, 0}, F16: {64, 0, 0}, FP8: {32, 0, 0}, Q8_0: {32, 1, 2}, Q4_0: {16, 1, 2},
	Q4_1: {16, 1, 4}, Q5_0: {16, 2, 12}, Q5_1: {16, 1, 8}, IQ4_NL: {16, 1, 2}, MXFP4: {16, 1, 1},
	Q2_K: {8, 8, 20}, Q3_K: {8, 8, 48}, Q4_K: {16, 8, 16}, Q5_K: {16, 8, 48}, Q6_K: {16, 8, 84}, IQ4_XS: {16, 8, 8},
}

// HasScales tells whether the format has a plane of scales.
func (f Format) HasScales() bool { return f == FP8 || arrangements[f].blocks > 0 }

// QuantBytes is the size of a block in the plane of quants.
func (f Format) QuantBytes() int { return arrangements[f].quants }

// Width rounds the width of a row up to what the format can hold: formats of super-blocks take whole ones.
func (f Format) Width(k int) int {
	if n := arrangements[f].blocks * BlockSize; n == superBlock {
		return (k + n - 1) / n * n
	}
	return k
}

// superBlock is how many elements share the scales of q2_k to q6_k and iq4_xs.
const superBlock = 256

// matrixView is the reference's view of a stack of packed matrices [n, rows, K].
type matrixView struct {
	format         Format
	arrangement    arrangement
	rows, k        int // of one matrix
	quants, scales []byte
	values         []float64 // of the row that was read last
}

// viewMatrix reads the weights from the variables "weights" and "scales".
func viewMatrix(m Memory, format Format, rows, k int) *matrixView {
	blocks := (k + BlockSize - 1) / BlockSize
	return &matrixView{format, arrangements[format], rows, k, m.Bytes("weights"), m.Bytes("scales"), make([]float64, blocks*BlockSize)}
}

// row dequantises row r, counted through the whole stack. It stays until the next one is read.
func (w *matrixView) row(r int) []float64 {
	blocks := len(w.values) / BlockSize
	for b := range blocks {
		value := w.elements(r, b, r*blocks+b)
		for i := range BlockSize {
			w.values[b*BlockSize+i] = value(i)
		}
	}
	return w.values[:w.k]
}

// elements says what the elements of block b of row r are, which is the stack's n-th.
func (w *matrixView) elements(r, b, n int) func(i int) float64 {
	a := w.arrangement
	quants := w.quants[n*a.quants:][:a.quants]
	switch {
	case a.blocks > 0:
		return ggmlElements(w.format, quants, w.scales[n/a.blocks*a.entry:][:a.entry], n%a.blocks)
	case w.format == F32:
		return func(i int) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(quants[4*i:]))) }
	case w.format == BF16:
		return func(i int) float64 {
			return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(quants[2*i:])) << 16))
		}
	case w.format == F16:
		return func(i int) float64 { return float64(halfAt(quants, i)) }
	case w.format == FP8:
		scale := w.tileScale(r, b)
		return func(i int) float64 { return e4m3(quants[i]) * scale }
	}
	panic("shaders: no reference for format " + string(w.format))
}

// tileScale is what block b of row r of fp8 is multiplied with.
func (w *matrixView) tileScale(r, b int) float64 {
	tilesDown, tilesAcross := (w.rows+tileSize-1)/tileSize, (w.k+tileSize-1)/tileSize
	tile := ((r/w.rows)*tilesDown+(r%w.rows)/tileSize)*tilesAcross + b*BlockSize/tileSize
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(w.scales[4*tile:])))
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

// PlaneBytes are the sizes of the planes of a matrix, rounded up to whole words; scales is 0 where there are none.
func (f Format) PlaneBytes(rows, k int) (quants, scales int) {
	a, blocks := arrangements[f], rows*((k+BlockSize-1)/BlockSize)
	switch {
	case f == FP8:
		scales = 4 * ((rows + tileSize - 1) / tileSize) * ((k + tileSize - 1) / tileSize)
	case a.blocks > 0:
		scales = (blocks + a.blocks - 1) / a.blocks * a.entry
	}
	return (blocks*a.quants + 3) &^ 3, (scales + 3) &^ 3
}
