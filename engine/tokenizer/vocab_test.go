package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"tabseek/engine/enginetest/need"
)

// vocabFolder holds the vocabulary of DeepSeek-V2 as llama.cpp tests it: a GGUF file without tensors, texts and their ids.
const vocabFolder = "../../../shared/vocab"

// deepseekLetters is the letter class of DeepSeek-V2's tokenizer.json: the cased letters of Unicode 11. It is escaped,
// as some of the characters do not survive normalisation.
const deepseekLetters = `A-Zａ-ｚＡ-Ｚ` + `a-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af` +
	`\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f` +
	`\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a` +
	`\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc` +
	`\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113` +
	`\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184` +
	`\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e` +
	`\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃`

// The pre-tokenizers of DeepSeek-V2 (deepseek-llm in GGUF files) and of V3 and R1 (deepseek-v3), as their tokenizer.json have them.
var (
	deepseekV2 = sequence(isolated("[\r\n]"), isolated(`\s?[`+deepseekLetters+`]+`), isolated(`\s?[!-/:-~！-／：-～‘-‟　-。]+`),
		isolated(`\s+$`), isolated(`[一-龥ࠀ-一가-\ud7ff]+`), `{"type":"Digits","individual_digits":true}`, byteLevel)
	deepseekV3 = sequence(isolated(`\p{N}{1,3}`), isolated(`[一-龥぀-ゟ゠-ヿ]+`),
		isolated("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"),
		byteLevel)
)

const byteLevel = `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}`

func isolated(regex string) string {
	quoted, err := json.Marshal(regex)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"type":"Split","pattern":{"Regex":%s},"behavior":"Isolated","invert":false}`, quoted)
}

func sequence(parts ...string) string {
	return `{"type":"Sequence","pretokenizers":[` + strings.Join(parts, ",") + `]}`
}

// A ggufReader reads the arrays of a vocabulary. It trusts no byte of a number from 0x80 on: copies of this file
// exist that were once taken for text, and have U+FFFD there. Strings are sound in them, and free of zero bytes.
type ggufReader struct{ data []byte }

// number takes an integer of so many bytes; false if one of them is not to be trusted.
func (r *ggufReader) number(bytes int) (n int, ok bool) {
	ok = true
	for i := range bytes {
		c, size := utf8.DecodeRune(r.data)
		ok = ok && c < utf8.RuneSelf
		n |= int(c) << (8 * i)
		r.data = r.data[size:]
	}
	return n, ok
}

// text takes a string. Where its length is lost, it ends before the length of the next: one byte and zeros.
func (r *ggufReader) text() string {
	n, ok := r.number(8)
	if !ok {
		n = bytes.IndexByte(r.data, 0)
		_, size := utf8.DecodeLastRune(r.data[:n])
		n -= size
	}
	taken := string(r.data[:n])
	r.data = r.data[n:]
	return taken
}

// seek goes to the elements of an array of the metadata.
func (r *ggufReader) seek(tb testing.TB, key string) {
	_, after, found := bytes.Cut(r.data, []byte(key+"\x09\x00\x00\x00"))
	require.True(tb, found, key)
	r.data = after
	r.number(4) // the type of the elements
	r.number(8) // their count, which may be lost
}

// deepseekTokenizer builds the tokenizer.json of DeepSeek-V2 from its vocabulary; it skips the test if that is not there.
func deepseekTokenizer(tb testing.TB) []byte {
	data, err := os.ReadFile(filepath.Join(vocabFolder, "deepseek-llm.gguf"))
	need.Have(tb, need.Vocabulary, err)
	const typesKey, mergesKey, normal, control, userDefined = "tokenizer.ggml.token_type", "tokenizer.ggml.merges", 1, 3, 4
	var tokens, merges []string
	r := &ggufReader{data}
	r.seek(tb, "tokenizer.ggml.tokens")
	for token := r.text(); token != typesKey; token = r.text() {
		tokens = append(tokens, token)
	}
	r.data = data
	r.seek(tb, typesKey)
	vocab, added := map[string]int{}, []map[string]any{}
	for id, token := range tokens {
		switch kind, _ := r.number(4); kind {
		case normal:
			vocab[token] = id
		case control, userDefined:
			added = append(added, map[string]any{"id": id, "content": token, "special": kind == control})
		}
	}
	r.data = data
	r.seek(tb, mergesKey)
	for merge := r.text(); !strings.HasPrefix(merge, "tokenizer.ggml"); merge = r.text() {
		merges = append(merges, merge)
	}
	out, err := json.Marshal(map[string]any{
		"added_tokens": added, "normalizer": json.RawMessage(`{"type":"Sequence","normalizers":[]}`),
		"pre_tokenizer": json.RawMessage(deepseekV2),
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": merges},
	})
	require.NoError(tb, err)
	return out
}

func TestDeepSeekVocabulary(t *testing.T) {
	tok, err := fromJSON(deepseekTokenizer(t))
	require.NoError(t, err)
	texts, err := os.ReadFile(filepath.Join(vocabFolder, "deepseek-llm.inp"))
	require.NoError(t, err)
	ids, err := os.ReadFile(filepath.Join(vocabFolder, "deepseek-llm.out"))
	require.NoError(t, err)
	const end = "\n__ggml_vocab_test__\n"
	inputs := strings.Split(strings.TrimSuffix(string(texts), end), end)
	outputs := strings.Split(strings.TrimSuffix(string(ids), "\n"), "\n")
	require.Len(t, outputs, len(inputs))
	for i, input := range inputs {
		want := []int{}
		for _, field := range strings.Fields(outputs[i]) {
			id, err := strconv.Atoi(field)
			require.NoError(t, err)
			want = append(want, id)
		}
		got := tok.Encode(input)
		require.Equal(t, want, append([]int{}, got...), "text %d: %q", i, input)
		require.Equal(t, input, tok.Decode(got), "text %d", i)
	}
	// Thirteen letters are added tokens of this vocabulary, and text.
	require.Equal(t, []string{"sch", "ö", "n"}, tokens(tok, tok.Encode("schön")))
}
