package tokenizer

import (
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A finder finds added tokens in a text.
type finder struct {
	tokens []addedToken // ascending by spelling
	begins [256]bool
}

// An addedToken is one as it stands in a text.
type addedToken struct {
	spelling string
	id       int
	prefix   int // the longest other one that it begins with, by its place; or none
	flags    flags
}

// newFinder takes the added tokens whose flags are wanted.
func (t *Tokenizer) newFinder(wanted func(flags) bool) finder {
	var f finder
	for i := range t.added.len() {
		id := int(t.added.at(i))
		if flags := t.flags(id); wanted(flags) {
			spelling := string(t.content(id))
			if flags&flagNormalized != 0 {
				spelling = t.normalize(spelling, afterToken)
			}
			f.tokens = append(f.tokens, addedToken{spelling, id, none, flags})
		}
	}
	slices.SortStableFunc(f.tokens, func(a, b addedToken) int { return strings.Compare(a.spelling, b.spelling) })
	f.tokens = slices.CompactFunc(f.tokens, func(a, b addedToken) bool { return a.spelling == b.spelling }) // once normalized
	for i := range f.tokens {
		token := &f.tokens[i]
		token.prefix = i - 1 // what it begins with comes before it, each that begins with another
		for token.prefix != none && !strings.HasPrefix(token.spelling, f.tokens[token.prefix].spelling) {
			token.prefix = f.tokens[token.prefix].prefix
		}
		f.begins[token.spelling[0]] = true
	}
	return f
}

// cut calls text with what lies between the tokens of a text, and token with their ids. Of several at a place the longest is
// found. Blanks beside a token that strips them are lost.
func (f *finder) cut(all string, text func(string), token func(id int)) {
	done := 0
	if len(f.tokens) > 0 {
		for at := 0; at < len(all); {
			var found *addedToken
			if f.begins[all[at]] {
				found = f.longest(all[at:])
			}
			if found == nil {
				at++
				continue
			}
			start, end := at, at+len(found.spelling)
			at = end
			if found.flags&flagSingleWord != 0 && (endsInWord(all[:start]) || beginsInWord(all[end:])) {
				continue
			}
			if found.flags&flagLStrip != 0 {
				start = done + len(strings.TrimRightFunc(all[done:start], unicode.IsSpace))
			}
			if found.flags&flagRStrip != 0 {
				end = len(all) - len(strings.TrimLeftFunc(all[end:], unicode.IsSpace))
			}
			text(all[done:start])
			token(found.id)
			done, at = end, end
		}
	}
	text(all[done:])
}

// longest is the longest token that the text begins with, or nil.
func (f *finder) longest(text string) *addedToken {
	text = text[:min(len(text), maxSpelling)]
	// The last token that is not after the text begins with all that the text and another token begin with.
	i := sort.Search(len(f.tokens), func(i int) bool { return f.tokens[i].spelling > text }) - 1
	for i != none && !strings.HasPrefix(text, f.tokens[i].spelling) {
		i = f.tokens[i].prefix
	}
	if i == none {
		return nil
	}
	return &f.tokens[i]
}

// wordTables are the characters of words, as Unicode's annex on regular expressions has them.
var wordTables = []*unicode.RangeTable{unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control}

func endsInWord(text string) bool {
	r, size := utf8.DecodeLastRuneInString(text)
	return size > 0 && unicode.In(r, wordTables...)
}

func beginsInWord(text string) bool {
	r, size := utf8.DecodeRuneInString(text)
	return size > 0 && unicode.In(r, wordTables...)
}
