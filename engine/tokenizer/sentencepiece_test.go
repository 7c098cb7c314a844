package tokenizer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// blanks is the normalizer of SentencePiece's vocabularies, without the space before a text.
const blanks = `{"type":"Replace","pattern":{"String":" "},"content":"▁"}`

// fallback is a tokenizer.json of a vocabulary of characters.
func fallback(normalizer, pre, vocab string) string {
	return fmt.Sprintf(`{"normalizer":%s,"pre_tokenizer":%s,"model":{"type":"BPE","vocab":{%s},"merges":[],"byte_fallback":true}}`, normalizer, pre, vocab)
}

// pieces is a vocabulary as SentencePiece trains it: <unk>, <s>, </s>, the bytes, then tokens with falling scores, of which
// characters come last. Words of a few letters make tokens that can be made in several ways.
func pieces(rng *rand.Rand) Vocabulary {
	v := Vocabulary{Model: sentencePiece}
	add := func(token string, kind int, score float64) {
		v.Tokens, v.Types, v.Scores = append(v.Tokens, token), append(v.Types, kind), append(v.Scores, score)
	}
	add("<unk>", typeUnknown, 0)
	add("<s>", typeControl, 0)
	add("</s>", typeControl, 0)
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), typeByte, 0)
	}
	characters := []string{"▁", "a", "b", "c", "d", "é", "我", "<", "s", ">", "\n"}
	known := slices.Clone(characters)
	for len(known) < 150 {
		if token := known[rng.IntN(len(known))] + known[rng.IntN(len(known))]; !slices.Contains(known, token) {
			known = append(known, token)
			add(token, typeNormal, -float64(len(known)))
		}
	}
	for i, c := range characters {
		add(c, typeNormal, -1000-float64(i))
	}
	add("<|im_start|>", typeControl, 0)
	add("▁▁▁▁▁▁▁▁", typeUserDefined, 0)
	return v
}

// bigrams is SentencePiece's BPE without any skill: it merges the two neighbours whose union has the greatest score, the
// leftmost of equal ones, until there are none.
func (v *Vocabulary) bigrams(text string) (ids []int) {
	scores := map[string]float64{}
	for id, token := range v.Tokens {
		if v.Types[id] == typeNormal {
			scores[token] = v.Scores[id]
		}
	}
	symbols := strings.Split(strings.ReplaceAll(" "+text, " ", "▁"), "")
	for {
		best, at := 0.0, none
		for i := range len(symbols) - 1 {
			if score, ok := scores[symbols[i]+symbols[i+1]]; ok && (at == none || score > best) {
				best, at = score, i
			}
		}
		if at == none {
			break
		}
		symbols = slices.Replace(symbols, at, at+2, symbols[at]+symbols[at+1])
	}
	for _, s := range symbols {
		if _, ok := scores[s]; ok {
			ids = append(ids, slices.Index(v.Tokens, s))
			continue
		}
		for _, b := range []byte(s) {
			ids = append(ids, slices.Index(v.Tokens, fmt.Sprintf("<0x%02X>", b)))
		}
	}
	return ids
}

func charactersText(rng *rand.Rand) string {
	var text strings.Builder
	for range 1 + rng.IntN(30) {
		text.WriteString([]string{"a", "b", "c", "d", " ", "é", "我", "ab", "cd", "\n", "x", "😁", "<s>", "▁"}[rng.IntN(14)])
	}
	return text.String()
}

func TestSentencePiece(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for range 20 {
		v := pieces(rng)
		source, err := FromGGUF(v)
		require.NoError(t, err)
		tok, err := fromJSON(source)
		require.NoError(t, err)
		for range 100 {
			text := charactersText(rng)
			if strings.Contains(text, "        ") {
				continue
			}
			require.Equal(t, v.bigrams(text), tok.Encode(text), "%q", text)
			require.Equal(t, strings.ReplaceAll(text, "▁", " "), tok.Decode(tok.Encode(text)))
		}
	}
}

// A text that goes on has no space before it where the first one has.
func TestSentencePiecePlaces(t *testing.T) {
	vocab := `"<s>":256,"▁":257,"a":258,"▁a":259,"▁▁":260,"b":261,"ab":262,"▁▁a":263`
	for b := range 256 {
		vocab += fmt.Sprintf(`,"<0x%02X>":%d`, b, b)
	}
	const merges = `"▁ a","▁ ▁","▁▁ a","a b"`
	const prefix = `{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},` + blanks + `]}`
	for name, c := range map[string]struct {
		normalizer, pre      string
		text                 string
		start, after, within []string
	}{
		"prefix":         {prefix, "null", "a", []string{" a"}, []string{" a"}, []string{"a"}},
		"prefix, blank":  {prefix, "null", " a", []string{" ", " a"}, []string{" ", " a"}, []string{" a"}},
		"no prefix":      {blanks, "null", "a", []string{"a"}, []string{"a"}, []string{"a"}},
		"nothing":        {prefix, "null", "", []string{}, []string{}, []string{}},
		"always":         {"null", metaspace("always", false), "a", []string{" a"}, []string{" a"}, []string{"a"}},
		"always, blank":  {"null", metaspace("always", false), " a", []string{" a"}, []string{" a"}, []string{" a"}},
		"first":          {"null", metaspace("first", false), "a", []string{" a"}, []string{"a"}, []string{"a"}},
		"never":          {"null", metaspace("never", false), "a a", []string{"a", " a"}, []string{"a", " a"}, []string{"a", " a"}},
		"split":          {"null", metaspace("never", true), "  a ab", []string{" ", " a", " a", "b"}, []string{" ", " a", " a", "b"}, []string{" ", " a", " a", "b"}},
		"of old":         {"null", `{"type":"Metaspace","replacement":"▁","add_prefix_space":true}`, "a", []string{" a"}, []string{" a"}, []string{"a"}},
		"of old, none":   {"null", `{"type":"Metaspace","replacement":"▁","add_prefix_space":false}`, "a", []string{"a"}, []string{"a"}, []string{"a"}},
		"bytes":          {prefix, "null", "aü", []string{" a", "\xc3", "\xbc"}, []string{" a", "\xc3", "\xbc"}, []string{"a", "\xc3", "\xbc"}},
		"one byte":       {blanks, "null", "x", []string{"x"}, []string{"x"}, []string{"x"}},
		"not UTF-8":      {blanks, "null", "\xffa", []string{"\xff", "a"}, []string{"\xff", "a"}, []string{"\xff", "a"}},
		"control tokens": {prefix, "null", "<s>", []string{" ", "<", "s", ">"}, []string{" ", "<", "s", ">"}, []string{"<", "s", ">"}},
	} {
		t.Run(name, func(t *testing.T) {
			source := strings.Replace(fallback(c.normalizer, c.pre, vocab), `"merges":[]`, `"merges":[`+merges+`]`, 1)
			source = `{"added_tokens":[{"id":256,"content":"<s>","special":true}],` + source[1:]
			tok, err := fromJSON([]byte(source))
			require.NoError(t, err)
			require.Equal(t, c.start, tokens(tok, tok.Encode(c.text)))
			require.Equal(t, c.after, tokens(tok, tok.EncodeAfter(c.text)))
			require.Equal(t, c.within, tokens(tok, tok.EncodeWithin(c.text)))
			if !strings.Contains(c.text, "<s>") {
				require.Equal(t, append([]string{"<s>"}, c.after...), tokens(tok, tok.EncodeSpecial("<s>"+c.text)))
			}
		})
	}
}

// A section is one piece, however long it is.
func TestLargeSentencePiece(t *testing.T) {
	source, err := FromGGUF(pieces(rand.New(rand.NewPCG(1, 1))))
	require.NoError(t, err)
	tok, err := fromJSON(source)
	require.NoError(t, err)
	text := strings.Repeat("abcd é我\n", 1<<16)
	start := time.Now()
	require.Equal(t, text, tok.Decode(tok.Encode(text)))
	require.Less(t, time.Since(start), 30*time.Second)
}

func metaspace(scheme string, split bool) string {
	text, err := json.Marshal(map[string]any{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split})
	if err != nil {
		panic(err)
	}
	return string(text)
}
