package weights

import (
	"fmt"
	"math"
	"strconv"
)

// Metadata is what a GGUF file says about its model, by key. A key that is asked for as something that it is not makes
// an error, which Err tells once all are read; one that is absent is the zero value.
type Metadata struct {
	File string // for messages

	values map[string]metadataValue
	err    error
}

// metadataValue is a value as it stands in the file.
type metadataValue struct {
	kind  uint32
	of    uint32 // an array's elements
	data  []byte // numbers
	text  string
	texts []string
}

// Has tells whether a key is there.
func (m *Metadata) Has(key string) bool {
	_, ok := m.values[key]
	return ok
}

// Err is the first error of the calls so far.
func (m *Metadata) Err() error { return m.err }

func (m *Metadata) fail(key, want string) {
	if m.err == nil {
		m.err = fmt.Errorf("weights: %s: key %s is no %s", m.File, key, want)
	}
}

// String is a text.
func (m *Metadata) String(key string) string {
	v, ok := m.values[key]
	if ok && v.kind != ggufString {
		m.fail(key, "string")
	}
	return v.text
}

// Strings is an array of texts.
func (m *Metadata) Strings(key string) []string {
	v, ok := m.values[key]
	if ok && (v.kind != ggufArray || v.of != ggufString) {
		m.fail(key, "array of strings")
	}
	return v.texts
}

// Int is a whole number.
func (m *Metadata) Int(key string) int {
	v, ok := m.values[key]
	if !ok {
		return 0
	}
	n, ok := wholeNumber(v.kind, v.data)
	if !ok {
		m.fail(key, "whole number")
	}
	return n
}

// Ints is an array of whole numbers, or one alone.
func (m *Metadata) Ints(key string) []int {
	v, ok := m.values[key]
	if !ok {
		return nil
	}
	if v.kind != ggufArray {
		return []int{m.Int(key)}
	}
	size := ggufSizes[v.of]
	if size == 0 {
		m.fail(key, "array of whole numbers")
		return nil
	}
	list := make([]int, len(v.data)/size)
	for i := range list {
		if list[i], ok = wholeNumber(v.of, v.data[i*size:(i+1)*size]); !ok {
			m.fail(key, "array of whole numbers")
			return nil
		}
	}
	return list
}

// Floats is an array of numbers of 32 bits.
func (m *Metadata) Floats(key string) []float64 {
	v, ok := m.values[key]
	if !ok {
		return nil
	}
	if v.kind != ggufArray || v.of != ggufFloat32 {
		m.fail(key, "array of numbers of 32 bits")
		return nil
	}
	list := make([]float64, len(v.data)/4)
	for i := range list {
		list[i] = float64(math.Float32frombits(le.Uint32(v.data[4*i:])))
	}
	return list
}

// Float is a number. One of 32 bits is the decimal that is written shortest, which is what it was made of.
func (m *Metadata) Float(key string) float64 {
	v, ok := m.values[key]
	switch {
	case !ok:
		return 0
	case v.kind == ggufFloat32:
		f := math.Float32frombits(le.Uint32(v.data))
		exact, _ := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
		return exact
	case v.kind == ggufFloat64:
		return math.Float64frombits(le.Uint64(v.data))
	}
	n, ok := wholeNumber(v.kind, v.data)
	if !ok {
		m.fail(key, "number")
	}
	return float64(n)
}

// Bool is a truth value.
func (m *Metadata) Bool(key string) bool {
	v, ok := m.values[key]
	if ok && v.kind != ggufBool {
		m.fail(key, "truth value")
		return false
	}
	return ok && v.data[0] != 0
}

func wholeNumber(kind uint32, data []byte) (int, bool) {
	switch kind {
	case ggufUint8:
		return int(data[0]), true
	case ggufInt8:
		return int(int8(data[0])), true
	case ggufUint16:
		return int(le.Uint16(data)), true
	case ggufInt16:
		return int(int16(le.Uint16(data))), true
	case ggufUint32:
		return int(le.Uint32(data)), true
	case ggufInt32:
		return int(int32(le.Uint32(data))), true
	case ggufUint64, ggufInt64:
		n := le.Uint64(data)
		return int(n), n <= math.MaxInt64 || kind == ggufInt64
	}
	return 0, false
}
