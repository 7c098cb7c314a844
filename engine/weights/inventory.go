package weights

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// DType names a checkpoint's number format, as spelled in safetensors.
type DType string

// The types that can be packed. Others may stand in a file but not be used.
const (
	DTypeBF16 DType = "BF16"
	DTypeF16  DType = "F16"
	DTypeF32  DType = "F32"
	DTypeFP8  DType = "F8_E4M3"

	dtypeE8M0 DType = "F8_E8M0" // a power of two, for scales
)

// dtypeBytes lists every safetensors type whose elements are whole bytes.
var dtypeBytes = map[DType]int{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, dtypeE8M0: 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
	"I16": 2, "U16": 2, "F16": 2, "BF16": 2,
	"I32": 4, "U32": 4, "F32": 4,
	"I64": 8, "U64": 8, "F64": 8, "C64": 8,
}

// format is the packed format that keeps the type's numbers as they are.
func (d DType) format() (Format, bool) {
	switch d {
	case DTypeBF16:
		return BF16, true
	case DTypeF16:
		return F16, true
	case DTypeF32:
		return F32, true
	case DTypeFP8:
		return FP8E4M3, true
	}
	f := Format(strings.ToLower(string(d)))
	_, ok := ggmlBlocks[d]
	return f, ok && f.Known()
}

// scaleSuffix ends the name of the tensor that holds the scales of an FP8 one:
// X.weight and X.weight_scale_inv [ceil(rows/128), ceil(cols/128)], value = code *
// scale (DeepSeek-V3, README_WEIGHTS). A stack [n, rows, cols] has a stack of scales.
const scaleSuffix = "_scale_inv"

// SourceTensor is one tensor of a checkpoint. Its numbers are read when asked for.
type SourceTensor struct {
	Name  string
	DType DType
	Shape []int
	Data  io.ReaderAt // Bytes() bytes: row-major, little-endian
	File  string      // where it lies, for messages

	// Offset is where in that file its Bytes() bytes begin, whatever order Data brings their rows in.
	Offset int64

	// Scales holds the tile scales of an FP8 tensor; NewInventory finds it.
	Scales *SourceTensor
}

// ScalesOf is the tensor that holds the scales of an FP8 matrix, without data.
func ScalesOf(t SourceTensor) SourceTensor {
	return SourceTensor{Name: t.Name + scaleSuffix, DType: DTypeF32, Shape: []int{Tiles(t.Shape[0]), Tiles(t.Shape[1])}}
}

// Elements is the number of elements.
func (t *SourceTensor) Elements() int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n *= int64(d)
	}
	return n
}

// Bytes is the size of the tensor's data.
func (t *SourceTensor) Bytes() int64 {
	elems, bytes := t.DType.blocks()
	return t.Elements() / int64(elems) * int64(bytes)
}

// errorf makes an error of the form "weights: FILE: tensor NAME: reason".
func (t *SourceTensor) errorf(format string, args ...any) error {
	return fmt.Errorf("weights: %s: tensor %s: %w", t.File, t.Name, fmt.Errorf(format, args...))
}

// readAt fills dst from byte offset on.
func (t *SourceTensor) readAt(dst []byte, offset int64) error {
	n, err := t.Data.ReadAt(dst, offset)
	if n == len(dst) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return t.errorf("reading %d bytes at %d: %w", len(dst), offset, err)
}

// Floats reads a plain tensor of so many elements.
func (t *SourceTensor) Floats(n int) ([]float32, error) {
	widen := widenings[t.DType]
	if widen == nil || t.Elements() != int64(n) {
		return nil, t.errorf("%s %v, want %d plain numbers", t.DType, t.Shape, n)
	}
	raw := make([]byte, t.Bytes())
	if err := t.readAt(raw, 0); err != nil {
		return nil, err
	}
	if i := firstNotFinite(t.DType, raw); i >= 0 {
		return nil, t.errorf("element [%d] is NaN or infinite", i)
	}
	values := make([]float32, n)
	widen(values, raw)
	return values, nil
}

// PermuteRows turns the rows of a matrix around: row r is what was row from(r).
func (t *SourceTensor) PermuteRows(from func(row int) int) {
	rows := int64(t.Shape[0])
	t.Data = &rowReader{t.Data, t.Bytes() / rows, rows, from}
}

// rowReader reads rows in another order.
type rowReader struct {
	of         io.ReaderAt
	size, rows int64
	from       func(int) int
}

func (r *rowReader) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		row, at := (offset+int64(n))/r.size, (offset+int64(n))%r.size
		if row >= r.rows {
			return n, io.EOF
		}
		want := min(int64(len(p)-n), r.size-at)
		got, err := r.of.ReadAt(p[n:n+int(want)], int64(r.from(int(row)))*r.size+at)
		n += got
		if int64(got) < want {
			return n, err
		}
	}
	return n, nil
}

// Inventory lists the tensors of a checkpoint.
type Inventory struct {
	Name string // file or folder, for messages

	byName  map[string]*SourceTensor // FP8 scales hang on their weights
	closers []io.Closer
}

// NewInventory makes an inventory of tensors that may come from anywhere: a
// file, a generator of random numbers. Sizes are taken on trust here; readers
// check them against their files first.
func NewInventory(name string, tensors []SourceTensor) (*Inventory, error) {
	inv := &Inventory{Name: name, byName: make(map[string]*SourceTensor, len(tensors))}
	for i := range tensors {
		t := &tensors[i]
		if _, ok := inv.byName[t.Name]; ok {
			return nil, t.errorf("listed twice")
		}
		inv.byName[t.Name] = t
	}
	for i := range tensors {
		t := &tensors[i]
		if weight, ok := inv.byName[strings.TrimSuffix(t.Name, scaleSuffix)]; ok && weight != t && weight.DType == DTypeFP8 {
			if err := checkScales(weight, t); err != nil {
				return nil, err
			}
			weight.Scales = t
		}
	}
	for _, t := range tensors {
		if t.Scales != nil {
			delete(inv.byName, t.Scales.Name)
		}
	}
	return inv, nil
}

func checkScales(weight, scales *SourceTensor) error {
	if widen := widenings[scales.DType]; widen == nil {
		return scales.errorf("type is %s, want F32, BF16, F16 or F8_E8M0", scales.DType)
	}
	dims := len(weight.Shape)
	if dims != 2 && dims != 3 {
		return weight.errorf("shape is %v, want a matrix or a stack of them", weight.Shape)
	}
	want := slices.Clone(weight.Shape)
	want[dims-2], want[dims-1] = Tiles(want[dims-2]), Tiles(want[dims-1])
	if !slices.Equal(scales.Shape, want) {
		return scales.errorf("shape is %v, want %v: one scale for each %dx%d tile of %v", scales.Shape, want, TileElems, TileElems, weight.Shape)
	}
	return nil
}

// Tensor finds a tensor by name. The scales of FP8 tensors have no entry of
// their own.
func (inv *Inventory) Tensor(name string) (*SourceTensor, bool) {
	t, ok := inv.byName[name]
	return t, ok
}

// Tensors lists the tensors in the order of their names, without FP8 scales.
func (inv *Inventory) Tensors() []*SourceTensor {
	return slices.SortedFunc(maps.Values(inv.byName), func(a, b *SourceTensor) int { return strings.Compare(a.Name, b.Name) })
}

// Drop removes a tensor and its scales.
func (inv *Inventory) Drop(name string) { delete(inv.byName, name) }

// Rename calls a tensor, and its scales, by another name.
func (inv *Inventory) Rename(name, to string) error {
	t, ok := inv.byName[name]
	if !ok {
		return fmt.Errorf("weights: %s: tensor %s: missing", inv.Name, name)
	}
	if _, ok := inv.byName[to]; ok {
		return t.errorf("there are two of them")
	}
	delete(inv.byName, name)
	t.Name, inv.byName[to] = to, t
	return nil
}

// Split replaces a stack [n, rows, cols] by matrices [height, cols] of these names, in the order in which they lie in
// it: rows/height of them for each matrix of the stack.
func (inv *Inventory) Split(name string, height int, parts []string) error {
	t, ok := inv.Tensor(name)
	if !ok {
		return fmt.Errorf("weights: %s: tensor %s: missing", inv.Name, name)
	}
	if len(t.Shape) != 3 || height < 1 || t.Shape[1]%height != 0 || t.Shape[0]*(t.Shape[1]/height) != len(parts) {
		return t.errorf("shape is %v, want a stack that holds %d matrices of %d rows", t.Shape, len(parts), height)
	}
	if t.Scales != nil && height != t.Shape[1] && height%TileElems != 0 {
		return t.errorf("cut at row %d, which is inside a tile of %d that has one scale", height, TileElems)
	}
	list := t.cut(parts, []int{height, t.Shape[2]})
	if t.Scales != nil {
		for i, scales := range t.Scales.cut(parts, []int{Tiles(height), Tiles(t.Shape[2])}) {
			scales.Name += scaleSuffix
			list[i].Scales = scales
		}
	}
	inv.Drop(name)
	for _, part := range list {
		if _, ok := inv.byName[part.Name]; ok {
			return part.errorf("listed twice, once as a part of %s", name)
		}
		inv.byName[part.Name] = part
	}
	return nil
}

// cut divides a tensor into parts of one shape.
func (t *SourceTensor) cut(names []string, shape []int) []*SourceTensor {
	list := make([]*SourceTensor, len(names))
	for i, name := range names {
		part := &SourceTensor{Name: name, DType: t.DType, Shape: shape, File: t.File}
		part.Offset = t.Offset + int64(i)*part.Bytes()
		part.Data = io.NewSectionReader(t.Data, int64(i)*part.Bytes(), part.Bytes())
		list[i] = part
	}
	return list
}

// Close closes the files behind the inventory.
func (inv *Inventory) Close() error {
	var errs []error
	for _, c := range inv.closers {
		errs = append(errs, c.Close())
	}
	inv.closers = nil
	return errors.Join(errs...)
}

// byteSize multiplies up a claimed shape; ok is false when it is negative or
// too large to be true.
func byteSize(shape []int64, elem int) (size int64, ok bool) {
	n := uint64(elem)
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > 1<<62 {
			return 0, false
		}
		n = lo
	}
	return int64(n), true
}
