package tokenizer

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"tabseek/engine/enginetest/need"
)

func TestCompileRefuses(t *testing.T) {
	const pre = `"pre_tokenizer":` + byteLevel
	model := func(fields string) string { return `{` + pre + `,"model":{"type":"BPE",` + fields + `}}` }
	withPre := func(pre string) string { return `{"pre_tokenizer":` + pre + `,"model":{"vocab":{"a":0}}}` }
	withAdded := func(added string) string {
		return `{` + pre + `,"added_tokens":[` + added + `],"model":{"vocab":{"a":0,"b":1,"ab":2}}}`
	}
	for name, c := range map[string]struct{ json, want string }{
		"not JSON":             {`{`, "unexpected end"},
		"not an object":        {`[]`, "cannot unmarshal"},
		"empty":                {`{}`, "no vocabulary"},
		"Unigram":              {`{"model":{"type":"Unigram","vocab":[["a",-1.5]]}}`, `model type "Unigram" is not supported, only BPE`},
		"WordPiece":            {`{"model":{"type":"WordPiece","vocab":{"a":0}}}`, `model type "WordPiece" is not supported`},
		"fallback, ByteLevel":  {model(`"vocab":{"a":0},"byte_fallback":true`), "ByteLevel is not supported with byte_fallback true"},
		"fallback, no blanks":  {fallback(`{"type":"Prepend","prepend":"▁"}`, "null", `"a":0`), "byte_fallback without ▁ for spaces"},
		"fallback, no bytes":   {fallback(blanks, "null", `"<0x00>":0,"<0x01>":1,"<0x02 ":2,"<0x2>":3`), "byte_fallback without a token <0x02>"},
		"other prefix":         {fallback(`{"type":"Prepend","prepend":"x"}`, "null", `"a":0`), `"Prepend" is not supported`},
		"other replacement":    {fallback(`{"type":"Replace","pattern":{"String":"a"},"content":"▁"}`, "null", `"a":0`), `"Replace" is not supported`},
		"other blanks":         {fallback("null", `{"type":"Metaspace","replacement":"_"}`, `"a":0`), `replacement "_" is not supported`},
		"unknown scheme":       {fallback("null", `{"type":"Metaspace","prepend_scheme":"last"}`, `"a":0`), `prepend_scheme "last" is not known`},
		"splits of characters": {fallback(blanks, isolated("a"), `"a":0`), "Split is not supported with byte_fallback true"},
		"word suffix":          {model(`"vocab":{"a</w>":0},"end_of_word_suffix":"</w>"`), "end_of_word_suffix"},
		"subword prefix":       {model(`"vocab":{"##a":0},"continuing_subword_prefix":"##"`), "continuing_subword_prefix"},
		"no vocabulary":        {model(`"vocab":null`), "no vocabulary"},
		"empty vocabulary":     {model(`"vocab":{}`), "vocabulary of 0 tokens"},
		"vocabulary of a list": {model(`"vocab":[1]`), "vocabulary: json: cannot unmarshal array"},
		"negative id":          {model(`"vocab":{"a":-1}`), "id -1 is not in 0 to 1048575"},
		"huge id":              {model(`"vocab":{"a":1048576}`), "id 1048576 is not in 0 to 1048575"},
		"id twice":             {model(`"vocab":{"a":3,"b":3}`), "id 3 is taken by"},
		"huge token":           {model(`"vocab":{"` + strings.Repeat("a", 1<<16+1) + `":0}`), "65537 bytes, more than 65536"},
		"merge of one":         {model(`"vocab":{"a":0},"merges":["a"]`), `merge 0: "a" is not two tokens with a space between`},
		"merge of three":       {model(`"vocab":{"a":0},"merges":[["a","a","a"]]`), "merge 0: has 3 parts, want 2"},
		"merge of numbers":     {model(`"vocab":{"a":0},"merges":[7]`), "merge 0: json"},
		"merge of unknown":     {model(`"vocab":{"a":0,"b":1},"merges":["a b"]`), `merge 0: "a" and "b" or their union are not in the vocabulary`},
		"merge of no bytes":    {model(`"vocab":{"a":0},"merges":["日 本"]`), "are not in the vocabulary"},
		"normalizer NFKC":      {`{"normalizer":{"type":"NFKC"},` + pre + `,"model":{"vocab":{"a":0}}}`, `normalizer: "NFKC" is not supported`},
		"normalizer within":    {`{"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend"}]},"model":{"vocab":{"a":0}}}`, `normalizer: "Prepend" is not supported with byte_fallback false`},
		"no pre-tokenizer":     {withPre(`null`), "no ByteLevel"},
		"unknown pre":          {withPre(`{"type":"Metaspace"}`), "pre_tokenizer: Metaspace is not supported with byte_fallback false"},
		"pre without type":     {withPre(`{}`), `pre_tokenizer: type "" is not supported`},
		"pre of a list":        {withPre(`[]`), "pre_tokenizer: json"},
		"after ByteLevel":      {withPre(sequence(byteLevel, `{"type":"Digits"}`)), "pre_tokenizer: Digits after ByteLevel is not supported"},
		"split without":        {withPre(sequence(`{"type":"Split","behavior":"Isolated"}`, byteLevel)), "split without a pattern"},
		"split behavior":       {withPre(sequence(`{"type":"Split","pattern":{"String":" "},"behavior":"Merged"}`, byteLevel)), `behavior "Merged" is not known`},
		"split pattern":        {withPre(sequence(isolated(`a(`), byteLevel)), `pattern "a(": error parsing regexp`},
		"nested sequences":     {withPre(strings.Repeat(`{"type":"Sequence","pretokenizers":[`, 9) + strings.Repeat(`]}`, 9)), "more than 4 levels"},
		"many passes":          {withPre(sequence(strings.Repeat(`{"type":"Digits"},`, 40) + byteLevel)), "32 passes"},
		"added empty":          {withAdded(`{"id":3,"content":""}`), "added token 3 is empty"},
		"added twice":          {withAdded(`{"id":3,"content":"x"},{"id":4,"content":"x"}`), `added token "x" appears twice`},
		"added on another":     {withAdded(`{"id":1,"content":"x"}`), `added token "x": id 1 is taken by "b"`},
		"added elsewhere":      {withAdded(`{"id":3,"content":"ab"}`), `added token "ab": its id is 3 here and 2 in the vocabulary`},
		"added negative":       {withAdded(`{"id":-3,"content":"x"}`), "id -3 is not in"},
		"added long":           {withAdded(`{"id":3,"content":"` + strings.Repeat("x", 257) + `"}`), "257 bytes, more than 256"},
	} {
		t.Run(name, func(t *testing.T) {
			tok, err := fromJSON([]byte(c.json))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 600)
			require.Nil(t, tok)
		})
	}
}

func TestCompileAccepts(t *testing.T) {
	for name, json := range map[string]string{
		"no type":               `{"pre_tokenizer":` + byteLevel + `,"model":{"vocab":{"a":0}}}`,
		"empty normalizer":      `{"normalizer":{"type":"Sequence","normalizers":[]},"pre_tokenizer":` + byteLevel + `,"model":{"type":"BPE","vocab":{"a":0}}}`,
		"merges as strings":     `{"pre_tokenizer":` + byteLevel + `,"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`,
		"merges as pairs":       `{"pre_tokenizer":` + byteLevel + `,"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}}`,
		"null optional strings": `{"pre_tokenizer":` + byteLevel + `,"model":{"vocab":{"a":0},"continuing_subword_prefix":null,"end_of_word_suffix":null,"unk_token":null}}`,
	} {
		t.Run(name, func(t *testing.T) {
			tok, err := fromJSON([]byte(json))
			require.NoError(t, err)
			require.Equal(t, []int{0}, tok.Encode("a"))
			if tok.VocabSize() == 3 {
				require.Equal(t, []int{2}, tok.Encode("ab"))
			}
		})
	}
}

func TestLookUp(t *testing.T) {
	tok := toy{merges: [][2]string{{"Ġ", "a"}}, added: []addedFile{{Content: "<｜User｜>"}, {Content: "<s>", Special: true}}}.build(t)
	require.Equal(t, 259, tok.VocabSize())
	for content, want := range map[string]int{"<｜User｜>": 257, "<s>": 258, " a": none, "nothing": none, "": none, "\xff": none} {
		id, ok := tok.AddedID(content)
		require.Equal(t, want != none, ok, content)
		if ok {
			require.Equal(t, want, id)
		}
	}
	require.True(t, tok.IsSpecial(258))
	require.False(t, tok.IsSpecial(257))
	require.Equal(t, " a", tok.Token(256))
	for _, id := range []int{-1, 259, 1 << 40} {
		require.Empty(t, tok.Token(id))
		require.False(t, tok.IsSpecial(id))
	}
	require.Equal(t, "a", tok.Decode([]int{-1, 97, 999, 258}))
}

// TestGoldens reads the tokenizer.json of the golden checkpoints: a token for each byte, and special ones.
func TestGoldens(t *testing.T) {
	for _, name := range need.Goldens {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(need.Golden(t, name), "tokenizer.json"))
			require.NoError(t, err)
			tok, err := fromJSON(data)
			require.NoError(t, err)
			require.Equal(t, []int{'H', 'i', ' ', 0xe6, 0x88, 0x91, '\n'}, tok.Encode("Hi 我\n"))
			require.Equal(t, []int{256, 258, 'a', 261}, tok.EncodeSpecial("<｜begin▁of▁sentence｜><｜User｜>a</think>"))
			require.Len(t, tok.Encode("</think>"), len("</think>"))
			require.Equal(t, "Hi 我\n", tok.Decode(append([]int{256}, tok.Encode("Hi 我\n")...)))
		})
	}
}

// TestMemory keeps the guest small: what a vocabulary of 100,000 tokens takes beside its file.
func TestMemory(t *testing.T) {
	data, err := Compile(deepseekTokenizer(t))
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tok, err := New(data)
	require.NoError(t, err)
	runtime.GC()
	runtime.ReadMemStats(&after)
	size := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("a file of %.1f MB, %.1f MB stay beside it, %.1f MB were allocated", float64(len(data))/1e6, float64(size)/1e6, float64(after.TotalAlloc-before.TotalAlloc)/1e6)
	require.Less(t, size, int64(3<<20))
	runtime.KeepAlive(tok)
	runtime.KeepAlive(data)
}
