package weights

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lfsPointer is what stands in a repository for a file that Git LFS has not fetched.
const lfsPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 8608\n"

// rawFile is a safetensors file with this header and this much data.
func rawFile(header string, data int) []byte {
	file := le.AppendUint64(nil, uint64(len(header)))
	return append(append(file, header...), make([]byte, data)...)
}

func TestReadSafetensorsHostile(t *testing.T) {
	const a = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"LFS pointer":       {[]byte(lfsPointer), "Git LFS pointer, not the file it stands for: run git lfs pull"},
		"web page":          {[]byte("\n<!DOCTYPE html><title>Sign in</title>"), "this is a web page"},
		"bare web page":     {[]byte("<html><body>404"), "this is a web page"},
		"XML":               {[]byte("<?xml version='1.0'?><Error/>"), "this is a web page"},
		"empty":             {nil, "too short"},
		"seven bytes":       {make([]byte, 7), "too short"},
		"endless header":    {le.AppendUint64(nil, 1<<63), "longer than"},
		"header over cap":   {le.AppendUint64(nil, maxHeaderSize+1), "longer than"},
		"header over file":  {le.AppendUint64(nil, 100), "longer than the file"},
		"no header":         {rawFile("", 0), "does not begin with {"},
		"not an object":     {rawFile(`[]`, 0), "does not begin with {"},
		"leading space":     {rawFile(` {}`, 0), "does not begin with {"},
		"cut off":           {rawFile(`{"a":{"dtype":"F32"`, 0), "unexpected EOF"},
		"behind the end":    {rawFile(`{} x`, 0), "behind the end"},
		"second value":      {rawFile(`{}{}`, 0), "behind the end"},
		"invalid utf-8":     {rawFile("{\"\xff\":1}", 0), "not valid UTF-8"},
		"key twice":         {rawFile(`{`+a+`,`+a+`}`, 8), `key "a" stands twice`},
		"inner key twice":   {rawFile(`{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}`, 8), `key "dtype" stands twice`},
		"unknown inner key": {rawFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8), "x: unknown key"},
		"missing shape":     {rawFile(`{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8), "is missing"},
		"metadata number":   {rawFile(`{"__metadata__":{"a":1}}`, 0), "where a string belongs"},
		"metadata list":     {rawFile(`{"__metadata__":[]}`, 0), "belongs"},
		"empty name":        {rawFile(`{"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), "name is empty"},
		"unknown type":      {rawFile(`{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}`, 8), `tensor a: unknown type "F33"`},
		"fraction":          {rawFile(`{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8), "whole number"},
		"string for number": {rawFile(`{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}`, 8), "whole number"},
		"nested":            {rawFile(`{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}`, 8), "whole number"},
		"deeply nested":     {rawFile(`{"a":`+strings.Repeat("[", 1e6), 0), "belongs"},
		"nine dimensions":   {rawFile(`{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}`, 4), "more than 8 numbers"},
		"three offsets":     {rawFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, 8), "more than 2 numbers"},
		"one offset":        {rawFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}`, 8), "1 numbers, want 2"},
		"negative size":     {rawFile(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), "does not take"},
		"two negatives":     {rawFile(`{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}`, 8), "does not take"},
		"shape overflow":    {rawFile(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0), "does not take"},
		"too small":         {rawFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), "does not take 4 bytes"},
		"past the end":      {rawFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 4), "lie outside"},
		"reversed":          {rawFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), "lie outside"},
		"negative offset":   {rawFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), "lie outside"},
		"trailing bytes":    {rawFile(`{`+a+`}`, 9), "1 bytes after the last tensor"},
		"hole":              {rawFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), "belong to no tensor"},
		"overlap":           {rawFile(`{`+a+`,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), "tensor b: offset 4 overlaps"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readSafetensors("x.safetensors", bytes.NewReader(c.file), int64(len(c.file)))
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "weights: x.safetensors: ")
			assert.Less(t, len(err.Error()), 400)
		})
	}
}

func TestReadSafetensors(t *testing.T) {
	header := `{"b":{"dtype":"I64","shape":[],"data_offsets":[8,16]},"__metadata__":{"format":"pt"},` +
		`"a":{"shape":[2,2],"dtype":"BF16","data_offsets":[0,8]},"none":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]}}   `
	file := rawFile(header, 16)
	file[len(file)-16] = 0x80
	list, err := readSafetensors("x", bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	inv, err := NewInventory("x", list)
	require.NoError(t, err)
	require.Len(t, inv.Tensors(), 3)
	a, ok := inv.Tensor("a")
	require.True(t, ok)
	assert.Equal(t, []int{2, 2}, a.Shape)
	var b [2]byte
	require.NoError(t, a.readAt(b[:], 0))
	assert.Equal(t, byte(0x80), b[0])
	assert.ErrorContains(t, a.readAt(b[:], 7), "weights: x: tensor a: reading 2 bytes at 7: unexpected EOF")
}

func TestFP8Pairs(t *testing.T) {
	fp8 := RawTensor{Name: "w.weight", DType: DTypeFP8, Shape: []int{130, 2}, Data: make([]byte, 260)}
	scales := func(d DType, bytes int, shape ...int) RawTensor {
		return RawTensor{Name: "w.weight_scale_inv", DType: d, Shape: shape, Data: make([]byte, bytes)}
	}
	inv, err := InventoryOf("x", []RawTensor{scales(DTypeF32, 8, 2, 1), fp8})
	require.NoError(t, err)
	require.Len(t, inv.Tensors(), 1)
	assert.Equal(t, "w.weight_scale_inv", inv.Tensors()[0].Scales.Name)
	_, ok := inv.Tensor("w.weight_scale_inv")
	assert.False(t, ok)

	_, err = InventoryOf("x", []RawTensor{fp8, scales(DTypeF32, 8, 1, 2)})
	assert.ErrorContains(t, err, "tensor w.weight_scale_inv: shape is [1 2], want [2 1]")
	_, err = InventoryOf("x", []RawTensor{fp8, scales("I16", 4, 2, 1)})
	assert.ErrorContains(t, err, "type is I16, want F32, BF16, F16 or F8_E8M0")
	_, err = InventoryOf("x", []RawTensor{fp8, fp8})
	assert.ErrorContains(t, err, "listed twice")
	_, err = InventoryOf("x", []RawTensor{{Name: "a", DType: DTypeF32, Shape: []int{2}, Data: make([]byte, 4)}})
	assert.ErrorContains(t, err, "4 bytes of data, want 8")
}

func writeCheckpoint(t *testing.T, path string, tensors ...RawTensor) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, WriteSafetensors(&b, tensors))
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
}

func floats(t *testing.T, name string, d DType, shape []int, values []float32) []RawTensor {
	t.Helper()
	list, err := FromFloats(name, d, shape, values)
	require.NoError(t, err)
	return list
}

func TestOpenSafetensors(t *testing.T) {
	dir := t.TempDir()
	a := floats(t, "a", DTypeF32, []int{1}, []float32{1})[0]
	b := floats(t, "b", DTypeF16, []int{2}, []float32{1, 2})[0]
	one, two := filepath.Join(dir, "one.safetensors"), filepath.Join(dir, "two.safetensors")
	writeCheckpoint(t, one, a)
	writeCheckpoint(t, two, b)
	index := filepath.Join(dir, indexFile)
	open := func(path string) (int, error) {
		inv, err := OpenSafetensors(path)
		if err != nil {
			return 0, err
		}
		defer inv.Close()
		return len(inv.Tensors()), nil
	}
	for _, c := range []struct{ name, path, index, want string }{
		{"one file", one, "", ""},
		{"folder without index", dir, "", ""},
		{"index", dir, `{"metadata":{"total_size":[{}]},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}`, ""},
		{"tensor not in index", dir, `{"weight_map":{"a":"one.safetensors","c":"two.safetensors"}}`, ""},
		{"tensor in another file", dir, `{"weight_map":{"a":"two.safetensors","b":"one.safetensors"}}`, ""},
		{"tensor missing", dir, `{"weight_map":{"a":"one.safetensors","b":"two.safetensors","c":"one.safetensors"}}`, ""},
		{"file missing", dir, `{"weight_map":{"a":"three.safetensors"}}`, "three.safetensors"},
		{"path", dir, `{"weight_map":{"a":"../one.safetensors"}}`, "not the plain name"},
		{"absolute", dir, `{"weight_map":{"a":"/etc/one.safetensors"}}`, "not the plain name"},
		{"hidden", dir, `{"weight_map":{"a":"..safetensors"}}`, "not the plain name"},
		{"other file", dir, `{"weight_map":{"a":"config.json"}}`, "not the plain name"},
		{"no map", dir, `{"metadata":{}}`, "weight_map is missing"},
		{"map twice", dir, `{"weight_map":{"a":"one.safetensors"},"weight_map":{}}`, "stands twice"},
		{"tensor twice", dir, `{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}`, "stands twice"},
		{"garbage", dir, `weights`, "invalid character"},
		{"LFS pointer for an index", dir, lfsPointer, "Git LFS pointer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(index))
			if c.index != "" {
				require.NoError(t, os.WriteFile(index, []byte(c.index), 0o644))
			}
			n, err := open(c.path)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				assert.ErrorContains(t, err, "weights: ")
				return
			}
			require.NoError(t, err)
			want := 2
			if c.path == one {
				want = 1
			}
			assert.Equal(t, want, n)
		})
	}
	require.NoError(t, os.RemoveAll(index))
	writeCheckpoint(t, filepath.Join(dir, "three.safetensors"), a)
	_, err := open(dir)
	assert.ErrorContains(t, err, "tensor a: listed twice")
	writeCheckpoint(t, filepath.Join(dir, singleFile), a) // and the others are copies of it
	n, err := open(dir)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	_, err = open(t.TempDir())
	assert.ErrorContains(t, err, "no .safetensors file in the folder")
	_, err = open(filepath.Join(dir, "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzReadSafetensors(f *testing.F) {
	f.Add(rawFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(rawFile(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0))
	f.Add(rawFile(`{"__metadata__":{"x":"y"},"a":{"dtype":"F8_E4M3","shape":[],"data_offsets":[0,1]}}`, 1))
	f.Fuzz(func(t *testing.T, file []byte) {
		list, err := readSafetensors("x", bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		var total int64
		for i := range list {
			data := make([]byte, list[i].Bytes())
			if err := list[i].readAt(data, 0); err != nil {
				t.Fatal(err)
			}
			total += list[i].Bytes()
		}
		if header := int64(le.Uint64(file)); total != int64(len(file))-8-header {
			t.Fatalf("tensors have %d bytes", total)
		}
	})
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":1},"weight_map":{"a":"one.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := IndexFiles(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatal("accepted what is not JSON")
		}
		for _, file := range m {
			if filepath.Base(file) != file || !filepath.IsLocal(file) {
				t.Fatalf("accepted file %q", file)
			}
		}
	})
}
