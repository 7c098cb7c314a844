package weights

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallGGUF is a sound file of some keys and two tensors.
func smallGGUF(tb testing.TB) []byte {
	var out bytes.Buffer
	require.NoError(tb, WriteGGUF(&out, []KeyValue{
		{"general.architecture", "deepseek2"}, {"n", uint32(7)}, {"x", float32(0.0707)}, {"ok", true}, {"tokens", []string{"a", "bc"}}, {"types", []int32{1, -3}},
	}, []RawTensor{
		{Name: "a", DType: DTypeF32, Shape: []int{2, 3}, Data: make([]byte, 24)},
		{Name: "b", DType: "Q8_0", Shape: []int{2, 64}, Data: make([]byte, 4*34)},
	}))
	return out.Bytes()
}

func openBytes(data []byte) (*Metadata, []SourceTensor, error) {
	return readGGUF("x.gguf", bytes.NewReader(data), int64(len(data)))
}

func TestReadGGUF(t *testing.T) {
	m, tensors, err := openBytes(smallGGUF(t))
	require.NoError(t, err)
	require.Equal(t, "deepseek2", m.String("general.architecture"))
	require.Equal(t, 7, m.Int("n"))
	require.Equal(t, 0.0707, m.Float("x"), "the decimal that it was made of")
	require.Equal(t, 7.0, m.Float("n"))
	require.True(t, m.Bool("ok"))
	require.Equal(t, []string{"a", "bc"}, m.Strings("tokens"))
	require.Equal(t, []int{1, -3}, m.Ints("types"))
	require.Equal(t, []int{7}, m.Ints("n"))
	require.False(t, m.Has("y"))
	require.Zero(t, m.Int("y"))
	require.Empty(t, m.String("y"))
	require.NoError(t, m.Err())
	require.Equal(t, "", m.String("n"))
	require.EqualError(t, m.Err(), "weights: x.gguf: key n is no string")
	require.Len(t, tensors, 2)
	require.Equal(t, []int{2, 64}, tensors[1].Shape)
	require.EqualValues(t, 4*34, tensors[1].Bytes())
}

// Wrong files are refused in one line, and without much memory.
func TestGGUFRefuses(t *testing.T) {
	sound := smallGGUF(t)
	u64 := func(n uint64) []byte { return le.AppendUint64(nil, n) }
	head := func(tensors, keys uint64) []byte {
		return append(append([]byte("GGUF\x03\x00\x00\x00"), u64(tensors)...), u64(keys)...)
	}
	key := func(kind uint32, rest ...byte) []byte { // a file with one key
		b := append(append(head(0, 1), u64(1)...), 'k')
		return append(le.AppendUint32(b, kind), rest...)
	}
	tensor := func(kind uint32, offset uint64, dims ...uint64) []byte { // a file with one tensor
		b := le.AppendUint32(append(append(head(1, 0), u64(1)...), 't'), uint32(len(dims)))
		for _, d := range dims {
			b = le.AppendUint64(b, d)
		}
		b = le.AppendUint64(le.AppendUint32(b, kind), offset)
		return append(b, make([]byte, 128)...)
	}
	array := func(of uint32, count uint64, rest ...byte) []byte {
		return append(append(le.AppendUint32(nil, of), u64(count)...), rest...)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                  {nil, `begins with "", not with GGUF`},
		"another file":             {[]byte("PK\x03\x04 and so on"), "not with GGUF"},
		"Git LFS":                  {[]byte("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"},
		"web page":                 {[]byte("<!doctype html>"), "web page"},
		"magic alone":              {[]byte("GGUF"), "too short"},
		"version 1":                {append([]byte("GGUF\x01\x00\x00\x00"), make([]byte, 16)...), "version 1, only 2 and 3"},
		"big-endian":               {append([]byte("GGUF\x00\x00\x00\x03"), make([]byte, 16)...), "a big-endian file"},
		"tensors without end":      {head(1<<63, 0), "tensors, more than"},
		"keys without end":         {head(0, 1<<63), "keys of metadata, more than"},
		"keys that are not there":  {head(0, 9), "8 bytes wanted, 0 are left"},
		"key of 2^63 bytes":        {append(head(0, 1), u64(1<<63)...), "a string of 9223372036854775808 bytes"},
		"string of 2^63 bytes":     {key(ggufString, u64(1<<63)...), `key "k": offset`},
		"string longer than file":  {key(ggufString, u64(1000)...), "1000 bytes wanted, 0 are left"},
		"unknown type":             {key(99), "unknown type 99"},
		"array of arrays":          {key(ggufArray, array(ggufArray, 1)...), "an array of arrays"},
		"array of an unknown type": {key(ggufArray, array(77, 1)...), "elements of unknown type 77"},
		"array of 2^63 numbers":    {key(ggufArray, array(ggufUint64, 1<<63)...), "an array of 9223372036854775808 elements"},
		"array of 2^63 strings":    {key(ggufArray, array(ggufString, 1<<63)...), "an array of 9223372036854775808 strings"},
		"array that overflows":     {key(ggufArray, array(ggufUint64, 1<<61)...), "which is too long"},
		"key twice":                {bytes.Replace(sound, append(u64(1), 'x'), append(u64(1), 'n'), 1), `key "n" stands twice`},
		"tensor of no dimensions":  {tensor(0, 0), "0 dimensions"},
		"tensor of 5 dimensions":   {tensor(0, 0, 1, 1, 1, 1, 1), "5 dimensions"},
		"tensor of nothing":        {tensor(0, 0, 0), "a dimension of 0"},
		"tensor that overflows":    {tensor(0, 0, 1<<40, 1<<40), "too large to be true"},
		"negative dimension":       {tensor(0, 0, 1<<63), "a dimension of 9223372036854775808"},
		"tensor of unknown type":   {tensor(4, 0, 1), "unknown type 4"},
		"offset of 2^63":           {tensor(0, 1<<63, 1), "lies outside any file"},
		"offset not aligned":       {tensor(0, 4, 1), "offset 4 is no multiple of 32"},
		"offset after nothing":     {tensor(0, 32, 1), "bytes 0..32 before it belong to no tensor"},
		"cut short":                {tensor(0, 0, 1000), "the file is cut short"},
		"half a block":             {tensor(8, 0, 40), "not of whole Q8_0 blocks of 32"},
		"data cut off":             {sound[:len(sound)-100], "the file is cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := openBytes(c.data)
			require.ErrorContains(t, err, c.want)
			require.True(t, strings.HasPrefix(err.Error(), "weights: x.gguf: "))
			require.NotContains(t, err.Error(), "\n")
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
		})
	}
	for n := range len(sound) - 30 { // what follows only aligns
		_, _, err := openBytes(sound[:n])
		require.Error(t, err, "cut after %d bytes", n)
	}
}

// Two tensors at one place, or with something between.
func TestGGUFOverlaps(t *testing.T) {
	sound := smallGGUF(t)
	at := bytes.LastIndex(sound[:len(sound)-160], binary.LittleEndian.AppendUint64(nil, 32)) // of tensor b
	require.Positive(t, at)
	for offset, want := range map[uint64]string{0: "overlaps the tensor before it", 64: "belong to no tensor"} {
		data := bytes.Clone(sound)
		le.PutUint64(data[at:], offset)
		_, _, err := openBytes(data)
		require.ErrorContains(t, err, want)
	}
}

// FuzzGGUF holds that whatever is read lies in the file, and that nothing panics.
func FuzzGGUF(f *testing.F) {
	sound := smallGGUF(f)
	f.Add(sound)
	f.Add(sound[:len(sound)/2])
	for i := 0; i < len(sound); i += 11 {
		changed := bytes.Clone(sound)
		changed[i] ^= 0x80
		f.Add(changed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, tensors, err := openBytes(data)
		if err != nil {
			return
		}
		for key := range m.values {
			m.String(key)
			m.Strings(key)
			m.Int(key)
			m.Ints(key)
			m.Floats(key)
			m.Float(key)
			m.Bool(key)
		}
		for i := range tensors {
			tensor := &tensors[i]
			require.LessOrEqual(t, tensor.Bytes(), int64(len(data)))
			require.NoError(t, tensor.readAt(make([]byte, tensor.Bytes()), 0))
		}
	})
}
