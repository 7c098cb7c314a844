package weights

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// soundManifest is a manifest with one of everything: two buffers, a tensor in
// two pieces, scales, parts.
func soundManifest() *Manifest {
	sum := func(c string) string { return strings.Repeat(c, 64) }
	shard := func(c string, buffer int, offset, size int64) Shard {
		return Shard{File: ShardFile(sum(c)), Size: size, SHA256: sum(c), Buffer: buffer, Offset: offset}
	}
	return &Manifest{
		Format: ManifestFormat, Version: ManifestVersion, Architecture: json.RawMessage(`{}`),
		Tensors: []Tensor{
			{Name: "norm", Format: F32, Shape: []int{50}, Pieces: []Piece{{Count: 50, Quants: Plane{Size: 200}}}},
			{Name: "w", Format: FP8E4M3, Shape: []int{200, 32}, PartsAt: []int{0, 128}, Pieces: []Piece{
				{Count: 128, Quants: Plane{Offset: 256, Size: 4096}, Scales: &Plane{Offset: 4352, Size: 4}},
				{First: 128, Count: 72, Quants: Plane{Buffer: 1, Size: 2304}, Scales: &Plane{Buffer: 1, Offset: 2304, Size: 4}},
			}},
		},
		Buffers:   []BufferSpec{{Size: 4608}, {Size: 2560}},
		Shards:    []Shard{shard("a", 0, 0, 4096), shard("b", 0, 4096, 512), shard("c", 1, 0, 2560)},
		Tokenizer: TokenizerFile{File: "tokenizer.bin", Size: 2, SHA256: sum("d")},
		Special:   Special{EOS: []int{1}},
	}
}

func TestParseManifest(t *testing.T) {
	data, err := soundManifest().Marshal()
	require.NoError(t, err)
	m, err := ParseManifest(data)
	require.NoError(t, err)
	w, ok := m.Tensor("w")
	require.True(t, ok)
	assert.Equal(t, int64(4096+4+2304+4), w.Bytes())
	assert.Equal(t, []int{72, 32}, w.PieceShape(&w.Pieces[1]))
	assert.Equal(t, int64(4608+2560), m.Bytes())
	_, ok = m.Tensor("v")
	assert.False(t, ok)
	again, err := m.Marshal()
	require.NoError(t, err)
	assert.Equal(t, data, again)
}

func TestParseManifestHostile(t *testing.T) {
	norm := func(m *Manifest) *Tensor { return &m.Tensors[0] }
	w := func(m *Manifest) *Tensor { return &m.Tensors[1] }
	big := 1e300
	for name, c := range map[string]struct {
		change func(*Manifest)
		want   string
	}{
		"format":                  {func(m *Manifest) { m.Format = "gguf" }, `format is "gguf"`},
		"version":                 {func(m *Manifest) { m.Version = 1 }, "version is 1, this program reads 2: pack the model again"},
		"architecture list":       {func(m *Manifest) { m.Architecture = json.RawMessage(`[]`) }, "architecture is not an object"},
		"architecture null":       {func(m *Manifest) { m.Architecture = nil }, "architecture is not an object"},
		"no tensors":              {func(m *Manifest) { m.Tensors = nil }, "0 tensors"},
		"name twice":              {func(m *Manifest) { norm(m).Name = "w" }, "tensor w: listed twice"},
		"empty name":              {func(m *Manifest) { norm(m).Name = "" }, "tensor 0: name"},
		"name with slash":         {func(m *Manifest) { norm(m).Name = "../x" }, "tensor 0: name"},
		"unknown format":          {func(m *Manifest) { w(m).Format = "q9" }, `tensor w: unknown format "q9"`},
		"huge shape":              {func(m *Manifest) { w(m).Shape = []int{1 << 40, 1 << 40} }, "tensor w: shape"},
		"four dimensions":         {func(m *Manifest) { w(m).Shape = []int{1, 1, 200, 32} }, "4 dimensions"},
		"bf16 vector":             {func(m *Manifest) { norm(m).Format = BF16 }, "a vector must be f32"},
		"parts unordered":         {func(m *Manifest) { w(m).PartsAt = []int{0, 128, 128} }, "parts_at[2] is 128"},
		"parts beyond":            {func(m *Manifest) { w(m).PartsAt = []int{0, 256} }, "parts_at[1] is 256"},
		"parts start":             {func(m *Manifest) { w(m).PartsAt = []int{128} }, "parts_at starts with 128"},
		"parts off tiles":         {func(m *Manifest) { w(m).PartsAt = []int{0, 96} }, "no multiple of 128"},
		"parts of a vector":       {func(m *Manifest) { norm(m).PartsAt = []int{0} }, "a vector has no parts"},
		"no pieces":               {func(m *Manifest) { w(m).Pieces = nil }, "pieces cover 0 of 200"},
		"piece missing":           {func(m *Manifest) { w(m).Pieces = w(m).Pieces[:1] }, "pieces cover 128 of 200"},
		"piece gap":               {func(m *Manifest) { w(m).Pieces[1].First = 129 }, "piece 1: starts at 129, want 128"},
		"piece overlap":           {func(m *Manifest) { w(m).Pieces[1].First = 0 }, "piece 1: starts at 0, want 128"},
		"piece too long":          {func(m *Manifest) { w(m).Pieces[1].Count = 1 << 62 }, "does not fit into shape"},
		"piece empty":             {func(m *Manifest) { w(m).Pieces[0].Count = 0 }, "does not fit into shape"},
		"piece negative":          {func(m *Manifest) { w(m).Pieces[0].Count = -128 }, "does not fit into shape"},
		"piece off tiles":         {func(m *Manifest) { w(m).Pieces[0].Count = 100 }, "not a multiple of 128"},
		"vector in pieces":        {func(m *Manifest) { norm(m).Pieces[0].Count = 25 }, "quants: size is 200, want 100"},
		"vector in two pieces":    {func(m *Manifest) { p := norm(m).Pieces[0]; p.Count = 25; norm(m).Pieces = []Piece{p, p} }, "a vector has one piece"},
		"plane buffer":            {func(m *Manifest) { w(m).Pieces[1].Quants.Buffer = 2 }, "piece 1: quants: buffer 2 of 2"},
		"plane buffer negative":   {func(m *Manifest) { w(m).Pieces[1].Quants.Buffer = -1 }, "buffer -1 of 2"},
		"plane size":              {func(m *Manifest) { w(m).Pieces[1].Quants.Size = 2300 }, "quants: size is 2300, want 2304"},
		"plane unaligned":         {func(m *Manifest) { w(m).Pieces[0].Quants.Offset = 128 }, "offset 128 is no multiple of 256"},
		"plane negative":          {func(m *Manifest) { w(m).Pieces[0].Quants.Offset = -256 }, "offset -256"},
		"plane outside":           {func(m *Manifest) { w(m).Pieces[0].Quants.Offset = 768 }, "lie outside buffer 0"},
		"plane far outside":       {func(m *Manifest) { w(m).Pieces[0].Quants.Offset = 1<<63 - 256 }, "lie outside buffer 0"},
		"planes overlap":          {func(m *Manifest) { w(m).Pieces[0].Scales.Offset = 0 }, "overlaps tensor"},
		"scales missing":          {func(m *Manifest) { w(m).Pieces[0].Scales = nil }, "scales present is false"},
		"scales too many":         {func(m *Manifest) { norm(m).Pieces[0].Scales = &Plane{} }, "scales present is true"},
		"scales size":             {func(m *Manifest) { w(m).Pieces[0].Scales.Size = 8 }, "scales: size is 8, want 4"},
		"buffer too large":        {func(m *Manifest) { m.Buffers[0].Size = 1 << 32 }, "buffer 0: size"},
		"buffer negative":         {func(m *Manifest) { m.Buffers[0].Size = -4 }, "buffer 0: size"},
		"buffer odd":              {func(m *Manifest) { m.Buffers[0].Size = 4609 }, "buffer 0: size"},
		"buffer without shards":   {func(m *Manifest) { m.Buffers = append(m.Buffers, BufferSpec{4}) }, "buffer 2: no shard covers byte 0"},
		"shard missing":           {func(m *Manifest) { m.Shards = m.Shards[1:] }, "buffer 0: no shard covers byte 0"},
		"middle shard missing":    {func(m *Manifest) { m.Shards = []Shard{m.Shards[0], m.Shards[2]} }, "buffer 0: no shard covers byte 4096"},
		"no shards":               {func(m *Manifest) { m.Shards = nil }, "buffer 0: no shard covers byte 0"},
		"shard twice":             {func(m *Manifest) { m.Shards = append(m.Shards, m.Shards[0]) }, "overlaps another"},
		"shard overlap":           {func(m *Manifest) { m.Shards[1].Offset = 4092 }, "overlaps another"},
		"shard outside":           {func(m *Manifest) { m.Shards[2].Size = 2564 }, "lie outside buffer 1"},
		"shard too large":         {func(m *Manifest) { m.Shards[2].Size = 1 << 30 }, "at most"},
		"shard unaligned":         {func(m *Manifest) { m.Shards[1].Offset = 4097 }, "want multiples of 4"},
		"shard buffer":            {func(m *Manifest) { m.Shards[2].Buffer = 7 }, "buffer 7 of 2"},
		"shard path":              {func(m *Manifest) { m.Shards[0].File = "../../etc/passwd" }, "shard 0: file"},
		"shard of another hash":   {func(m *Manifest) { m.Shards[0].File = m.Shards[1].File }, "shard 0: file"},
		"shard hash short":        {func(m *Manifest) { m.Shards[0].SHA256 = "abc" }, "64 lower-case hex"},
		"shard hash upper case":   {func(m *Manifest) { m.Shards[0].SHA256 = strings.Repeat("A", 64) }, "64 lower-case hex"},
		"shard hash with a slash": {func(m *Manifest) { m.Shards[0].SHA256 = strings.Repeat("/", 64) }, "64 lower-case hex"},
		"tokenizer path":          {func(m *Manifest) { m.Tokenizer.File = "/etc/passwd" }, "tokenizer: file"},
		"tokenizer size":          {func(m *Manifest) { m.Tokenizer.Size = 1 << 40 }, "tokenizer: size"},
		"tokenizer hash":          {func(m *Manifest) { m.Tokenizer.SHA256 = "" }, "tokenizer: sha256"},
		"eos":                     {func(m *Manifest) { m.Special.EOS = []int{-1} }, "token id -1"},
		"eos many":                {func(m *Manifest) { m.Special.EOS = make([]int, 65) }, "65 eos ids"},
		"eos beyond all":          {func(m *Manifest) { m.Special.EOS[0] = 1 << 30 }, "token id"},
		"temperature":             {func(m *Manifest) { m.Generation.Temperature = &big }, "temperature"},
		"top k":                   {func(m *Manifest) { m.Generation.TopK = new(int); *m.Generation.TopK = -1 }, "top_k"},
		"long words":              {func(m *Manifest) { m.ChatWords.System = strings.Repeat("x", 1<<17) }, "chat_words"},
		"long chat":               {func(m *Manifest) { m.Chat = strings.Repeat("x", 200) }, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			m := soundManifest()
			c.change(m)
			data, err := m.Marshal()
			require.NoError(t, err)
			_, err = ParseManifest(data)
			require.ErrorContains(t, err, c.want)
			assert.True(t, strings.HasPrefix(err.Error(), "weights: model.json: "), err)
		})
	}
	for name, data := range map[string]string{
		"empty": "", "list": "[]", "cut off": `{"format":"tabseek-model"`, "fraction": `{"version":1.5}`,
		"overflow": `{"buffers":[{"size":99999999999999999999}]}`, "nested": strings.Repeat(`{"a":`, 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseManifest([]byte(data))
			assert.Error(t, err)
		})
	}
	_, err := ParseManifest(make([]byte, maxManifestSize+1))
	assert.ErrorContains(t, err, "more than")
}

// FuzzParseManifest: whatever is accepted can be indexed without a check.
func FuzzParseManifest(f *testing.F) {
	data, err := soundManifest().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			return
		}
		covered := make([]int64, len(m.Buffers))
		for _, s := range m.Shards {
			covered[s.Buffer] += s.Size
		}
		for i, b := range m.Buffers {
			if covered[i] != b.Size {
				t.Fatalf("buffer %d: %d of %d bytes covered", i, covered[i], b.Size)
			}
		}
		for i := range m.Tensors {
			tensor := &m.Tensors[i]
			if found, ok := m.Tensor(tensor.Name); !ok || found != tensor {
				t.Fatal("lookup failed")
			}
			for _, p := range tensor.Pieces {
				if end := p.Quants.Offset + p.Quants.Size; end > m.Buffers[p.Quants.Buffer].Size {
					t.Fatal("plane outside its buffer")
				}
			}
		}
	})
}
