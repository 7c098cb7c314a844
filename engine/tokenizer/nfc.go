package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// joiner is what norm puts after 30 marks on one letter, for readers whose memory is bounded (Unicode's stream-safe
// format). No tokenizer does that.
const joiner = "\u034f"

// nfc puts a text into Unicode's form C. Most texts are in it already, and are only looked at.
func nfc(text string) string {
	if norm.NFC.IsNormalString(text) {
		return text
	}
	composed := norm.NFC.String(text)
	if strings.Count(composed, joiner) == strings.Count(text, joiner) {
		return composed
	}
	return compose(decompose(text))
}

// A character is one of a decomposed text.
type character struct {
	text  string // what is not UTF-8 stays as it is, byte by byte
	class uint8  // its canonical combining class: not 0 for marks
}

// decompose takes the characters of a text apart, and puts the marks of each letter in their canonical order.
func decompose(text string) []character {
	var all []character
	for text != "" {
		_, size := utf8.DecodeRuneInString(text)
		for apart := norm.NFD.String(text[:size]); apart != ""; {
			_, n := utf8.DecodeRuneInString(apart)
			all = append(all, character{apart[:n], norm.NFD.PropertiesString(apart).CCC()})
			apart = apart[n:]
		}
		text = text[size:]
	}
	for from := 0; from < len(all); {
		to := from + 1
		for all[from].class != 0 && to < len(all) && all[to].class != 0 {
			to++
		}
		slices.SortStableFunc(all[from:to], func(a, b character) int { return cmp.Compare(a.class, b.class) })
		from = to
	}
	return all
}

// compose puts each mark into the letter before it, where the two are one character and no mark of its class is between.
func compose(decomposed []character) string {
	var all []character
	letter := -1
	for _, c := range decomposed {
		if last := len(all) - 1; letter >= 0 && (last == letter || all[last].class < c.class) {
			if one := norm.NFC.String(all[letter].text + c.text); utf8.RuneCountInString(one) == 1 {
				all[letter].text = one
				continue
			}
		}
		if c.class == 0 {
			letter = len(all)
		}
		all = append(all, c)
	}
	var text strings.Builder
	for _, c := range all {
		text.WriteString(c.text)
	}
	return text.String()
}
