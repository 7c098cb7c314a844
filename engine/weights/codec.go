package weights

import (
	"encoding/binary"
	"fmt"
	"math"
)

var le = binary.LittleEndian

// DecodeRow is the reference reader of a packed matrix: it writes the k values
// of one row to dst.
//
// quants and scales are whole planes of a piece (scales is nil for formats
// without). row counts through all matrices of the piece; rowsPerMatrix is the
// piece's row count for a plain matrix and matters for FP8 only, whose tiles
// start anew with every matrix of a stack.
func DecodeRow(f Format, quants, scales []byte, row, k, rowsPerMatrix int, dst []float32) {
	blocks := BlocksPerRow(k)
	q := quants[row*blocks*f.BlockBytes():]
	dst = dst[:k]
	switch f {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(q[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = FromBF16(le.Uint16(q[2*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = FromF16(le.Uint16(q[2*i:]))
		}
	case FP8E4M3:
		matrix, r := row/rowsPerMatrix, row%rowsPerMatrix
		tile := (matrix*Tiles(rowsPerMatrix) + r/TileElems) * Tiles(k)
		for i := range dst {
			scale := math.Float32frombits(le.Uint32(scales[4*(tile+i/TileElems):]))
			dst[i] = e4m3[q[i]] * scale
		}
	default:
		var block [BlockElems]float32
		for b := range blocks {
			decodeBlock(f, quants, scales, row*blocks+b, &block)
			copy(dst[b*BlockElems:], block[:])
		}
	}
}

// EncodeRow packs one row of any format but FP8, whose scales belong to tiles:
// quants receives the row's blocks and scales its block scales (nil for formats
// without). It fails when a value, or the scale a block needs, is not finite in
// the format.
func EncodeRow(f Format, src []float32, quants, scales []byte) error {
	switch f {
	case F32:
		for i, x := range src {
			if !finite(x) {
				return notFinite(i, x)
			}
			le.PutUint32(quants[4*i:], math.Float32bits(x))
		}
		clear(quants[4*len(src) : 4*BlockElems*BlocksPerRow(len(src))])
	case BF16, F16:
		convert := ToBF16
		infinity := uint16(0x7f80)
		if f == F16 {
			convert, infinity = ToF16, 0x7c00
		}
		for i, x := range src {
			b := convert(x)
			if b&infinity == infinity {
				return notFinite(i, x)
			}
			le.PutUint16(quants[2*i:], b)
		}
		clear(quants[2*len(src) : 2*BlockElems*BlocksPerRow(len(src))])
	case Q8_0, Q4_0:
		size := f.BlockBytes()
		var block [BlockElems]float32
		for b := range BlocksPerRow(len(src)) {
			n := copy(block[:], src[b*BlockElems:])
			clear(block[n:])
			d, err := encodeBlock(f, &block, quants[b*size:(b+1)*size])
			if err != nil {
				return fmt.Errorf("block %d of the row: %w", b, err)
			}
			le.PutUint16(scales[2*b:], d)
		}
	case Q4_K, Q6_K, Q3_K:
		if len(src)%SuperElems != 0 {
			return fmt.Errorf("a row of %d is not of whole super-blocks of %d", len(src), SuperElems)
		}
		return encodeSupers(f, src, quants, scales)
	default:
		return fmt.Errorf("rows of format %q cannot be packed one by one", string(f))
	}
	return nil
}

func notFinite(i int, x float32) error { return fmt.Errorf("element %d is %v", i, x) }

// encodeBlock quantises one block, and returns the bits of its f16 scale. q8_0 is made as ggml's reference quantiser does it,
// with the f32 scale, before that is rounded to f16.
func encodeBlock(f Format, x *[BlockElems]float32, q []byte) (scale uint16, err error) {
	var amax float32
	for i, v := range x {
		if !finite(v) {
			return 0, notFinite(i, v)
		}
		amax = max(amax, abs(v))
	}
	d := amax / 127
	if f == Q4_0 {
		d = fitSymmetric(x[:], 8)
	}
	scale = ToF16(d)
	if scale&0x7c00 == 0x7c00 {
		return 0, fmt.Errorf("value %v is too large for %s", amax, f)
	}
	var inv float32
	if d != 0 {
		inv = 1 / d
	}
	if !finite(inv) { // d is subnormal: all values vanish beside an f16 scale of zero
		inv = 0
	}
	if f == Q8_0 {
		for i, v := range x {
			q[i] = byte(int8(math.Round(float64(v * inv))))
		}
		return scale, nil
	}
	d = FromF16(scale)
	for i := range BlockElems / 2 {
		lo, hi := roundTo(x[i], d, -8, 7)+8, roundTo(x[i+16], d, -8, 7)+8
		q[i] = byte(lo) | byte(hi)<<4
	}
	return scale, nil
}

// Encode packs n matrices of rows x k, given row-major, into whole planes
// (scales is nil for formats without). FP8 tiles get the scale amax/448.
func Encode(f Format, src []float32, n, rows, k int) (quants, scales []byte, err error) {
	qsize, ssize, err := PlaneSizes(f, []int{n, rows, k})
	if err != nil {
		return nil, nil, err
	}
	if len(src) != n*rows*k {
		return nil, nil, fmt.Errorf("%d values for a stack [%d %d %d]", len(src), n, rows, k)
	}
	quants = make([]byte, qsize)
	if ssize > 0 {
		scales = make([]byte, ssize)
	}
	if f == FP8E4M3 {
		return quants, scales, encodeFP8(src, n, rows, k, quants, scales)
	}
	blocks := BlocksPerRow(k)
	for r := range n * rows {
		var s []byte
		if scales != nil {
			s = scales[r*blocks/planes[f].blocks*planes[f].entry:]
		}
		if err := EncodeRow(f, src[r*k:(r+1)*k], quants[r*blocks*f.BlockBytes():], s); err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", r, err)
		}
	}
	return quants, scales, nil
}

func encodeFP8(src []float32, n, rows, k int, quants, scales []byte) error {
	stride := BlocksPerRow(k) * BlockElems
	tile := 0
	for m := range n {
		for r0 := 0; r0 < rows; r0 += TileElems {
			for c0 := 0; c0 < k; c0 += TileElems {
				r1, c1 := min(r0+TileElems, rows), min(c0+TileElems, k)
				var amax float32
				for r := r0; r < r1; r++ {
					for i, v := range src[(m*rows+r)*k+c0 : (m*rows+r)*k+c1] {
						if !finite(v) {
							return fmt.Errorf("row %d: %w", m*rows+r, notFinite(c0+i, v))
						}
						amax = max(amax, float32(math.Abs(float64(v))))
					}
				}
				scale := amax / MaxE4M3
				if scale == 0 {
					scale = 1
				}
				for r := r0; r < r1; r++ {
					for c := c0; c < c1; c++ {
						quants[(m*rows+r)*stride+c] = ToE4M3(src[(m*rows+r)*k+c] / scale)
					}
				}
				le.PutUint32(scales[4*tile:], math.Float32bits(scale))
				tile++
			}
		}
	}
	return nil
}
