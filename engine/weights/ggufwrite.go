package weights

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
)

// KeyValue is one key of a GGUF file's metadata. The value is a string, uint32, int32, float32, bool, []string, []int32 or []float32.
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
		case []float32:
			head = le.AppendUint64(le.AppendUint32(le.AppendUint32(head, ggufArray), ggufFloat32), uint64(len(v)))
			for _, x := range v {
				head = le.AppendUint32(head, math.Float32bits(x))
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

// DrawBlocks makes random blocks of a GGUF type, for tests: n elements that deviate by about deviation, and what they are.
func DrawBlocks(dtype DType, n int, deviation float64, random *rand.Rand) (raw []byte, values []float32, err error) {
	f, ok := dtype.format()
	source := ggmlBlocks[dtype]
	if !ok || source.elems == 0 || n%source.elems != 0 {
		return nil, nil, fmt.Errorf("weights: %d elements of %s: no whole blocks", n, dtype)
	}
	// What a code of middling size, times a scale of middling size, is; and the middle of codes that have a minimum.
	type middle struct{ size, least float64 }
	m := map[DType]middle{
		"Q4_0": {5, 0}, "Q4_1": {5, -7.5}, "Q5_0": {9, 0}, "Q5_1": {9, -15.5}, "Q8_0": {74, 0}, "IQ4_NL": {70, 0},
		"Q2_K": {8, 1.5}, "Q3_K": {37, 0}, "Q4_K": {170, 7.5}, "Q5_K": {340, 15.5}, "Q6_K": {1360, 0}, "IQ4_XS": {1300, 0},
	}[dtype]
	raw = make([]byte, n/source.elems*source.bytes)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	for block := 0; block < len(raw); block += source.bytes {
		d := deviation / m.size
		for i, at := range source.halves {
			if i == 1 {
				d *= m.least
			}
			le.PutUint16(raw[block+at:], ToF16(float32(d)))
		}
		if dtype == "MXFP4" {
			raw[block] = byte(125 + math.Round(math.Log2(deviation)))
		}
	}
	quants, scales, err := PlaneSizes(f, []int{1, n})
	if err != nil {
		return nil, nil, err
	}
	planes := [2][]byte{make([]byte, quants), make([]byte, scales)}
	relayRow(f, raw, planes[0], planes[1], 0)
	values = make([]float32, n)
	DecodeRow(f, planes[0], planes[1], 0, n, 1, values)
	return raw, values, nil
}
