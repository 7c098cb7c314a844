package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest/need"
	"tabseek/engine/weights"
)

// vocabFolder holds the vocabulary of DeepSeek-V2 as llama.cpp tests it: a GGUF file without tensors, texts and their ids.
const vocabFolder = "../../../shared/vocab"

// The pre-tokenizers of DeepSeek-V2 and of V3 and R1, as their tokenizer.json have them.
var (
	deepseekV2 = preTokenizerJSON("deepseek-llm")
	deepseekV3 = preTokenizerJSON("deepseek-v3")
)

func preTokenizerJSON(name string) string {
	p, err := preTokenizerOf(name)
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(p.json())
	if err != nil {
		panic(err)
	}
	return string(text)
}

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

// deepseekTokenizer builds the tokenizer.json of DeepSeek-V2 from its vocabulary; it skips the test if that is not there.
func deepseekTokenizer(tb testing.TB) []byte {
	out, err := FromGGUF(deepseekVocabulary(tb))
	require.NoError(tb, err)
	return out
}

func deepseekVocabulary(tb testing.TB) Vocabulary {
	path := filepath.Join(vocabFolder, "deepseek-llm.gguf")
	_, err := os.Stat(path)
	need.Have(tb, need.Vocabulary, err)
	m, err := weights.ReadGGUFMetadata(path)
	require.NoError(tb, err)
	v := Vocabulary{
		Model: m.String("tokenizer.ggml.model"), Pre: m.String("tokenizer.ggml.pre"), Tokens: m.Strings("tokenizer.ggml.tokens"),
		Types: m.Ints("tokenizer.ggml.token_type"), Merges: m.Strings("tokenizer.ggml.merges"),
	}
	require.NoError(tb, m.Err())
	return v
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
