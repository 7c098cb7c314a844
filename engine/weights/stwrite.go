package weights

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// RawTensor is a tensor in memory, to be written by WriteSafetensors.
type RawTensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte // row-major, little-endian
}

// FromFloats makes a tensor of the type from values. An FP8 tensor, which must
// be a matrix, comes with the tensor of its scales, so the result has one or
// two entries.
func FromFloats(name string, dtype DType, shape []int, values []float32) ([]RawTensor, error) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	if n != len(values) {
		return nil, fmt.Errorf("weights: tensor %s: %d values for shape %v", name, len(values), shape)
	}
	t := RawTensor{Name: name, DType: dtype, Shape: shape}
	switch dtype {
	case DTypeF32:
		for _, v := range values {
			t.Data = le.AppendUint32(t.Data, math.Float32bits(v))
		}
	case DTypeBF16:
		for _, v := range values {
			t.Data = le.AppendUint16(t.Data, ToBF16(v))
		}
	case DTypeF16:
		for _, v := range values {
			t.Data = le.AppendUint16(t.Data, ToF16(v))
		}
	case DTypeFP8:
		if len(shape) != 2 {
			return nil, fmt.Errorf("weights: tensor %s: FP8 shape %v is not a matrix", name, shape)
		}
		rows, k := shape[0], shape[1]
		quants, scales, err := Encode(FP8E4M3, values, 1, rows, k)
		if err != nil {
			return nil, fmt.Errorf("weights: tensor %s: %w", name, err)
		}
		for r := range rows { // without the padding of packed rows
			row := quants[r*BlocksPerRow(k)*BlockElems:]
			t.Data = append(t.Data, row[:k]...)
		}
		return []RawTensor{t, {Name: name + scaleSuffix, DType: DTypeF32, Shape: []int{Tiles(rows), Tiles(k)}, Data: scales}}, nil
	default:
		return nil, fmt.Errorf("weights: tensor %s: type %q cannot be made from floats", name, string(dtype))
	}
	return []RawTensor{t}, nil
}

// WriteSafetensors writes a checkpoint file with the tensors in this order.
func WriteSafetensors(w io.Writer, tensors []RawTensor) error {
	type entry struct {
		DType   DType    `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	offset := int64(0)
	for _, t := range tensors {
		if _, ok := header[t.Name]; ok {
			return fmt.Errorf("weights: tensor %s: listed twice", t.Name)
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		end := offset + int64(len(t.Data))
		header[t.Name] = entry{t.DType, shape, [2]int64{offset, end}}
		offset = end
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	for len(text)%8 != 0 { // the format asks for aligned data
		text = append(text, ' ')
	}
	if _, err := w.Write(append(le.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	for _, t := range tensors {
		if _, err := w.Write(t.Data); err != nil {
			return fmt.Errorf("weights: tensor %s: %w", t.Name, err)
		}
	}
	return nil
}

// InventoryOf is an inventory of tensors in memory.
func InventoryOf(name string, tensors []RawTensor) (*Inventory, error) {
	list := make([]SourceTensor, len(tensors))
	for i, t := range tensors {
		list[i] = SourceTensor{Name: t.Name, DType: t.DType, Shape: t.Shape, Data: bytes.NewReader(t.Data), File: name}
		if int64(len(t.Data)) != list[i].Bytes() {
			return nil, list[i].errorf("%d bytes of data, want %d", len(t.Data), list[i].Bytes())
		}
	}
	return NewInventory(name, list)
}
