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
	modules := filepath.Dir(filepath.Dir(need.File(t, need.Npm, "web", "node_modules", "@huggingface", "tokenizers")))
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
			request, err := json.Marshal(map[string]any{"tokenizer": json.RawMessage(source), "texts": texts})
			require.NoError(t, err)
			oracle := exec.Command("node", "testdata/oracle.mjs", modules)
			oracle.Stdin = bytes.NewReader(request)
			var failure strings.Builder
			oracle.Stderr = &failure
			out, err := oracle.Output()
			require.NoError(t, err, failure.String())
			var want [][]int
			require.NoError(t, json.Unmarshal(out, &want))
			tok, err := fromJSON([]byte(source))
			require.NoError(t, err)
			for i, text := range texts {
				// The oracle knows no control tokens: to it all are found in texts.
				require.Equal(t, want[i], append([]int{}, tok.EncodeSpecial(text)...), "%q", text)
			}
		})
	}
}
