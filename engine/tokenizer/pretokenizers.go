package tokenizer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A preTokenizer is one that GGUF files name, and that tiktoken.model files leave to their readers: patterns whose
// matches are pieces of their own, each within the pieces of the one before, as the tokenizer.json of its first model has
// them.
type preTokenizer struct {
	patterns     []string
	digits       bool // then each digit alone
	gpt2         bool // then ByteLevel's own pattern
	ignoreMerges bool
	nfc          bool // texts are put into Unicode's form C first
}

// The parts of Llama 3's pattern, and of others.
const (
	contractions = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	words        = contractions + `|[^\r\n\p{L}\p{N}]?\p{L}+`
	otherSigns   = ` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// casedWords are the words of o200k (GPT-4o), whose capitals stand at the front; Kimi's are without Han.
const (
	upper      = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	lower      = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	casedWords = `[^\r\n\p{L}\p{N}]?` + upper + `*` + lower + `+` + contractions + `?|[^\r\n\p{L}\p{N}]?` + upper + `+` + lower + `*` + contractions + `?`

	upperNotHan    = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]`
	lowerNotHan    = `[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]`
	kimiCasedWords = `[^\r\n\p{L}\p{N}]?` + upperNotHan + `*` + lowerNotHan + `+` + contractions + `?|[^\r\n\p{L}\p{N}]?` + upperNotHan + `+` + lowerNotHan + `*` + contractions + `?`
)

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

const (
	deepseekHan = `[一-龥ࠀ-一가-\ud7ff]+`
	v3Words     = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
)

// preTokenizers are those that are known.
var preTokenizers = map[string]preTokenizer{
	"deepseek-llm":   {patterns: []string{"[\r\n]", `\s?[` + deepseekLetters + `]+`, `\s?[!-/:-~！-／：-～‘-‟　-。]+`, `\s+$`, deepseekHan}, digits: true},
	"deepseek-coder": {patterns: []string{"[\r\n]", `\s?\p{L}+`, `\s?\p{P}+`, deepseekHan}, digits: true},
	"deepseek-v3":    {patterns: []string{`\p{N}{1,3}`, `[一-龥぀-ゟ゠-ヿ]+`, v3Words}},
	"qwen2":          {patterns: []string{words + `|\p{N}|` + otherSigns}, nfc: true},
	"llama-bpe":      {patterns: []string{words + `|\p{N}{1,3}|` + otherSigns}, ignoreMerges: true},
	"glm4":           {patterns: []string{words + `|\p{N}{1,3}|` + otherSigns}},
	"youtu": {patterns: []string{`[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+`,
		casedWords + `|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`}, ignoreMerges: true},
	"gpt-4o":  {patterns: []string{casedWords + `|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`}},
	"kimi-k2": {patterns: []string{`[\p{Han}]+|` + kimiCasedWords + `|\p{N}{1,3}|` + otherSigns}},
	"gpt-2":   {gpt2: true},
}

// sameAs are further names of them in GGUF files.
var sameAs = map[string]string{
	"deepseek-r1-qwen": "qwen2", "llama3": "llama-bpe", "llama-v3": "llama-bpe", "chatglm-bpe": "glm4", "gigachat": "gpt-2",
}

// preTokenizerOf finds one by its name.
func preTokenizerOf(name string) (preTokenizer, error) {
	if same, ok := sameAs[name]; ok {
		name = same
	}
	p, ok := preTokenizers[name]
	if !ok {
		known := append(slices.Collect(maps.Keys(preTokenizers)), slices.Collect(maps.Keys(sameAs))...)
		slices.Sort(known)
		return p, fmt.Errorf("pre-tokenizer %q is not known, only %s", name, strings.Join(known, ", "))
	}
	return p, nil
}

// normalizer is that of a tokenizer.json.
func (p preTokenizer) normalizer() map[string]string {
	if p.nfc {
		return map[string]string{"type": "NFC"}
	}
	return nil
}

// json is the pre_tokenizer of a tokenizer.json.
func (p preTokenizer) json() map[string]any {
	var parts []map[string]any
	for _, pattern := range p.patterns {
		parts = append(parts, map[string]any{"type": "Split", "pattern": map[string]string{"Regex": pattern}, "behavior": "Isolated", "invert": false})
	}
	if p.digits {
		parts = append(parts, map[string]any{"type": "Digits", "individual_digits": true})
	}
	parts = append(parts, map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": p.gpt2})
	return map[string]any{"type": "Sequence", "pretokenizers": parts}
}
