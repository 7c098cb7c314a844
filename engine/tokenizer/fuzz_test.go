package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// hostileTexts are seeds: marks in whole and in part, what is not UTF-8, blanks and letters of all kinds.
var hostileTexts = []string{
	"", " ", "Hello, world!", "<｜User｜>", "<think>\n</think>", "<<think>>", "<thi\x00nk>", "<s><s", "[INST] x [/INST]", "日本語 한글 ひら",
	"\xff\xfe", "a\xe6\x88", "\xf0\x9f\x98\x81😁", "e\u0301\u200d\u00a0\u3000", "  \r\n\n\t x", "1234567½Ⅷ", "'LL it's", strings.Repeat("ab", 100),
}

func fuzzToy() toy {
	return toy{
		merges: [][2]string{{"<", "t"}, {"h", "i"}, {"n", "k"}, {"<t", "hi"}, {"<thi", "nk"}, {"<think", ">"}, {"Ġ", "Ġ"}, {"a", "b"}, {"ab", "ab"}, {"æ", "Ī"}},
		added:  []addedFile{{Content: "<｜User｜>"}, {Content: "</think>"}, {Content: "<s>", Special: true}, {Content: "[INST]"}, {Content: "日"}},
	}
}

// FuzzEncode holds what must be so for every text: it never becomes a control token, and ids spell it.
func FuzzEncode(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text)
	}
	var toks []*Tokenizer
	for _, pre := range []string{byteLevel, gpt2(false), deepseekV2, deepseekV3} {
		y := fuzzToy()
		y.preTokenizer = pre
		data := y.json(f)
		// <think> is a token of the vocabulary, with merges that lead to it, and is made a control token too.
		data = []byte(strings.Replace(string(data), `"added_tokens":[`, `"added_tokens":[{"id":261,"content":"<think>"},`, 1))
		tok, err := fromJSON(data)
		require.NoError(f, err)
		require.Equal(f, "<think>", tok.Token(261))
		toks = append(toks, tok)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			ids := tok.Encode(text)
			var spelled strings.Builder
			for _, id := range ids {
				content := tok.Token(id)
				if _, added := tok.AddedID(content); added && content != "日" {
					t.Fatalf("text %q became %q", text, content)
				}
				spelled.WriteString(content)
			}
			require.Equal(t, text, spelled.String())
			require.Equal(t, validUTF8([]byte(text)), tok.Decode(ids))
			spelled.Reset()
			for _, id := range tok.EncodeSpecial(text) {
				spelled.WriteString(tok.Token(id))
			}
			require.Equal(t, text, spelled.String())
		}
	})
}

// FuzzStream takes bytes as ids: a stream yields whole characters, and in the end what Decode does.
func FuzzStream(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add([]byte(text))
	}
	tok := fuzzToy().build(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		ids := make([]int, len(data))
		for i, b := range data {
			ids[i] = int(b)
			if i%5 == 4 {
				ids[i] = 256 + int(b)%16 // merges and added tokens, and an id that is none
			}
		}
		s := tok.NewStream()
		var out strings.Builder
		for _, id := range ids {
			delta := s.Push(id)
			require.True(t, utf8.ValidString(delta))
			require.Less(t, len(s.held), utf8.UTFMax)
			out.WriteString(delta)
		}
		out.WriteString(s.Flush())
		require.Equal(t, tok.Decode(ids), out.String())
	})
}

// FuzzCompile reads hostile files: it never panics, and what it accepts encodes and decodes without panic.
func FuzzCompile(f *testing.F) {
	for _, pre := range []string{byteLevel, gpt2(true), deepseekV2, deepseekV3, sequence(isolated(`(a+)+$`), byteLevel), sequence(isolated(`[a`))} {
		y := fuzzToy()
		y.preTokenizer = pre
		f.Add(y.json(f))
		f.Add([]byte(`{"pre_tokenizer":` + pre + `,"added_tokens":[{"id":4,"content":"x"}],"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"":3},"merges":["a b",["b","a"]]}}`))
	}
	f.Add([]byte(`{"model":{"vocab":{"a":1048575}}}`))
	characters, err := FromGGUF(pieces(rand.New(rand.NewPCG(1, 1))))
	require.NoError(f, err)
	f.Add(characters)
	f.Add([]byte(strings.Replace(string(characters), `"pre_tokenizer":null`, `"pre_tokenizer":`+metaspace("first", true), 1)))
	f.Add([]byte(`{"normalizer":` + strings.Repeat(`{"type":"Sequence","normalizers":[`, 50)))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := fromJSON(data)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		tryAll(t, tok)
	})
}

// FuzzNew reads hostile binaries, likewise.
func FuzzNew(f *testing.F) {
	f.Add(toyBinary(f))
	for _, pre := range []string{byteLevel, gpt2(true)} {
		y := fuzzToy()
		y.preTokenizer = pre
		data, err := Compile(y.json(f))
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := New(data)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		tryAll(t, tok)
	})
}

// tryAll encodes and decodes all kinds of texts.
func tryAll(t *testing.T, tok *Tokenizer) {
	for _, text := range hostileTexts {
		for _, id := range append(tok.Encode(text), tok.EncodeSpecial(text)...) {
			require.Less(t, id, tok.VocabSize())
		}
		tok.Decode(tok.Encode(text))
	}
	for id := range min(tok.VocabSize(), 1000) {
		tok.AddedID(tok.Token(id))
	}
}
