package weights

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits of a GGUF file. The largest published metadata, a vocabulary of 262,144 tokens with its merges, has 16 MB.
const (
	maxGGUFHeader  = 48 << 20 // bytes before the tensors' data
	maxGGUFKeys    = 1 << 16
	maxGGUFStrings = 1 << 21 // in all arrays
	maxGGUFDims    = 4
	maxGGUFName    = 1 << 10
	maxAlignment   = 1 << 20
)

const (
	ggufMagic            = "GGUF"
	ggufAlignmentKey     = "general.alignment"
	ggufDefaultAlignment = 32
)

// The types of metadata (ggml/docs/gguf.md).
const (
	ggufUint8 uint32 = iota
	ggufInt8
	ggufUint16
	ggufInt16
	ggufUint32
	ggufInt32
	ggufFloat32
	ggufBool
	ggufString
	ggufArray
	ggufUint64
	ggufInt64
	ggufFloat64
)

// ggufSizes are the bytes of a value of each type that has a fixed size.
var ggufSizes = map[uint32]int{
	ggufUint8: 1, ggufInt8: 1, ggufUint16: 2, ggufInt16: 2, ggufUint32: 4, ggufInt32: 4, ggufFloat32: 4, ggufBool: 1,
	ggufUint64: 8, ggufInt64: 8, ggufFloat64: 8,
}

// ggufEntry is one tensor of a GGUF header.
type ggufEntry struct {
	name   string
	dtype  DType
	shape  []int64 // row-major: the file's own order, turned around
	offset int64   // from the beginning of the data on
}

// readGGUF reads metadata and the list of tensors of one file of the given size. file is its name in messages.
func readGGUF(file string, r io.ReaderAt, size int64) (*Metadata, []SourceTensor, error) {
	fail := func(err error) (*Metadata, []SourceTensor, error) {
		return nil, nil, fmt.Errorf("weights: %s: %w", file, err)
	}
	head := make([]byte, min(size, 512))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fail(err)
	}
	if err := CheckContent(head); err != nil {
		return fail(err)
	}
	if !bytes.HasPrefix(head, []byte(ggufMagic)) {
		return fail(fmt.Errorf("begins with %q, not with %s", head[:min(len(head), 4)], ggufMagic))
	}
	g := &ggufReader{in: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16), left: min(size, maxGGUFHeader), whole: size <= maxGGUFHeader}
	metadata := &Metadata{File: file, values: map[string]metadataValue{}}
	entries, err := g.header(metadata)
	if err != nil {
		return fail(err)
	}
	alignment := int64(ggufDefaultAlignment)
	if metadata.Has(ggufAlignmentKey) {
		alignment = int64(metadata.Int(ggufAlignmentKey))
		if err := metadata.Err(); err != nil {
			return nil, nil, err
		}
		if alignment < 1 || alignment > maxAlignment || alignment&(alignment-1) != 0 {
			return fail(fmt.Errorf("%s is %d, must be a power of two to %d", ggufAlignmentKey, alignment, maxAlignment))
		}
	}
	start := alignUp(g.at, alignment)
	tensors, err := placeGGUF(entries, alignment, size-start)
	if err != nil {
		return fail(err)
	}
	for i := range tensors {
		t := &tensors[i]
		t.File, t.Offset = file, start+entries[i].offset
		t.Data = io.NewSectionReader(r, t.Offset, t.Bytes())
	}
	return metadata, tensors, nil
}

// placeGGUF checks that every tensor's bytes match its shape, and that they fill the data one after the other, with
// nothing between but what aligns them, as the format does. It sorts the entries by offset, and lists them so.
func placeGGUF(entries []ggufEntry, alignment, data int64) ([]SourceTensor, error) {
	slices.SortStableFunc(entries, func(a, b ggufEntry) int { return cmp.Compare(a.offset, b.offset) })
	tensors := make([]SourceTensor, len(entries))
	end := int64(0)
	for i, e := range entries {
		elems, bytes := e.dtype.blocks()
		row := e.shape[len(e.shape)-1]
		if row%int64(elems) != 0 {
			return nil, fmt.Errorf("tensor %s: rows of %d are not of whole %s blocks of %d", e.name, row, e.dtype, elems)
		}
		size, ok := byteSize(e.shape, bytes)
		size /= int64(elems)
		switch {
		case !ok:
			return nil, fmt.Errorf("tensor %s: %s %v is too large to be true", e.name, e.dtype, e.shape)
		case e.offset%alignment != 0:
			return nil, fmt.Errorf("tensor %s: offset %d is no multiple of %d", e.name, e.offset, alignment)
		case e.offset < end:
			return nil, fmt.Errorf("tensor %s: offset %d overlaps the tensor before it", e.name, e.offset)
		case e.offset != alignUp(end, alignment):
			return nil, fmt.Errorf("tensor %s: bytes %d..%d before it belong to no tensor", e.name, end, e.offset)
		case e.offset > data || size > data-e.offset:
			return nil, fmt.Errorf("tensor %s: bytes %d+%d lie outside the %d bytes of data: the file is cut short", e.name, e.offset, size, max(data, 0))
		}
		end = e.offset + size
		shape := make([]int, len(e.shape))
		for j, d := range e.shape {
			shape[j] = int(d)
		}
		tensors[i] = SourceTensor{Name: e.name, DType: e.dtype, Shape: shape}
	}
	return tensors, nil
}

// ggufReader reads a header from the front. It allocates nothing that the file does not hold.
type ggufReader struct {
	in      *bufio.Reader
	at      int64
	left    int64 // bytes that may still be read
	whole   bool  // left ends with the file, not with the limit
	strings int   // in arrays so far
}

// take reads n bytes. What it returns is valid until the next call, unless n is too large for the buffer.
func (g *ggufReader) take(n uint64) ([]byte, error) {
	if n > uint64(g.left) {
		if g.whole {
			return nil, fmt.Errorf("offset %d: %d bytes wanted, %d are left", g.at, n, g.left)
		}
		return nil, fmt.Errorf("offset %d: a header of more than %d bytes", g.at, int64(maxGGUFHeader))
	}
	g.at, g.left = g.at+int64(n), g.left-int64(n)
	if n <= uint64(g.in.Size()) {
		data, err := g.in.Peek(int(n))
		if err != nil {
			return nil, fmt.Errorf("offset %d: %w", g.at, err)
		}
		_, err = g.in.Discard(int(n))
		return data, err
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(g.in, data); err != nil {
		return nil, fmt.Errorf("offset %d: %w", g.at, err)
	}
	return data, nil
}

func (g *ggufReader) u32() (uint32, error) {
	data, err := g.take(4)
	if err != nil {
		return 0, err
	}
	return le.Uint32(data), nil
}

func (g *ggufReader) u64() (uint64, error) {
	data, err := g.take(8)
	if err != nil {
		return 0, err
	}
	return le.Uint64(data), nil
}

func (g *ggufReader) str(limit uint64) (string, error) {
	n, err := g.u64()
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", fmt.Errorf("offset %d: a string of %d bytes, more than %d", g.at, n, limit)
	}
	data, err := g.take(n)
	return string(data), err
}

// header reads all that comes before the data.
func (g *ggufReader) header(metadata *Metadata) ([]ggufEntry, error) {
	head, err := g.take(24)
	if err != nil {
		return nil, fmt.Errorf("too short for a GGUF file: %w", err)
	}
	version, tensors, keys := le.Uint32(head[4:]), le.Uint64(head[8:]), le.Uint64(head[16:])
	switch {
	case version == binary.BigEndian.Uint32(le.AppendUint32(nil, 3)) || version == binary.BigEndian.Uint32(le.AppendUint32(nil, 2)):
		return nil, errors.New("a big-endian file, only little-endian ones are read")
	case version != 2 && version != 3:
		return nil, fmt.Errorf("version %d, only 2 and 3 are read", version)
	case tensors > maxSourceTensors:
		return nil, fmt.Errorf("%d tensors, more than %d", tensors, maxSourceTensors)
	case keys > maxGGUFKeys:
		return nil, fmt.Errorf("%d keys of metadata, more than %d", keys, maxGGUFKeys)
	}
	for range keys {
		key, err := g.str(maxGGUFName)
		if err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
		if metadata.Has(key) {
			return nil, fmt.Errorf("key %.200q stands twice", key)
		}
		if metadata.values[key], err = g.value(); err != nil {
			return nil, fmt.Errorf("key %.200q: %w", key, err)
		}
	}
	var entries []ggufEntry
	for i := range tensors {
		e, err := g.entry()
		if err != nil {
			return nil, fmt.Errorf("tensor %d (%.200s): %w", i, e.name, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (g *ggufReader) value() (metadataValue, error) {
	kind, err := g.u32()
	if err != nil {
		return metadataValue{}, err
	}
	switch kind {
	case ggufString:
		s, err := g.str(maxGGUFHeader)
		return metadataValue{kind: kind, text: s}, err
	case ggufArray:
		return g.array()
	}
	size, ok := ggufSizes[kind]
	if !ok {
		return metadataValue{}, fmt.Errorf("offset %d: unknown type %d", g.at-4, kind)
	}
	data, err := g.take(uint64(size))
	return metadataValue{kind: kind, data: bytes.Clone(data)}, err
}

func (g *ggufReader) array() (metadataValue, error) {
	kind, err := g.u32()
	if err != nil {
		return metadataValue{}, err
	}
	count, err := g.u64()
	if err != nil {
		return metadataValue{}, err
	}
	v := metadataValue{kind: ggufArray, of: kind}
	if kind == ggufString {
		if count > uint64(maxGGUFStrings-g.strings) || count > uint64(g.left)/8 {
			return v, fmt.Errorf("offset %d: an array of %d strings, which is too long", g.at, count)
		}
		g.strings += int(count)
		v.texts = make([]string, count)
		for i := range v.texts {
			if v.texts[i], err = g.str(maxGGUFHeader); err != nil {
				return v, fmt.Errorf("element %d: %w", i, err)
			}
		}
		return v, nil
	}
	size, ok := ggufSizes[kind]
	switch {
	case kind == ggufArray:
		return v, errors.New("an array of arrays, which is not supported")
	case !ok:
		return v, fmt.Errorf("offset %d: elements of unknown type %d", g.at-12, kind)
	case count > uint64(g.left)/uint64(size):
		return v, fmt.Errorf("offset %d: an array of %d elements, which is too long", g.at, count)
	}
	data, err := g.take(count * uint64(size))
	v.data = bytes.Clone(data)
	return v, err
}

func (g *ggufReader) entry() (e ggufEntry, err error) {
	if e.name, err = g.str(maxGGUFName); err != nil {
		return e, err
	}
	dims, err := g.u32()
	if err != nil {
		return e, err
	}
	if dims < 1 || dims > maxGGUFDims {
		return e, fmt.Errorf("%d dimensions, must be 1 to %d", dims, maxGGUFDims)
	}
	for range dims {
		d, err := g.u64()
		if err != nil {
			return e, err
		}
		if d < 1 || d > maxElements {
			return e, fmt.Errorf("a dimension of %d", d)
		}
		e.shape = append(e.shape, int64(d))
	}
	slices.Reverse(e.shape)
	kind, err := g.u32()
	if err != nil {
		return e, err
	}
	var ok bool
	if e.dtype, ok = ggmlTypes[kind]; !ok {
		return e, fmt.Errorf("unknown type %d", kind)
	}
	offset, err := g.u64()
	if err == nil && offset > 1<<62 {
		err = fmt.Errorf("offset %d lies outside any file", offset)
	}
	e.offset = int64(offset)
	return e, err
}
