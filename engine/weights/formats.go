package weights

import (
	"fmt"
	"math/bits"
)

// Format names a packed number format, as spelled in model.json.
type Format string

// The packed formats. A row is cut into blocks of BlockElems elements, the last one filled up with zeros. Formats of
// super-blocks take rows of whole ones alone. See planes for what lies where.
const (
	F32     Format = "f32"
	BF16    Format = "bf16"
	F16     Format = "f16"
	FP8E4M3 Format = "fp8_e4m3" // one f32 scale for a tile of TileElems x TileElems
	Q8_0    Format = "q8_0"     // int8 * d
	Q4_0    Format = "q4_0"     // (nibble - 8) * d
	Q4_1    Format = "q4_1"     // nibble * d + m
	Q5_0    Format = "q5_0"     // (5 bits - 16) * d
	Q5_1    Format = "q5_1"     // 5 bits * d + m
	IQ4_NL  Format = "iq4_nl"   // table[nibble] * d
	MXFP4   Format = "mxfp4"    // e2m1[nibble] * 2^e
	Q2_K    Format = "q2_k"     // super-blocks of 256 from here on: 2 bits * (d*scale) - dmin*min
	Q3_K    Format = "q3_k"     // (3 bits - 4) * (d*scale)
	Q4_K    Format = "q4_k"     // nibble * (d*scale) - dmin*min
	Q5_K    Format = "q5_k"     // 5 bits * (d*scale) - dmin*min
	Q6_K    Format = "q6_k"     // (6 bits - 32) * (d*scale)
	IQ4_XS  Format = "iq4_xs"   // table[nibble] * (d*scale)
)

const (
	// BlockElems is the number of consecutive elements of a row in one block.
	BlockElems = 32
	// SuperElems is the number of elements in a super-block, of the formats that have them.
	SuperElems = 256
	// TileElems is the side of the square tile that shares one FP8 scale.
	TileElems = 128
	// PlaneAlign is the alignment in bytes of every plane within its buffer;
	// it is the largest storage-binding alignment a WebGPU device may ask for.
	PlaneAlign = 256
)

// planes says how the blocks of a format lie in the plane of quants, in their order, and what they have in the plane
// of scales. Blocks are numbered through all rows of a piece. Words are uint32, little-endian.
//
// In a block of nibbles byte i holds element i (low) and i+16 (high). What is left of more than 4 bits lies among the
// scales: a word of fifth bits for each block, bit i that of element i.
//
//	q8_0 q4_0 iq4_nl  f16 d
//	q4_1              f16 d, f16 m
//	q5_0              3 words for two blocks: f16 d of both, then the fifth bits of each
//	q5_1              2 words: f16 d, f16 m; fifth bits
//	mxfp4             a byte e: 2^(e-127)
//	fp8_e4m3          f32 of each tile, those of each matrix row by row
//
// and for the 8 blocks of a super-block, with ggml's own packing of the 6-bit scales:
//
//	q4_k    4 words: f16 d, f16 dmin; 12 bytes of scales and mins
//	q5_k    12 words: as q4_k; fifth bits of each block
//	q6_k    21 words: f16 d and 2 bytes of nothing; 16 int8 scales, one for 16 elements; upper 2 bits, 2 words for each
//	        block, element i at bit 2(i%16) of word i/16
//	iq4_xs  2 words: f16 d, 16 upper bits of scales; 4 bytes of their lower bits
//
// q2_k and q3_k have 8 bytes of quants a block: 2 bits an element, element i at bit 2(i%16) of word i/16.
//
//	q2_k    5 words: f16 d, f16 dmin; 16 bytes, one for 16 elements: scale (low nibble), min (high)
//	q3_k    12 words: f16 d and 2 bytes of nothing; 12 bytes of scales; third bits of each block as fifth bits above
var planes = map[Format]struct {
	quants int // bytes of a block
	blocks int // that share an entry among the scales; 0: none, or fp8's tiles
	entry  int // its bytes
}{
	F32: {4 * BlockElems, 0, 0}, BF16: {2 * BlockElems, 0, 0}, F16: {2 * BlockElems, 0, 0}, FP8E4M3: {BlockElems, 0, 0},
	Q8_0: {32, 1, 2}, Q4_0: {16, 1, 2}, Q4_1: {16, 1, 4}, Q5_0: {16, 2, 12}, Q5_1: {16, 1, 8}, IQ4_NL: {16, 1, 2}, MXFP4: {16, 1, 1},
	Q2_K: {8, 8, 20}, Q3_K: {8, 8, 48}, Q4_K: {16, 8, 16}, Q5_K: {16, 8, 48}, Q6_K: {16, 8, 84}, IQ4_XS: {16, 8, 8},
}

// Formats lists every packed format, most exact first.
func Formats() []Format {
	return []Format{F32, BF16, F16, FP8E4M3, Q8_0, Q6_K, Q5_K, Q5_1, Q5_0, Q4_K, Q4_1, IQ4_XS, IQ4_NL, Q4_0, MXFP4, Q3_K, Q2_K}
}

// BlockBytes is the size of one block in the quants plane; 0 for a format this
// package does not know.
func (f Format) BlockBytes() int { return planes[f].quants }

// Known reports whether f is one of the packed formats.
func (f Format) Known() bool { return f.BlockBytes() != 0 }

// HasScales reports whether f keeps a scales plane beside its quants.
func (f Format) HasScales() bool { return f == FP8E4M3 || planes[f].blocks > 0 }

// Super reports whether f is of super-blocks, of which a row must be whole ones.
func (f Format) Super() bool { return planes[f].blocks*BlockElems == SuperElems }

// scaleBytes is the size of the scales of so many blocks, as words; FP8's belong to tiles.
func (f Format) scaleBytes(blocks int64) int64 {
	p := planes[f]
	if p.blocks == 0 {
		return 0
	}
	shared := int64(p.blocks)
	return alignUp((blocks+shared-1)/shared*int64(p.entry), 4)
}

// BlocksPerRow is the number of blocks in a row of k elements.
func BlocksPerRow(k int) int { return (k + BlockElems - 1) / BlockElems }

// Tiles is the number of FP8 tiles along a side of n elements.
func Tiles(n int) int { return (n + TileElems - 1) / TileElems }

// Limits on what a file may claim. They lie far above any model that fits into
// a browser and far below anything that overflows 64-bit arithmetic.
const (
	maxDim      = 1 << 24
	maxElements = 1 << 44
)

// checkShape refuses shapes that are not a vector [len], a matrix [rows, K] or
// a stack [n, rows, K] of sane size.
func checkShape(shape []int) error {
	if len(shape) < 1 || len(shape) > 3 {
		return fmt.Errorf("shape %v has %d dimensions, want 1 to 3", shape, len(shape))
	}
	elements := uint64(1)
	for _, d := range shape {
		if d < 1 || d > maxDim {
			return fmt.Errorf("shape %v: dimension %d is not in 1..%d", shape, d, maxDim)
		}
		hi, lo := bits.Mul64(elements, uint64(d))
		if hi != 0 || lo > maxElements {
			return fmt.Errorf("shape %v has more than %d elements", shape, int64(maxElements))
		}
		elements = lo
	}
	return nil
}

// matrixDims reads a shape as a stack: n matrices of rows x k. A vector is one
// row, a matrix a stack of one.
func matrixDims(shape []int) (n, rows, k int) {
	switch len(shape) {
	case 1:
		return 1, 1, shape[0]
	case 2:
		return 1, shape[0], shape[1]
	default:
		return shape[0], shape[1], shape[2]
	}
}

// PlaneSizes gives the exact bytes of the two planes of a tensor. scales is 0
// for formats without a scales plane. A vector [len] has no block padding and
// must be f32.
func PlaneSizes(f Format, shape []int) (quants, scales int64, err error) {
	if !f.Known() {
		return 0, 0, fmt.Errorf("unknown format %q", string(f))
	}
	if err := checkShape(shape); err != nil {
		return 0, 0, err
	}
	if len(shape) == 1 {
		if f != F32 {
			return 0, 0, fmt.Errorf("a vector must be f32, not %s", f)
		}
		return 4 * int64(shape[0]), 0, nil
	}
	n, rows, k := matrixDims(shape)
	if f.Super() && k%SuperElems != 0 {
		return 0, 0, fmt.Errorf("shape %v: rows of %s are of whole super-blocks of %d", shape, f, SuperElems)
	}
	blocks := int64(n) * int64(rows) * int64(BlocksPerRow(k))
	quants = blocks * int64(f.BlockBytes())
	if f == FP8E4M3 {
		return quants, 4 * int64(n) * int64(Tiles(rows)) * int64(Tiles(k)), nil
	}
	return quants, f.scaleBytes(blocks), nil
}

func alignUp(n, align int64) int64 { return (n + align - 1) / align * align }
