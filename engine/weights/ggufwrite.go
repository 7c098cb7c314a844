package weights

import (
	"fmt"
	"io"
	"math"
)

// KeyValue is one key of a GGUF file's metadata. The value is a string, uint32, int32, float32, bool, []string or []int32.
type KeyValue struct {
	Key   string
	Value any
}

// WriteGGUF writes a GGUF file with the tensors in this order: for tests, as WriteSafetensors is.
func WriteGGUF(w io.Writer, keys []KeyValue, tensors []RawTensor) error {
	str := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	head := append([]byte(ggufMagic), 3, 0, 0, 0)
	head = le.AppendUint64(le.AppendUint64(head, uint64(len(tensors))), uint64(len(keys)))
	for _, k := range keys {
		head = str(head, k.Key)
		switch v := k.Value.(type) {
		case string:
			head = str(le.AppendUint32(head, ggufString), v)
		case uint32:
			head = le.AppendUint32(le.AppendUint32(head, ggufUint32), v)
		case int32:
			head = le.AppendUint32(le.AppendUint32(head, ggufInt32), uint32(v))
		case float32:
			head = le.AppendUint32(le.AppendUint32(head, ggufFloat32), math.Float32bits(v))
		case bool:
			head = append(le.AppendUint32(head, ggufBool), map[bool]byte{true: 1}[v])
		case []string:
			head = le.AppendUint64(le.AppendUint32(le.AppendUint32(head, ggufArray), ggufString), uint64(len(v)))
			for _, s := range v {
				head = str(head, s)
			}
		case []int32:
			head = le.AppendUint64(le.AppendUint32(le.AppendUint32(head, ggufArray), ggufInt32), uint64(len(v)))
			for _, n := range v {
				head = le.AppendUint32(head, uint32(n))
			}
		default:
			return fmt.Errorf("weights: key %s: a value of %T", k.Key, k.Value)
		}
	}
	types := map[DType]uint32{}
	for number, d := range ggmlTypes {
		types[d] = number
	}
	offset := int64(0)
	for _, t := range tensors {
		head = le.AppendUint32(str(head, t.Name), uint32(len(t.Shape)))
		for i := range t.Shape {
			head = le.AppendUint64(head, uint64(t.Shape[len(t.Shape)-1-i]))
		}
		number, ok := types[t.DType]
		if !ok {
			return fmt.Errorf("weights: tensor %s: GGUF has no type %s", t.Name, t.DType)
		}
		head = le.AppendUint64(le.AppendUint32(head, number), uint64(offset))
		offset = alignUp(offset+int64(len(t.Data)), ggufDefaultAlignment)
	}
	write := func(data []byte) error {
		padded := append(data, make([]byte, alignUp(int64(len(data)), ggufDefaultAlignment)-int64(len(data)))...)
		if _, err := w.Write(padded); err != nil {
			return fmt.Errorf("weights: %w", err)
		}
		return nil
	}
	if err := write(head); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

// BlocksFrom makes a tensor of a GGUF type from values: of plain types and of the blocks that can be encoded.
func BlocksFrom(name string, dtype DType, shape []int, values []float32) (RawTensor, error) {
	if !dtype.isBlocks() {
		list, err := FromFloats(name, dtype, shape, values)
		if err != nil {
			return RawTensor{}, err
		}
		return list[0], nil
	}
	f, _ := dtype.format()
	n, rows, k := matrixDims(shape)
	quants, scales, err := Encode(f, values, n, rows, k)
	if err != nil {
		return RawTensor{}, fmt.Errorf("weights: tensor %s: %w", name, err)
	}
	if k%BlockElems != 0 || f != Q8_0 && f != Q4_0 {
		return RawTensor{}, fmt.Errorf("weights: tensor %s: rows of %d cannot be made %s", name, k, dtype)
	}
	t := RawTensor{Name: name, DType: dtype, Shape: shape}
	for b := range n * rows * k / BlockElems {
		t.Data = append(append(t.Data, scales[2*b:][:2]...), quants[b*f.BlockBytes():][:f.BlockBytes()]...)
	}
	return t, nil
}
