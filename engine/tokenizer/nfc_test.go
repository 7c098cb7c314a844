package tokenizer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func TestNFC(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                {"", ""},
		"letters":                {"abc \u00e9 我 😁", "abc \u00e9 我 😁"},
		"a mark":                 {"e\u0301", "\u00e9"},
		"two marks":              {"e\u0323\u0302", "\u1ec7"},
		"two marks out of order": {"e\u0302\u0323", "\u1ec7"},
		"a mark that is blocked": {"a\u0305\u030a", "a\u0305\u030a"},
		"marks past each other":  {"q\u0307\u0323", "q\u0323\u0307"},
		"Hangul":                 {"\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"},
		"Hangul, half":           {"하\u11ab", "한"},
		"kana":                   {"か\u3099", "が"},
		"a sign for a letter":    {"\u212b\u2126", "\u00c5\u03a9"},
		"never composed":         {"\u0958\u0344", "\u0915\u093c\u0308\u0301"},
		"not UTF-8":              {"e\xff\u0301\xc3", "e\xff\u0301\xc3"},
		"40 marks":               {"o" + strings.Repeat("\u0323\u0301", 20), "\u1ecd" + strings.Repeat("\u0323", 19) + strings.Repeat("\u0301", 20)},
		"40 marks, no letter":    {strings.Repeat("\u0301", 40), strings.Repeat("\u0301", 40)},
		"40 marks and joiners":   {"a\u034f" + strings.Repeat("\u0301", 40) + "e\u0301", "a\u034f" + strings.Repeat("\u0301", 40) + "\u00e9"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, nfc(c.text))
			require.Equal(t, c.want, nfc(c.want))
			require.Equal(t, c.want, compose(decompose(c.text)))
		})
	}
}

// The long way is right for every character, alone and with a mark.
func TestCompose(t *testing.T) {
	for r := range rune(0x30000) {
		for _, text := range []string{string(r), string(r) + "\u0323", "a" + string(r)} {
			if got := compose(decompose(text)); got != norm.NFC.String(text) {
				t.Fatalf("%+q: %+q, want %+q", text, got, norm.NFC.String(text))
			}
		}
	}
}
