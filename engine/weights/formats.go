package weights

import (
	"fmt"
	"math/bits"
)

// Format names a packed number format, as spelled in model.json.
type Format string

// The packed formats. A row is cut into blocks of BlockElems elements, the last
// one filled up with zeros. See BlockBytes and PlaneSizes for their sizes.
const (
	F32     Format = "f32"
	BF16    Format = "bf16"
	F16     Format = "f16"
	FP8E4M3 Format = "fp8_e4m3" // one f32 scale for a tile of TileElems x TileElems
	Q8_0    Format = "q8_0"     // one f16 scale for a block
	Q4_0    Format = "q4_0"     // one f16 scale for a block
)

const (
	// BlockElems is the number of consecutive elements of a row in one block.
	BlockElems = 32
	// TileElems is the side of the square tile that shares one FP8 scale.
	TileElems = 128
	// PlaneAlign is the alignment in bytes of every plane within its buffer;
	// it is the largest storage-binding alignment a WebGPU device may ask for.
	PlaneAlign = 256
)

// Formats lists every packed format, most exact first.
func Formats() []Format { return []Format{F32, BF16, F16, FP8E4M3, Q8_0, Q4_0} }

// BlockBytes is the size of one block in the quants plane; 0 for a format this
// package does not know.
func (f Format) BlockBytes() int {
	switch f {
	case F32:
		return 4 * BlockElems
	case BF16, F16:
		return 2 * BlockElems
	case FP8E4M3, Q8_0:
		return BlockElems
	case Q4_0:
		return BlockElems / 2
	}
	return 0
}

// Known reports whether f is one of the packed formats.
func (f Format) Known() bool { return f.BlockBytes() != 0 }

// HasScales reports whether f keeps a scales plane beside its quants.
func (f Format) HasScales() bool { return f == FP8E4M3 || f == Q8_0 || f == Q4_0 }

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
	blocks := int64(n) * int64(rows) * int64(BlocksPerRow(k))
	quants = blocks * int64(f.BlockBytes())
	switch f {
	case Q8_0, Q4_0:
		// The plane is read as u32, so an odd number of f16 is filled up.
		scales = (2*blocks + 3) &^ 3
	case FP8E4M3:
		scales = 4 * int64(n) * int64(Tiles(rows)) * int64(Tiles(k))
	}
	return quants, scales, nil
}

func alignUp(n, align int64) int64 { return (n + align - 1) / align * align }
