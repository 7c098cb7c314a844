package tokenizer

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// An oracle is what Go's regexp makes of a pattern. It has no lookahead: `\s+(?!\S)|\s+` is a group there, of which
// a match leaves the last blank to the word that follows.
type oracle struct{ re *regexp.Regexp }

func newOracle(pattern string) (oracle, error) {
	translated, err := translate(pattern)
	if err != nil {
		return oracle{}, err
	}
	const blanks = "[" + spaceSet + "]+"
	translated = strings.Replace(translated, blanks+`\B|`+blanks, "(?P<blank>"+blanks+")", 1)
	re, err := regexp.Compile(translated)
	return oracle{re}, err
}

func (o oracle) find(text string, from int) (start, end int) {
	for from < len(text) {
		m := o.re.FindStringSubmatchIndex(text[from:])
		if m == nil {
			break
		}
		start, end = from+m[0], from+m[1]
		if blank := o.re.SubexpIndex("blank"); blank >= 0 && m[2*blank] >= 0 && end < len(text) {
			if _, size := utf8.DecodeLastRuneInString(text[start:end]); size < end-start {
				end -= size
			}
		}
		if start < end {
			return start, end
		}
		_, size := utf8.DecodeRuneInString(text[end:])
		from = end + max(size, 1)
	}
	return len(text), len(text)
}

func (o oracle) split(text string) (pieces []string) {
	for done := 0; done < len(text); {
		start, end := o.find(text, done)
		for _, piece := range []string{text[done:start], text[start:end]} {
			if piece != "" {
				pieces = append(pieces, piece)
			}
		}
		done = end
	}
	return pieces
}

// knownPatterns are those of the known families.
var knownPatterns = []string{
	gpt2Pattern, llama3, o200k, `[\r\n]`, `\s?[` + deepseekLetters + `]+`, `\s?[!-/:-~！-／：-～‘-‟　-。]+`, `\s+$`,
	`[一-龥ࠀ-一가-\ud7ff]+`, `\p{N}`, `\p{N}+`, `\p{N}{1,3}`, `[一-龥぀-ゟ゠-ヿ]+`, `\s?\p{L}+`, `\s?\p{P}+`,
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
	"[!-/:-@\\[-`{-~\\p{P}]", `\s+`, `x*`, `(a+)+$`, `a|a.*b`, `(?i:k|s)+`, `a*?b`, `(?:ab?|a)(?:bc|c)?`, `$`,
}

// randomText is made of what patterns tell apart, in runs.
func randomText(random *rand.Rand) string {
	const kinds = "abkst'AZſK019²½Ⅷ  \t\n\r\u00a0\u3000\u0085\u2028.,!-_/*~‘。！+€<>|ßéÀ\u0301\u200dДжǅʰªאगक्我想一龥ࠀひらカ한글😁𐐀\uFFFD\x00\xff\xe6\x88"
	var out strings.Builder
	for range random.IntN(12) {
		at := random.IntN(len(kinds))
		_, size := utf8.DecodeRuneInString(kinds[at:])
		out.WriteString(strings.Repeat(kinds[at:at+size], 1+random.IntN(3)*random.IntN(15)))
	}
	return out.String()
}

// TestOracle splits random text and the texts of the golden vocabulary by all known patterns, as Go's regexp does.
func TestOracle(t *testing.T) {
	texts := hostileTexts
	if golden, err := os.ReadFile(vocabFolder + "/deepseek-llm.inp"); err == nil {
		texts = append(texts, string(golden))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		texts = append(texts, randomText(random))
	}
	for _, pattern := range knownPatterns {
		t.Run(pattern[:min(len(pattern), 20)], func(t *testing.T) {
			want, err := newOracle(pattern)
			require.NoError(t, err)
			tok := toy{preTokenizer: sequence(isolated(pattern), byteLevel)}.build(t)
			for _, text := range texts {
				var got []string
				newSplitter(&tok.layout, func(piece string) { got = append(got, piece) }).split(text)
				require.Equal(t, want.split(text), got, "%q", text)
			}
		})
	}
}

// TestHostilePatterns splits what keeps a backtracking engine busy for ever, and what is quadratic for any. pieces is
// how many there must be; where the limit is reached, those before it.
func TestHostilePatterns(t *testing.T) {
	const n = 1 << 18
	for name, c := range map[string]struct {
		pattern, text string
		pieces        int
	}{
		"nested repetitions": {`(a+)+$`, strings.Repeat("a", n) + "!", 1},
		"many repetitions":   {`a*a*a*a*a*a*a*a*b`, strings.Repeat("a", n), 1},
		"blanks to the end":  {`\s+$`, strings.Repeat(" ", n) + "x\n", 2},
		"many such":          {`\s+$`, strings.Repeat(strings.Repeat(" ", 500)+"x", n/500) + "\n", 2},
		"far searches":       {`a.*b|a`, strings.Repeat("a", n), n},
		"two trails":         {`(?:aa)*b|a`, strings.Repeat("a", n), 66}, // states by turns: the limit
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			pieces := split(t, sequence(isolated(c.pattern), byteLevel), c.text)
			require.Less(t, time.Since(start), 20*time.Second)
			require.Equal(t, c.pieces, len(pieces)) // without a dump of them
			require.Equal(t, c.text, strings.Join(pieces, ""))
		})
	}
}

// FuzzPattern compiles hostile patterns and splits by them: as Go's regexp does, and pieces and gaps are the text.
func FuzzPattern(f *testing.F) {
	for _, pattern := range append([]string{`a{1,1000}{9}`, `[^\s\S]`, `(?i:x)|\u4e00|[]a]|[^]]`, ``, `[ab]*a[ab]{14}`}, knownPatterns...) {
		f.Add(pattern, "Hello  world's 123\n我")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(text) > 1<<12 {
			return
		}
		quoted, err := json.Marshal(pattern)
		require.NoError(t, err)
		part := `{"type":"Split","pattern":{"Regex":` + string(quoted) + `},"behavior":"Isolated"}`
		tok, err := fromJSON(toy{preTokenizer: sequence(part, byteLevel)}.json(t))
		if err != nil {
			return
		}
		var got []string
		newSplitter(&tok.layout, func(piece string) { got = append(got, piece) }).split(text)
		require.Equal(t, text, strings.Join(got, ""))
		var source string
		require.NoError(t, json.Unmarshal(quoted, &source)) // as the file has it
		if strings.Contains(strings.ReplaceAll(source, `\s+(?!\S)|\s+`, ""), lookahead) || len(text) > 100 {
			return // more than the oracle can say, or the limit may be reached
		}
		want, err := newOracle(source)
		require.NoError(t, err)
		require.Equal(t, want.split(text), got)
	})
}
