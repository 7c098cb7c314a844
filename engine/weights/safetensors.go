package weights

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Limits of a safetensors file. The format itself allows a header of 100 MB; the
// largest published ones (a layer of 256 experts in one file) stay below 1 MB.
const (
	maxHeaderSize    = 25 << 20
	maxSourceTensors = 1 << 20
	maxSourceDims    = 8
)

// headerEntry is one tensor of a safetensors header.
type headerEntry struct {
	name       string
	dtype      DType
	shape      []int64
	begin, end int64 // data_offsets, from the end of the header on
}

// readSafetensors lists the tensors of one file of the given size. file is its
// name in messages.
func readSafetensors(file string, r io.ReaderAt, size int64) ([]SourceTensor, error) {
	fail := func(err error) ([]SourceTensor, error) { return nil, fmt.Errorf("weights: %s: %w", file, err) }
	head := make([]byte, min(size, 512))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fail(err)
	}
	if err := CheckContent(head); err != nil {
		return fail(err)
	}
	if size < 8 {
		return fail(fmt.Errorf("%d bytes are too short for a safetensors file", size))
	}
	n := le.Uint64(head)
	if n > maxHeaderSize {
		return fail(fmt.Errorf("header of %d bytes is longer than %d", n, maxHeaderSize))
	}
	if int64(n) > size-8 {
		return fail(fmt.Errorf("header of %d bytes is longer than the file of %d", n, size))
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(r, 8, int64(n)), header); err != nil {
		return fail(fmt.Errorf("header: %w", err))
	}
	entries, err := parseHeader(header)
	if err != nil {
		return fail(err)
	}
	if err := checkEntries(entries, size-8-int64(n)); err != nil {
		return fail(err)
	}
	tensors := make([]SourceTensor, len(entries))
	for i, e := range entries {
		shape := make([]int, len(e.shape))
		for j, d := range e.shape {
			shape[j] = int(d)
		}
		tensors[i] = SourceTensor{
			Name: e.name, DType: e.dtype, Shape: shape, File: file, Offset: 8 + int64(n) + e.begin,
			Data: io.NewSectionReader(r, 8+int64(n)+e.begin, e.end-e.begin),
		}
	}
	return tensors, nil
}

// checkEntries demands that every entry's bytes match its shape and that the
// entries fill the data section without holes or overlaps, as the format does.
func checkEntries(entries []headerEntry, data int64) error {
	for _, e := range entries {
		elem, ok := dtypeBytes[e.dtype]
		if !ok {
			return fmt.Errorf("tensor %s: unknown type %q", e.name, string(e.dtype))
		}
		if e.begin < 0 || e.end < e.begin || e.end > data {
			return fmt.Errorf("tensor %s: offsets %d..%d lie outside the %d bytes of data", e.name, e.begin, e.end, data)
		}
		if size, ok := byteSize(e.shape, elem); !ok || size != e.end-e.begin {
			return fmt.Errorf("tensor %s: %s %v does not take %d bytes", e.name, e.dtype, e.shape, e.end-e.begin)
		}
	}
	slices.SortFunc(entries, func(a, b headerEntry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	end := int64(0)
	for _, e := range entries {
		if e.begin > end {
			return fmt.Errorf("tensor %s: bytes %d..%d before it belong to no tensor", e.name, end, e.begin)
		}
		if e.begin < end {
			return fmt.Errorf("tensor %s: offset %d overlaps the tensor before it", e.name, e.begin)
		}
		end = e.end
	}
	if end != data {
		return fmt.Errorf("%d bytes after the last tensor", data-end)
	}
	return nil
}

// parseHeader reads the JSON of a header. It goes token by token because
// encoding/json lets the last of several equal keys win in silence.
func parseHeader(header []byte) ([]headerEntry, error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, errors.New("header: does not begin with {")
	}
	s, err := newScanner(header)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	var entries []headerEntry
	err = s.object(func(name string) error {
		if name == "__metadata__" {
			return s.object(func(string) error { _, err := s.str(); return err })
		}
		if len(entries) == maxSourceTensors {
			return fmt.Errorf("more than %d tensors", maxSourceTensors)
		}
		e, err := s.entry(name)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", strconv.Quote(name), err)
		}
		entries = append(entries, e)
		return nil
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return entries, nil
}

func (s *scanner) entry(name string) (headerEntry, error) {
	e := headerEntry{name: name}
	if name == "" || len(name) > 1024 {
		return e, errors.New("name is empty or too long")
	}
	var seen int
	err := s.object(func(key string) (err error) {
		seen++
		switch key {
		case "dtype":
			var d string
			d, err = s.str()
			e.dtype = DType(d)
		case "shape":
			e.shape, err = s.ints(maxSourceDims)
		case "data_offsets":
			var offsets []int64
			offsets, err = s.ints(2)
			if err == nil && len(offsets) != 2 {
				err = fmt.Errorf("%d numbers, want 2", len(offsets))
			}
			if err == nil {
				e.begin, e.end = offsets[0], offsets[1]
			}
		default:
			err = errors.New("unknown key")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err == nil && seen != 3 {
		err = errors.New("dtype, shape or data_offsets is missing")
	}
	return e, err
}

// scanner reads JSON with a known structure, strictly: no key twice, whole
// numbers only, valid UTF-8.
type scanner struct{ *json.Decoder }

func newScanner(data []byte) (*scanner, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return &scanner{d}, nil
}

func (s *scanner) token() (json.Token, error) {
	t, err := s.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return t, err
}

func (s *scanner) delim(want json.Delim) error {
	t, err := s.token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%.40q where %q belongs", fmt.Sprint(t), want.String())
	}
	return nil
}

// object calls value for every key; value must read the key's value.
func (s *scanner) object(value func(key string) error) error {
	if err := s.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for s.More() {
		key, err := s.str()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %.200q stands twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return s.delim('}')
}

func (s *scanner) str() (string, error) {
	t, err := s.token()
	if err != nil {
		return "", err
	}
	str, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%.40q where a string belongs", fmt.Sprint(t))
	}
	return str, nil
}

func (s *scanner) ints(limit int) ([]int64, error) {
	if err := s.delim('['); err != nil {
		return nil, err
	}
	list := []int64{}
	for s.More() {
		t, err := s.token()
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(fmt.Sprint(t), 10, 64)
		if _, ok := t.(json.Number); !ok || err != nil {
			return nil, fmt.Errorf("%.40q where a whole number belongs", fmt.Sprint(t))
		}
		if len(list) == limit {
			return nil, fmt.Errorf("more than %d numbers", limit)
		}
		list = append(list, n)
	}
	return list, s.delim(']')
}

// end refuses anything but white space behind the value.
func (s *scanner) end() error {
	if t, err := s.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%.40q behind the end", fmt.Sprint(t))
	}
	return nil
}
