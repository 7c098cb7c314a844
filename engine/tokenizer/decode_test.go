package tokenizer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func bytesOf(text string) []int {
	var ids []int
	for i := range len(text) {
		ids = append(ids, int(text[i]))
	}
	return ids
}

// TestStream pushes bytes one by one; 256 is a special token, 257 an added one, 258 the two bytes of é.
func TestStream(t *testing.T) {
	tok := toy{added: []addedFile{{Content: "<s>", Special: true}, {Content: "<｜User｜>"}}}.build(t)
	for name, c := range map[string]struct {
		ids  []int
		want []string // of each push, then of the flush
	}{
		"nothing":             {nil, []string{""}},
		"letters":             {bytesOf("ab"), []string{"a", "b", ""}},
		"two bytes":           {bytesOf("é!"), []string{"", "é", "!", ""}},
		"three bytes":         {bytesOf("我"), []string{"", "", "我", ""}},
		"four bytes":          {bytesOf("😁"), []string{"", "", "", "😁", ""}},
		"cut short by a word": {bytesOf("\xe6\x88a"), []string{"", "", "\uFFFDa", ""}},
		"cut short by another": {bytesOf("\xf0\x9f\xe6\x88\x91"),
			[]string{"", "", "\uFFFD", "", "我", ""}},
		"cut short by the end": {bytesOf("a\xf0\x9f\x98"), []string{"a", "", "", "", "\uFFFD"}},
		"no beginning":         {bytesOf("\x91a"), []string{"\uFFFD", "a", ""}},
		"never UTF-8":          {bytesOf("\xff\xc0a"), []string{"\uFFFD", "\uFFFD", "a", ""}},
		"surrogate":            {bytesOf("\xed\xa0\x80"), []string{"", "\uFFFD\uFFFD", "\uFFFD", ""}},
		"special":              {[]int{'a', 256, 'b'}, []string{"a", "", "b", ""}},
		"special within":       {[]int{0xc3, 256, 0xa9}, []string{"", "", "é", ""}},
		"added":                {[]int{257}, []string{"<｜User｜>", ""}},
		"added within":         {[]int{0xc3, 257}, []string{"", "\uFFFD<｜User｜>", ""}},
		"unknown id":           {[]int{'a', 9999, -1}, []string{"a", "", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := tok.NewStream()
			got := []string{}
			for _, id := range c.ids {
				got = append(got, s.Push(id))
			}
			got = append(got, s.Flush())
			require.Equal(t, c.want, got)
			require.Empty(t, s.Flush())
			require.Equal(t, tok.Decode(c.ids), strings.Join(got, ""))
		})
	}
}

// Unicode's own examples for the replacement of maximal subparts (chapter 3.9, tables 3-8 to 3-11).
func TestValidUTF8(t *testing.T) {
	for data, want := range map[string]string{
		"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82A": strings.Repeat("\uFFFD", 8) + "A",
		"\xED\xA0\x80\xED\xBF\xBF\xED\xAFA": strings.Repeat("\uFFFD", 8) + "A",
		"\xF4\x91\x92\x93\xFFA\x80\xBFB":    strings.Repeat("\uFFFD", 5) + "A" + strings.Repeat("\uFFFD", 2) + "B",
		"\xE1\x80\xE2\xF0\x91\x92\xF1\xBFA": strings.Repeat("\uFFFD", 4) + "A",
		"\uFFFDé":                           "\uFFFDé",
	} {
		require.Equal(t, want, validUTF8([]byte(data)), "%x", data)
	}
}
