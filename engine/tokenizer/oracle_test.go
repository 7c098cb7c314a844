package tokenizer

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
)

// huggingFace is what npm's tokenizers make of texts.
func huggingFace(t *testing.T, tokenizerJSON string, texts []string) (ids [][]int) {
	t.Helper()
	modules := filepath.Dir(filepath.Dir(need.File(t, need.Npm, "web", "node_modules", "@huggingface", "tokenizers")))
	request, err := json.Marshal(map[string]any{"tokenizer": json.RawMessage(tokenizerJSON), "texts": texts})
	require.NoError(t, err)
	oracle := exec.Command("node", "testdata/oracle.mjs", modules)
	oracle.Stdin = bytes.NewReader(request)
	var failure strings.Builder
	oracle.Stderr = &failure
	out, err := oracle.Output()
	require.NoError(t, err, failure.String())
	require.NoError(t, json.Unmarshal(out, &ids))
	return ids
}

// So does a vocabulary of characters, with either way to put a space before a text.
func TestEncodesCharactersAsHuggingFace(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	v := pieces(rng)
	source, err := FromGGUF(v)
	require.NoError(t, err)
	var f map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(source, &f))
	prefixed := string(f["normalizer"])
	texts := []string{" ", "  a", "a<|im_start|> b", "<|im_start|>a", " <|im_start|>", "▁a", "ab▁▁▁▁▁▁▁▁c", "e\u0301"}
	for range 300 {
		texts = append(texts, charactersText(rng)+[]string{"", "<|im_start|>", "<s>"}[rng.IntN(3)]+charactersText(rng))
	}
	for name, c := range map[string]struct{ normalizer, pre string }{
		"prefix":           {prefixed, "null"},
		"no prefix":        {blanks, "null"},
		"form C first":     {`{"type":"Sequence","normalizers":[{"type":"NFC"},` + prefixed + `]}`, "null"},
		"Metaspace":        {"null", metaspace("always", false)},
		"Metaspace, first": {"null", metaspace("first", false)},
		"Metaspace, never": {"null", metaspace("never", false)},
	} {
		t.Run(name, func(t *testing.T) {
			f["normalizer"], f["pre_tokenizer"] = json.RawMessage(c.normalizer), json.RawMessage(c.pre)
			source, err := json.Marshal(f)
			require.NoError(t, err)
			want := huggingFace(t, string(source), texts)
			tok, err := fromJSON(source)
			require.NoError(t, err)
			for i, text := range texts {
				require.Equal(t, want[i], append([]int{}, tok.EncodeSpecial(text)...), "%q", text)
			}
		})
	}
}

// A real vocabulary with each known pre-tokenizer encodes as npm's @huggingface/tokenizers does.
func TestEncodesAsHuggingFace(t *testing.T) {
	v := deepseekVocabulary(t)
	const few = 8000 // merges, and what they need: the oracle takes its time
	kept := map[string]bool{}
	for _, merge := range v.Merges[:few] {
		kept[strings.Replace(merge, " ", "", 1)] = true
	}
	for id, token := range v.Tokens {
		if v.Types[id] == typeNormal && utf8.RuneCountInString(token) > 1 && !kept[token] {
			v.Types[id] = typeUnused
		}
	}
	v.Merges = v.Merges[:few]
	source, err := FromGGUF(v)
	require.NoError(t, err)
	data := string(source)
	inputs, err := os.ReadFile(filepath.Join(vocabFolder, "deepseek-llm.inp"))
	require.NoError(t, err)
	texts := strings.Split(string(inputs), "\n__ggml_vocab_test__\n")
	rng := rand.New(rand.NewPCG(1, 1))
	words := []string{"Hello", "WORLD", "naïve", " don't", "I'LL", "我想", "ひら", "カタ", "한글", "Привет", "ΑΒγ", "12345", "½", "!!", "…", "，", "。", "_", " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "e\u0301", "😁", "नमस्ते", "<think>", "`~",
		"A\u030a", "e\u0323\u0302", "e\u0302\u0323", "\u1112\u1161\u11ab", "\uac00\u11a8", "\u0344", "\u212b", "\u0958", "か\u3099", "q\u0307\u0323", "o" + strings.Repeat("\u0323\u0301", 20)}
	for range 300 {
		var text strings.Builder
		for range 1 + rng.IntN(12) {
			text.WriteString(words[rng.IntN(len(words))])
		}
		texts = append(texts, text.String())
	}
	for _, name := range slices.Sorted(maps.Keys(preTokenizers)) {
		t.Run(name, func(t *testing.T) {
			texts := texts
			if preTokenizers[name].digits { // the oracle's digits are those from 0 to 9; Hugging Face's, and the file of ids, have all numbers
				texts = slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return strings.ContainsAny(text, "½") })
			}
			source := strings.Replace(data, deepseekV2, preTokenizerJSON(name), 1)
			normalizer, err := json.Marshal(preTokenizers[name].normalizer())
			require.NoError(t, err)
			source = strings.Replace(source, `"normalizer":null`, `"normalizer":`+string(normalizer), 1)
			want := huggingFace(t, source, texts)
			tok, err := fromJSON([]byte(source))
			require.NoError(t, err)
			for i, text := range texts {
				// The oracle knows no control tokens: to it all are found in texts.
				require.Equal(t, want[i], append([]int{}, tok.EncodeSpecial(text)...), "%q", text)
			}
		})
	}
}
