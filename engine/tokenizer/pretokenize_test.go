package tokenizer

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func gpt2(prefix bool) string {
	if prefix {
		return `{"type":"ByteLevel"}` // both flags are true where they are left out
	}
	return `{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`
}

// The pattern of Llama 3's tokenizer.json, which GLM and others have too, and of Youtu's (that of o200k).
const (
	llama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	o200k  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// split cuts a text as a pre_tokenizer says.
func split(tb testing.TB, pre, text string) (pieces []string) {
	s := newSplitter(&toy{preTokenizer: pre}.build(tb).layout, func(piece string) { pieces = append(pieces, piece) })
	s.split(text)
	return pieces
}

func TestSplit(t *testing.T) {
	part := func(pattern, behavior string, invert bool) string {
		text, err := json.Marshal(map[string]any{"type": "Split", "pattern": json.RawMessage(pattern), "behavior": behavior, "invert": invert})
		require.NoError(t, err)
		return sequence(string(text), byteLevel)
	}
	// Hugging Face's own example of the behaviours.
	const dash, letter, dashes = `{"String":"-"}`, `{"Regex":"[a-z]"}`, "the-final--countdown"
	for name, c := range map[string]struct {
		pre, text string
		want      []string
	}{
		"byte level alone":      {byteLevel, " a b\n1 ", []string{" a b\n1 "}},
		"gpt-2":                 {gpt2(false), "Hello, it's 2024!  x\n\n y  ", []string{"Hello", ",", " it", "'s", " 2024", "!", " ", " x", "\n\n", " y", "  "}},
		"gpt-2 prefix":          {gpt2(true), "Hello", []string{" Hello"}},
		"gpt-2 prefix there":    {gpt2(true), " Hello", []string{" Hello"}},
		"prefix on each piece":  {sequence(isolated(`\n`), `{"type":"ByteLevel","use_regex":false}`), "a\n b", []string{" a", " \n", " b"}},
		"v2 newlines alone":     {deepseekV2, "a\n\n\nb", []string{"a", "\n", "\n", "\n", "b"}},
		"v2 words":              {deepseekV2, "Hello  world, Привет", []string{"Hello", " ", " world", ",", " Привет"}},
		"v2 signs hold letters": {deepseekV2, "naïve", []string{"na", "ï", "ve"}}, // its class of signs has the range :-~
		"v2 digits alone":       {deepseekV2, "a 123½", []string{"a", " ", "1", "2", "3", "½"}},
		"v2 trailing blanks":    {deepseekV2, "a   ", []string{"a", "   "}},
		"v2 blanks before line": {deepseekV2, "a  \nb", []string{"a", "  ", "\n", "b"}},
		"v2 Han and Hangul":     {deepseekV2, "我想, 한글 x", []string{"我想", ",", " ", "한글", " x"}},
		"v2 punctuation":        {deepseekV2, "a ()！b。", []string{"a", " ()！", "b", "。"}}, // and its class of Han begins at U+0800
		"v2 tab before word":    {deepseekV2, "\tx", []string{"\tx"}},
		"kimi":                  {preTokenizerJSON("kimi-k2"), "Hello世界abc 12345 don't ПриветМир\n\n x", []string{"Hello", "世界", "abc", " ", "123", "45", " don't", " Привет", "Мир", "\n\n", " x"}},
		"glm":                   {preTokenizerJSON("glm4"), "I'LL go 1234!!\n x", []string{"I", "'LL", " go", " ", "123", "4", "!!\n", " x"}},
		"qwen2":                 {preTokenizerJSON("deepseek-r1-qwen"), "I'll go 1234!!\n x", []string{"I", "'ll", " go", " ", "1", "2", "3", "4", "!!\n", " x"}},
		"youtu":                 {preTokenizerJSON("youtu"), "HTMLParser 한글 你好，12", []string{"HTMLParser", " ", "한글", " ", "你好", "，", "1", "2"}},
		"coder":                 {preTokenizerJSON("deepseek-coder"), "a_b 123\n你", []string{"a", "_", "b", " ", "1", "2", "3", "\n", "你"}},
		"gigachat":              {preTokenizerJSON("gigachat"), "don't  x 12", []string{"don", "'t", " ", " x", " 12"}},
		"v3 digits by three":    {deepseekV3, "1234567 x", []string{"123", "456", "7", " x"}},
		"v3 Han and kana":       {deepseekV3, "我想ひらx", []string{"我想ひら", "x"}},
		"v3 kana are no letter": {deepseekV3, "aカb 한글", []string{"a", "カ", "b", " 한글"}},
		"v3 one sign and word":  {deepseekV3, ".foo ..bar _x (a)", []string{".foo", " ..", "bar", " _", "x", " (", "a", ")"}},
		"v3 marks":              {deepseekV3, "e\u0301a", []string{"e\u0301a"}},
		"v3 symbols, newlines":  {deepseekV3, "a + €\n\nb", []string{"a", " +", " €\n\n", "b"}},
		"v3 blanks":             {deepseekV3, "a   b  \n  c ", []string{"a", "  ", " b", "  \n", " ", " c", " "}},
		"v3 digits cut first":   {deepseekV3, "a1.b", []string{"a", "1", ".b"}},
		"v3 blank before digit": {deepseekV3, "a  1", []string{"a", "  ", "1"}},
		"v3 other blanks":       {deepseekV3, "a\u00a0b\u3000\u3000c\u2028", []string{"a", "\u00a0b", "\u3000", "\u3000c", "\u2028"}},
		"llama 3":               {sequence(isolated(llama3), byteLevel), "I'LL go\u017f 1234!!\n x", []string{"I", "'LL", " goſ", " ", "123", "4", "!!\n", " x"}},
		"o200k":                 {sequence(isolated(o200k), byteLevel), "HTMLParser don't", []string{"HTMLParser", " don't"}},
		"digits together":       {sequence(`{"type":"Digits","individual_digits":false}`, byteLevel), "a12Ⅷ½b", []string{"a", "12Ⅷ½", "b"}},
		"digits alone":          {sequence(`{"type":"Digits","individual_digits":true}`, byteLevel), "a1²b", []string{"a", "1", "²", "b"}},
		"punctuation":           {sequence(`{"type":"Punctuation"}`, byteLevel), "a+b`«€", []string{"a", "+", "b", "`", "«", "€"}},
		"literal":               {part(`{"String":".*"}`, "Isolated", false), "a.*b", []string{"a", ".*", "b"}},
		"removed":               {part(`{"Regex":"\\s+"}`, "Removed", false), " a  b ", []string{"a", "b"}},
		"removed, inverted":     {part(`{"Regex":"[a-z]+"}`, "Removed", true), "1ab2c", []string{"ab", "c"}},
		"merged with previous":  {part(dash, "MergedWithPrevious", false), dashes, []string{"the-", "final-", "-", "countdown"}},
		"merged with next":      {part(dash, "MergedWithNext", false), dashes, []string{"the", "-final", "-", "-countdown"}},
		"contiguous":            {part(dash, "Contiguous", false), dashes, []string{"the", "-", "final", "--", "countdown"}},
		"previous at the start": {part(dash, "MergedWithPrevious", false), "--a", []string{"-", "-", "a"}},
		"next at the end":       {part(dash, "MergedWithNext", false), "a--", []string{"a", "-", "-"}},
		"previous, inverted":    {part(letter, "MergedWithPrevious", true), dashes, []string{"t", "h", "e-", "f", "i", "n", "a", "l--", "c", "o", "u", "n", "t", "d", "o", "w", "n"}},
		"next, inverted":        {part(letter, "MergedWithNext", true), "-ab--c-", []string{"-a", "b", "--c", "-"}},
		"contiguous, inverted":  {part(letter, "Contiguous", true), "-ab--c", []string{"-", "ab", "--", "c"}},
		"no behaviour":          {part(dash, "", false), "a-b", []string{"a", "-", "b"}},
		"punctuation merged":    {sequence(`{"type":"Punctuation","behavior":"MergedWithNext"}`, byteLevel), "a+b`«€", []string{"a", "+b", "`", "«€"}},
		"punctuation together":  {sequence(`{"type":"Punctuation","behavior":"Contiguous"}`, byteLevel), "a+=b`«€", []string{"a", "+=", "b", "`«", "€"}},
		"punctuation removed":   {sequence(`{"type":"Punctuation","behavior":"Removed"}`, byteLevel), "a+=b", []string{"a", "b"}},
		"isolated, inverted":    {part(`{"Regex":"[a-z]+"}`, "Isolated", true), "1ab2c", []string{"1", "ab", "2", "c"}},
		"empty matches":         {part(`{"Regex":"x*"}`, "Isolated", false), "axéxxb", []string{"a", "x", "é", "xx", "b"}},
		"not UTF-8":             {deepseekV3, "a\xff\xfeb", []string{"a", "\xff\xfe", "b"}},
		"empty":                 {deepseekV3, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, split(t, c.pre, c.text))
		})
	}
}

func TestPattern(t *testing.T) {
	for name, c := range map[string]struct{ source, want, err string }{
		"as it is":              {source: `a|[b-d]+`, want: `(?m)a|[b-d]+`},
		"blank":                 {source: `\s`, want: `(?m)[\t-\r\x{85}\p{Z}]`},
		"not blank":             {source: `\S`, want: `(?m)[^\t-\r\x{85}\p{Z}]`},
		"blank in a class":      {source: `[^\s\d]`, want: `(?m)[^\t-\r\x{85}\p{Z}\p{Nd}]`},
		"word":                  {source: `\w\W`, want: `(?m)[\p{L}\p{M}\p{Nd}\p{Pc}][^\p{L}\p{M}\p{Nd}\p{Pc}]`},
		"digits":                {source: `\d\D`, want: `(?m)\p{Nd}\P{Nd}`},
		"four digits":           {source: `\u4e00`, want: `(?m)\x{4e00}`},
		"escaped letter":        {source: `\é`, want: `(?m)é`},
		"bracket first":         {source: `[]a][^]a]`, want: `(?m)[]a][^]a]`},
		"lookahead":             {source: `a|\s+(?!\S)|\s+|b`, want: `(?m)a|[\t-\r\x{85}\p{Z}]+\B|[\t-\r\x{85}\p{Z}]+|b`},
		"other lookahead":       {source: `a(?=b)`, err: "group (?=b is not supported"},
		"lookbehind":            {source: `(?<!a)b`, err: "group (?<! is not supported"},
		"atomic group":          {source: `(?>a)`, err: "group (?>a is not supported"},
		"flag m, which differs": {source: `(?m).`, err: "group (?m) is not supported"},
		"possessive":            {source: `a++`, err: "invalid nested repetition"},
		"back reference":        {source: `(a)\1`, err: "invalid escape"},
		"class within":          {source: `[a[c]]+`, want: `(?m)[\x{61}-\x{61}\x{63}-\x{63}]+`},
		"a class of neighbours": {source: `[a[b-d]e]`, want: `(?m)[\x{61}-\x{65}]`},
		"intersection":          {source: `[a-z&&[^aeiou]&&[^x-z]]`, want: `(?m)[\x{62}-\x{64}\x{66}-\x{68}\x{6a}-\x{6e}\x{70}-\x{74}\x{76}-\x{77}]`},
		"negated intersection":  {source: `[^\x{1}-\x{10FFFF}&&[^b]]`, want: `(?m)[\x{0}-\x{0}\x{62}-\x{62}]`},
		"signs first in a set":  {source: `[]^&&[\]\^]]`, want: `(?m)[\x{5d}-\x{5e}]`},
		"empty intersection":    {source: `[a&&b]`, err: "a class of no characters"},
		"POSIX class":           {source: `[[:alpha:]]`, err: "[:name:] is not supported"},
		"open set":              {source: `[a[b]`, err: "a class without end"},
		"deep sets":             {source: strings.Repeat("[a", 20) + strings.Repeat("]", 20), err: "more than 8 classes within each other"},
		"not blank in a class":  {source: `[\S]`, err: `\S within a class`},
		"start of line":         {source: `^a`, err: "^, \\A, \\b and \\B are not supported"},
		"no word boundary":      {source: `a\B`, err: "^, \\A, \\b and \\B are not supported"},
		"word boundary":         {source: `a(b|\bc)`, err: "^, \\A, \\b and \\B are not supported"},
		"no least number":       {source: `a{,3}`, err: "{,n} is not supported"},
		"quoted":                {source: `\Qa\E`, err: `\Q is not supported`},
		"backslash last":        {source: `a\`, err: "ends in a backslash"},
		"short escape":          {source: `\u12`, err: "wants four digits"},
		"open class":            {source: `[a`, err: "missing closing ]"},
		"not UTF-8":             {source: "\xff", err: "invalid UTF-8"},
		"long":                  {source: strings.Repeat("a", maxPattern+1), err: "16385 bytes, more than 16384"},
		"large":                 {source: `((a{50}){50}){50}`, err: "error parsing regexp"},
		"many nodes":            {source: `(a|b){999}`, err: "more than 2000 nodes"},
		"long literal":          {source: strings.Repeat("a", 2001), err: "more than 2000 nodes"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.err != "" {
				_, err := compilePattern(c.source)
				require.ErrorContains(t, err, c.err)
				require.True(t, strings.HasPrefix(err.Error(), "pattern "))
				return
			}
			got, err := translate(c.source)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			_, err = compile(c.source)
			require.NoError(t, err)
		})
	}
}
