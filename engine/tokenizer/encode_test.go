package tokenizer

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMerges(t *testing.T) {
	merges := [][2]string{{"b", "c"}, {"a", "b"}, {"a", "a"}, {"aa", "aa"}, {"ab", "c"}, {"Ġ", "a"}, {"æ", "Ī"}}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                   {"", []string{}},
		"lower rank first":          {"abc", []string{"a", "bc"}},
		"leftmost among equals":     {"aaa", []string{"aa", "a"}},
		"merges of merges":          {"aaaaa", []string{"aaaa", "a"}},
		"a merge out of reach":      {"abxc", []string{"ab", "x", "c"}},
		"a space":                   {" a", []string{" a"}},
		"a part of a character":     {"我", []string{"\xe6\x88", "\x91"}},
		"what is not UTF-8":         {"\xffab\xc3", []string{"\xff", "ab", "\xc3"}},
		"stale candidates are left": {"aabcaab", []string{"aa", "bc", "a", "ab"}},
	} {
		t.Run(name, func(t *testing.T) {
			tok := toy{merges: merges}.build(t)
			require.Equal(t, c.want, tokens(tok, tok.Encode(c.text)))
		})
	}
}

// A piece that is a token is taken whole with ignore_merges, though no merges lead to it.
func TestIgnoreMerges(t *testing.T) {
	merges := [][2]string{{"a", "b"}, {"b", "c"}, {"a", "bc"}}
	require.Equal(t, []string{"ab", "c"}, tokens(toy{merges: merges}.build(t), toy{merges: merges}.build(t).Encode("abc")))
	tok := toy{merges: merges, ignoreMerges: true}.build(t)
	require.Equal(t, []string{"abc"}, tokens(tok, tok.Encode("abc")))
	require.Equal(t, []string{"ab", "c", "x"}, tokens(tok, tok.Encode("abcx")))
}

// A vocabulary that lacks a byte drops it.
func TestMissingByte(t *testing.T) {
	tok, err := fromJSON([]byte(`{"pre_tokenizer":` + byteLevel + `,"model":{"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`))
	require.NoError(t, err)
	require.Equal(t, []int{2}, tok.Encode("axb"))
	require.Empty(t, tok.Encode("xyz"))
}

func TestAddedTokens(t *testing.T) {
	added := []addedFile{
		{Content: "<｜User｜>"}, {Content: "<think>"}, {Content: "</think>"}, {Content: "<s>", Special: true}, {Content: "[INST]"},
		{Content: "STOP", Special: true}, // control, whatever it looks like
		{Content: "日"}, {Content: "  "}, {Content: "    "}, {Content: "ab"}, {Content: "abcd"}, {Content: "bcde"},
		{Content: "<l>", LStrip: true}, {Content: "<r>", RStrip: true}, {Content: "<lr>", LStrip: true, RStrip: true},
	}
	tok := toy{added: added}.build(t)
	for name, c := range map[string]struct {
		text           string
		plain, special []string
	}{
		"none":                 {"xyz", []string{"x", "y", "z"}, []string{"x", "y", "z"}},
		"control":              {"x<s>y", []string{"x", "<", "s", ">", "y"}, []string{"x", "<s>", "y"}},
		"control by its looks": {"<think>", strings.Split("<think>", ""), []string{"<think>"}},
		"brackets":             {"[INST]", strings.Split("[INST]", ""), []string{"[INST]"}},
		"control by its flag":  {"STOP", strings.Split("STOP", ""), []string{"STOP"}},
		"not quite":            {"<think<s>", strings.Split("<think<s>", ""), append(strings.Split("<think", ""), "<s>")},
		"text":                 {"a日b", []string{"a", "日", "b"}, []string{"a", "日", "b"}},
		"longest first":        {"       ", []string{"    ", "  ", " "}, []string{"    ", "  ", " "}},
		"longest at a place":   {"abcd", []string{"abcd"}, []string{"abcd"}},
		"leftmost, not longer": {"abcde", []string{"abcd", "e"}, []string{"abcd", "e"}},
		"shorter after all":    {"abcx", []string{"ab", "c", "x"}, []string{"ab", "c", "x"}},
		"next to each other":   {"<s><s>", strings.Split("<s><s>", ""), []string{"<s>", "<s>"}},
		"strip left":           {"a \n<l> b", nil, []string{"a", "<l>", " ", "b"}},
		"strip right":          {"a <r> \u3000b", nil, []string{"a", " ", "<r>", "b"}},
		"strip both":           {" <lr> <lr> ", nil, []string{"<lr>", "<lr>"}},
		"strip, only blanks":   {" <l>", nil, []string{"<l>"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.plain != nil {
				require.Equal(t, c.plain, tokens(tok, tok.Encode(c.text)))
			}
			require.Equal(t, c.special, tokens(tok, tok.EncodeSpecial(c.text)))
		})
	}
}

// Some added tokens are found in a text as it is, and before the others, which are found in what normalization makes of the rest.
func TestNormalizedTokens(t *testing.T) {
	tok := toy{normalizer: `{"type":"NFC"}`, added: []addedFile{
		{Content: "e\u0301"}, {Content: "a\u030ab", Normalized: true}, {Content: "\u00e9x", Normalized: true}, {Content: "<s>", Special: true, Normalized: true},
		{Content: "xy"}, {Content: "xyz", Normalized: true},
	}}.build(t)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"as it is":                {"ae\u0301b", []string{"a", "e\u0301", "b"}},
		"not in another form":     {"\u00e9", []string{"\xc3", "\xa9"}},
		"in either form":          {"\u00e5b a\u030ab \u212bb", []string{"a\u030ab", " ", "a\u030ab", " ", "\xc3", "\x85", "b"}},
		"its own form":            {"\u00e9x", []string{"\u00e9x"}},
		"what was cut out before": {"e\u0301x", []string{"e\u0301", "x"}},
		"first as it is":          {"xyz", []string{"xy", "z"}},
		"control":                 {"a<s>", []string{"a", "<s>"}},
		"letters in form C":       {"o\u0308", []string{"\xc3", "\xb6"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, tokens(tok, tok.EncodeSpecial(c.text)))
		})
	}
	require.Equal(t, []string{"<", "s", ">"}, tokens(tok, tok.Encode("<s>")))
}

// A token that is a word of its own is not found within words.
func TestSingleWord(t *testing.T) {
	tok := toy{added: []addedFile{{Content: "ab", SingleWord: true}, {Content: "--", SingleWord: true}, {Content: "<l>", SingleWord: true, LStrip: true, RStrip: true}}}.build(t)
	for text, want := range map[string][]string{
		"ab":         {"ab"},
		"ab ab,ab":   {"ab", " ", "ab", ",", "ab"},
		"xab abx":    {"x", "a", "b", " ", "a", "b", "x"},
		"ab1 ab_":    {"a", "b", "1", " ", "a", "b", "_"},
		"\u00e9ab":   {"\xc3", "\xa9", "a", "b"},
		"Ⅷab":        {"\xe2", "\x85", "\xa7", "a", "b"},
		"abab":       {"a", "b", "a", "b"},
		"a--b -- --": {"a", "-", "-", "b", " ", "--", " ", "--"},
		"x <l> y":    {"x", "<l>", "y"},
		"ab\u200dab": {"a", "b", "\xe2", "\x80", "\x8d", "a", "b"},
	} {
		require.Equal(t, want, tokens(tok, tok.EncodeSpecial(text)), text)
	}
}

// A control token that the vocabulary lists too is out of reach of its merges.
func TestControlTokenOfVocabulary(t *testing.T) {
	const vocab = `"vocab":{"<":0,"s":1,">":2,"<s":3,"<s>":4,"t":5,"st":6},"merges":["< s","<s >","s t"]`
	tok, err := fromJSON([]byte(`{"pre_tokenizer":` + byteLevel + `,"added_tokens":[{"id":4,"content":"<s>","special":true},{"id":6,"content":"st"}],"model":{` + vocab + `,"ignore_merges":true}}`))
	require.NoError(t, err)
	require.Equal(t, []int{3, 2}, tok.Encode("<s>"))
	require.Equal(t, []int{4}, tok.EncodeSpecial("<s>"))
	require.Equal(t, []int{6}, tok.Encode("st"), "text may be reached both ways")
}

// TestLargeTexts is a guard against what is quadratic: each would take minutes.
func TestLargeTexts(t *testing.T) {
	const size = 1 << 20
	merges := [][2]string{{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}}
	added := []addedFile{{Content: "<s>", Special: true}}
	for _, c := range []string{"<", "a", "b", "1"} {
		for n := 4; n < 60; n += 7 {
			added = append(added, addedFile{Content: "<" + strings.Repeat(c, n) + ">"})
		}
	}
	for name, c := range map[string]struct{ pre, text string }{
		"one word":           {deepseekV3, strings.Repeat("a", size)},
		"one word, v2":       {deepseekV2, strings.Repeat("a", size)},
		"no pattern":         {byteLevel, strings.Repeat("ab", size/2)},
		"blanks":             {deepseekV2, strings.Repeat(" ", size) + "x"},
		"blanks, v3":         {deepseekV3, strings.Repeat(" ", size) + "x"},
		"blanks and lines":   {deepseekV3, strings.Repeat(strings.Repeat(" ", 1000)+"\n", size/1000) + "x"},
		"Han":                {deepseekV3, strings.Repeat("我", size/3)},
		"added tokens":       {deepseekV3, strings.Repeat("<s>", size/3)},
		"nearly added ones":  {deepseekV3, strings.Repeat("<", size)},
		"nearly added words": {deepseekV3, strings.Repeat("<aaaaaaaaaaaaaaaa", size/17)},
	} {
		t.Run(name, func(t *testing.T) {
			tok := toy{merges: merges, added: added, preTokenizer: c.pre}.build(t)
			start := time.Now()
			ids := tok.EncodeSpecial(c.text)
			require.Less(t, time.Since(start), 30*time.Second)
			for i := range ids {
				if ids[i] == 259 {
					return // <s> is left out of the text
				}
			}
			require.Equal(t, c.text, tok.Decode(ids))
		})
	}
}
