package weights

import (
	"fmt"
	"math"
)

// bandReader reads bands of rows out of views. Its results are valid until the
// next call.
type bandReader struct {
	inv    *Inventory
	bytes  []byte
	turned []byte
	values []float32
	wide   []float32 // a rectangle of whole blocks, or one that is not turned yet
	quants []byte    // of a row of blocks, relaid
	scales []byte

	tiles     []float32 // the scales of scalesFor
	scalesFor *SourceTensor
}

// raw reads rows [first, first+n) of the view, as the slot sees it, in the
// source's number format without padding, and refuses numbers that are not finite.
func (b *bandReader) raw(v View, first, n int) ([]byte, error) {
	t, ok := b.inv.Tensor(v.Source)
	if !ok {
		return nil, fmt.Errorf("weights: %s: tensor %s: missing", b.inv.Name, v.Source)
	}
	src := v.CutRows(first, n) // the rectangle to read
	if v.Transpose {
		src = v.CutCols(first, n)
	}
	if err := b.rectangle(t, src); err != nil {
		return nil, err
	}
	if !v.Transpose {
		return b.bytes, nil
	}
	b.turned = resize(b.turned, len(b.bytes))
	transpose(b.turned, b.bytes, src.Rows, src.Cols, dtypeBytes[t.DType])
	return b.turned, nil
}

// rectangle reads the rows of a view, of whole blocks, as they lie in the source.
func (b *bandReader) rectangle(t *SourceTensor, src View) error {
	_, _, width := matrixDims(t.Shape)
	elems, size := t.DType.blocks()
	row, whole := src.Cols/elems*size, int64(width/elems*size)
	b.bytes = resize(b.bytes, src.Rows*row)
	if src.Cols == width {
		if err := t.readAt(b.bytes, int64(src.RowStart)*whole); err != nil {
			return err
		}
	} else {
		for r := range src.Rows {
			at := int64(src.RowStart+r)*whole + int64(src.ColStart/elems*size)
			if err := t.readAt(b.bytes[r*row:(r+1)*row], at); err != nil {
				return err
			}
		}
	}
	if i := firstNotFinite(t.DType, b.bytes); i >= 0 {
		r, c := src.RowStart+i/src.Cols, src.ColStart+i%src.Cols
		return t.errorf("element [%d %d] is NaN or infinite", r, c)
	}
	return nil
}

// decoded reads rows [first, first+n) of a view of ggml's blocks, as the slot sees it, in float32.
func (b *bandReader) decoded(t *SourceTensor, v View, first, n int) ([]float32, error) {
	src := v
	if v.Transpose {
		src = v.CutCols(first, n)
	} else {
		src = v.CutRows(first, n)
	}
	elems, size := t.DType.blocks()
	whole := src // widened to whole blocks
	whole.ColStart -= src.ColStart % elems
	whole.Cols = int(alignUp(int64(src.ColStart+src.Cols-whole.ColStart), int64(elems)))
	if err := b.rectangle(t, whole); err != nil {
		return nil, err
	}
	f, _ := t.DType.format()
	quants, scales, err := PlaneSizes(f, []int{1, whole.Cols})
	if err != nil {
		return nil, err
	}
	b.quants, b.scales = resize(b.quants, int(quants)), resize(b.scales, int(scales))
	b.wide = resize(b.wide, whole.Cols)
	b.values = resize(b.values, src.Rows*src.Cols)
	row := whole.Cols / elems * size
	for r := range src.Rows {
		relayRow(f, b.bytes[r*row:(r+1)*row], b.quants, b.scales, 0)
		DecodeRow(f, b.quants, b.scales, 0, whole.Cols, 1, b.wide)
		for c, x := range b.wide[src.ColStart-whole.ColStart:][:src.Cols] {
			if v.Transpose {
				b.values[c*src.Rows+r] = x
			} else {
				b.values[r*src.Cols+c] = x
			}
		}
	}
	return b.values, nil
}

// floats is raw in float32, FP8 codes times their scales.
func (b *bandReader) floats(v View, first, n int) ([]float32, error) {
	if t, ok := b.inv.Tensor(v.Source); ok && t.DType.isBlocks() {
		return b.decoded(t, v, first, n)
	}
	raw, err := b.raw(v, first, n)
	if err != nil {
		return nil, err
	}
	t, _ := b.inv.Tensor(v.Source)
	b.values = resize(b.values, len(raw)/dtypeBytes[t.DType])
	if t.DType != DTypeFP8 {
		widenings[t.DType](b.values, raw) // BuildPlan has refused types that have none
		return b.values, nil
	}
	scales, err := b.tileScales(t)
	if err != nil {
		return nil, err
	}
	_, k := v.Size()
	across := Tiles(t.Shape[1])
	for i, code := range raw {
		r, c := first+i/k, i%k
		if v.Transpose {
			r, c = c, r
		}
		tile := (v.RowStart+r)/TileElems*across + (v.ColStart+c)/TileElems
		b.values[i] = e4m3[code] * scales[tile]
		if !finite(b.values[i]) {
			return nil, t.errorf("element [%d %d] times its scale is infinite", v.RowStart+r, v.ColStart+c)
		}
	}
	return b.values, nil
}

// tileScales reads all scales of an FP8 tensor.
func (b *bandReader) tileScales(t *SourceTensor) ([]float32, error) {
	if b.scalesFor == t {
		return b.tiles, nil
	}
	data := make([]byte, t.Scales.Bytes())
	if err := t.Scales.readAt(data, 0); err != nil {
		return nil, err
	}
	b.tiles, b.scalesFor = resize(b.tiles, int(t.Scales.Elements())), nil
	widenings[t.Scales.DType](b.tiles, data)
	for i, scale := range b.tiles {
		if !finite(scale) {
			across := t.Scales.Shape[1]
			return nil, t.Scales.errorf("element [%d %d] is NaN or infinite", i/across, i%across)
		}
	}
	b.scalesFor = t
	return b.tiles, nil
}

// widenings turn the bytes of a type into float32, which holds each of its numbers exactly.
var widenings = map[DType]func(dst []float32, raw []byte){
	DTypeF32: func(dst []float32, raw []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(raw[4*i:]))
		}
	},
	DTypeBF16: func(dst []float32, raw []byte) {
		for i := range dst {
			dst[i] = FromBF16(le.Uint16(raw[2*i:]))
		}
	},
	DTypeF16: func(dst []float32, raw []byte) {
		for i := range dst {
			dst[i] = FromF16(le.Uint16(raw[2*i:]))
		}
	},
	dtypeE8M0: func(dst []float32, raw []byte) {
		for i := range dst {
			dst[i] = fromE8M0(raw[i])
		}
	},
}

// viewScales lists the tile scales of an aligned FP8 view, row by row as the
// slot sees it.
func (b *bandReader) viewScales(v View) ([]float32, error) {
	t, ok := b.inv.Tensor(v.Source)
	if !ok || t.Scales == nil {
		return nil, fmt.Errorf("weights: %s: tensor %s: no scales", b.inv.Name, v.Source)
	}
	scales, err := b.tileScales(t)
	if err != nil {
		return nil, err
	}
	rows, cols := v.Size()
	list := make([]float32, 0, Tiles(rows)*Tiles(cols))
	for i := range Tiles(rows) {
		for j := range Tiles(cols) {
			r, c := i, j
			if v.Transpose {
				r, c = j, i
			}
			list = append(list, scales[(v.RowStart/TileElems+r)*t.Scales.Shape[1]+v.ColStart/TileElems+c])
		}
	}
	return list, nil
}

// firstNotFinite is the index of the first NaN or infinity, or -1.
func firstNotFinite(d DType, data []byte) int {
	switch d {
	case DTypeF32:
		for i := 0; i < len(data); i += 4 {
			if le.Uint32(data[i:])&0x7f800000 == 0x7f800000 {
				return i / 4
			}
		}
	case DTypeBF16, DTypeF16:
		mask := uint16(0x7f80)
		if d == DTypeF16 {
			mask = 0x7c00
		}
		for i := 0; i < len(data); i += 2 {
			if le.Uint16(data[i:])&mask == mask {
				return i / 2
			}
		}
	case DTypeFP8:
		for i, code := range data {
			if code&0x7f == 0x7f {
				return i
			}
		}
	default:
		blocks := ggmlBlocks[d]
		for block := 0; block*blocks.bytes < len(data); block++ {
			raw := data[block*blocks.bytes:]
			for _, at := range blocks.halves {
				if raw[at+1]&0x7c == 0x7c {
					return block * blocks.elems
				}
			}
			if d == "MXFP4" && raw[0] == 0xff {
				return block * blocks.elems
			}
		}
	}
	return -1
}

// transpose turns src, rows x cols elements of elem bytes, into dst.
func transpose(dst, src []byte, rows, cols, elem int) {
	for r := range rows {
		for c := range cols {
			copy(dst[(c*rows+r)*elem:(c*rows+r+1)*elem], src[(r*cols+c)*elem:])
		}
	}
}

// resize gives a slice of n elements, reusing s if it is large enough.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
