package tokenizer

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// toyBinary is testdata/toy.bin: what Compile makes of fuzzToy with DeepSeek-V3's pre-tokenizer.
func toyBinary(tb testing.TB) []byte {
	data, err := os.ReadFile("testdata/toy.bin")
	require.NoError(tb, err)
	return data
}

// TestLayout holds the layout: a packed model is read by later versions, or refused by them. Whoever changes it gives
// magic another number, and writes the file anew with TABSEEK_UPDATE=1.
func TestLayout(t *testing.T) {
	y := fuzzToy()
	y.preTokenizer = deepseekV3
	data, err := Compile(y.json(t))
	require.NoError(t, err)
	if os.Getenv("TABSEEK_UPDATE") != "" {
		require.NoError(t, os.WriteFile("testdata/toy.bin", data, 0o644))
	}
	require.True(t, bytes.Equal(toyBinary(t), data), "Compile writes another testdata/toy.bin")
	require.Less(t, len(data), 1<<15)
}

// TestNewRefuses spoils a number of each kind that leads somewhere. Offsets are of the number spoilt.
func TestNewRefuses(t *testing.T) {
	whole := toyBinary(t)
	sections, err := cutSections(whole)
	require.NoError(t, err)
	u32 := func(section, i int, value uint32) func([]byte) []byte {
		return func(data []byte) []byte {
			binary.LittleEndian.PutUint32(data[sections[section].offset+4*i:], value)
			return data
		}
	}
	count := func(section int, value uint32) func([]byte) []byte {
		return func(data []byte) []byte {
			binary.LittleEndian.PutUint32(data[len(magic)+4*section:], value)
			return data
		}
	}
	u16 := func(i int, value uint16) func([]byte) []byte {
		return func(data []byte) []byte {
			binary.LittleEndian.PutUint16(data[sections[sectionTables].offset+2*i:], value)
			return data
		}
	}
	var layout layout
	require.NoError(t, layout.read(whole))
	width := layout.classes.count + 1
	for name, c := range map[string]struct {
		spoil func([]byte) []byte
		want  string
	}{
		"nothing":               {func([]byte) []byte { return nil }, "0 bytes, too short"},
		"a header cut short":    {func(d []byte) []byte { return d[:headerSize-1] }, "43 bytes, too short"},
		"JSON":                  {func([]byte) []byte { return []byte(`{"version":"1.0","truncation":null,"padding":null}`) }, "offset 0: begins with \"{\\\"versio\""},
		"another layout":        {func(d []byte) []byte { d[7]++; return d }, `want "tabseek\x02"`},
		"a byte too many":       {func(d []byte) []byte { return append(d, 0) }, "1 bytes too many"},
		"a byte too few":        {func(d []byte) []byte { return d[:len(d)-1] }, "settings take"},
		"no tokens":             {count(sectionEnds, 0), "offset"},
		"absurd tokens":         {count(sectionEnds, 1<<32-1), "offset 8: 4294967295 ends take 17179869180 bytes"},
		"absurd merges":         {count(sectionMerges, 1<<31), "offset 12: 2147483648 merges take"},
		"absurd contents":       {count(sectionContents, 1<<32-1), "offset 36: 4294967295 contents take"},
		"a token outside":       {u32(sectionEnds, 0, 1<<31), "token 0 ends at 2147483648"},
		"a token backwards":     {u32(sectionEnds, 5, 2), "token 5 ends at 2, it begins at 5"},
		"a merge of no token":   {u32(sectionMerges, 0, 1000), "merge 0 names token 1000 of"},
		"a merge to no token":   {u32(sectionMerges, 5, 1<<32-1), "merge 1 names token 4294967295 of"},
		"an added one outside":  {u32(sectionAdded, 0, 5000), "5000 is not the id of an added token"},
		"an added one that is":  {u32(sectionAdded, 0, 65), "65 is not the id of an added token"},
		"added out of order":    {u32(sectionAdded, 1, binary.LittleEndian.Uint32(sections[sectionAdded].data)), "must come after"},
		"unknown settings":      {u32(sectionSettings, 0, 1<<31), "unknown settings 0x80000000"},
		"ranges not from 0":     {u32(sectionRanges, 0, 1<<8), "a range from character 0x1 on, which is out of order"},
		"ranges out of order":   {u32(sectionRanges, 2, 1<<8), "a range from character 0x1 on, which is out of order"},
		"ranges beyond Unicode": {u32(sectionRanges, sections[sectionRanges].len()-1, 0x110000<<8), "character 0x110000 on"},
		"absurd class":          {u32(sectionRanges, 1, '\t'<<8|0xff), "class 255, more than 253"},
		"unknown pass":          {u32(sectionPasses, 0, 5<<8|0x80), "pass 0 has flags 0x80 and 5 states"},
		"a pass of no states":   {u32(sectionPasses, 0, 6), "pass 0 has flags 0x6 and 0 states"},
		"a prefix with states":  {u32(sectionPasses, 0, 5<<8|1), "pass 0 has flags 0x1 and 5 states"},
		"absurd states":         {u32(sectionPasses, 0, 1<<21|6), "pass 0 has flags 0x6 and 8192 states"},
		"states too many":       {u32(sectionPasses, 2, 4000<<8|6), "pass 2 of 4000 states needs"},
		"states too few":        {u32(sectionPasses, 2, 2<<8|6), "pass 2 goes to state"},
		"a state outside":       {u16(width, 9999<<1), "pass 0 goes to state 9999 of"},
		"on beyond the end":     {u16(2*width-1, 1<<1), "pass 0 goes to state 1 of"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.spoil(bytes.Clone(whole)))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 300)
		})
	}
}

// Models that were packed with layout 1 are read still.
func TestLayoutBefore(t *testing.T) {
	data, err := os.ReadFile("testdata/toy-1.bin")
	require.NoError(t, err)
	before, err := New(data)
	require.NoError(t, err)
	now, err := New(toyBinary(t))
	require.NoError(t, err)
	for _, text := range hostileTexts {
		require.Equal(t, now.EncodeSpecial(text), before.EncodeSpecial(text), "%q", text)
	}
}

// Merges that are made to collide would make a load quadratic.
func TestCollisions(t *testing.T) {
	x := newIndex(1 << 16)
	var err error
	added := 0
	for ; added < 1<<16 && err == nil; added++ {
		err = x.add(42, added)
	}
	require.ErrorIs(t, err, errCollisions)
	require.Less(t, added, 1<<11)

	x = newIndex(1 << 16)
	for i := range uint32(1 << 16) {
		require.NoError(t, x.add(hashPair(i/256, i%256), int(i)))
	}
	require.Greater(t, x.left, 15<<16, "less than one collision a record")
}
