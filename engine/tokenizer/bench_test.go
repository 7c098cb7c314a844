package tokenizer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	prose = "The quick brown fox can't jump over 13 lazy dogs; it said so itself, twice (in 1987 and 2024).\n" +
		"Ein schöner Tag, n'est-ce pas? Привет, мир. 我想在这里工作,一年三百六十五天。\n\n"
	code = "func (t *Tokenizer) Encode(text string) []int {\n\tfor i := range 1024 {\n\t\tif t.bytes[i] != none && len(text) > 0 {\n\t\t\treturn nil // x\n\t\t}\n\t}\n}\n\n"
)

// BenchmarkEncode encodes 1 MB with the vocabulary of DeepSeek-V2 and either pre-tokenizer.
func BenchmarkEncode(b *testing.B) {
	data := string(deepseekTokenizer(b))
	for name, pre := range map[string]string{"v2": deepseekV2, "v3": deepseekV3} {
		tok, err := fromJSON([]byte(strings.Replace(data, deepseekV2, pre, 1)))
		require.NoError(b, err)
		for name2, unit := range map[string]string{"prose": prose, "code": code, "word": "a"} {
			text := strings.Repeat(unit, 1<<20/len(unit))
			b.Run(name+"/"+name2, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					tok.Encode(text)
				}
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	data, err := Compile(deepseekTokenizer(b))
	require.NoError(b, err)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := New(data)
		require.NoError(b, err)
	}
}

func BenchmarkStream(b *testing.B) {
	tok, err := fromJSON(deepseekTokenizer(b))
	require.NoError(b, err)
	ids := tok.Encode(prose)
	b.ReportAllocs()
	for b.Loop() {
		s := tok.NewStream()
		for _, id := range ids {
			s.Push(id)
		}
	}
	b.ReportMetric(float64(len(ids)), "tokens/op")
}
