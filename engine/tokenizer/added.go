package tokenizer

import (
	"sort"
	"strings"
	"unicode"
)

// A finder finds added tokens in a text.
type finder struct {
	*layout
	ids    []uint32 // ascending by content
	prefix []int32  // the longest other one that a token begins with, by its place in ids; or none
	begins [256]bool
}

// newFinder takes the added tokens whose flags are wanted.
func (t *Tokenizer) newFinder(wanted func(flags) bool) finder {
	f := finder{layout: &t.layout}
	for i := range t.added.len() {
		id := t.added.at(i)
		if !wanted(t.flags(int(id))) {
			continue
		}
		content := string(t.content(int(id)))
		prefix := int32(len(f.ids) - 1) // what it begins with comes before it, each that begins with another
		for prefix != none && !strings.HasPrefix(content, string(t.content(int(f.ids[prefix])))) {
			prefix = f.prefix[prefix]
		}
		f.ids, f.prefix = append(f.ids, id), append(f.prefix, prefix)
		f.begins[content[0]] = true
	}
	return f
}

// find returns the first token in the text, the longest of those that begin there; none if there is none.
func (f *finder) find(text string) (at, id int) {
	if len(f.ids) == 0 {
		return len(text), none
	}
	for at := range len(text) {
		if f.begins[text[at]] {
			if id := f.longest(text[at:]); id != none {
				return at, id
			}
		}
	}
	return len(text), none
}

// longest is the longest token that the text begins with, or none.
func (f *finder) longest(text string) int {
	text = text[:min(len(text), maxAddedSize)]
	// The last token that is not after the text begins with all that the text and another token begin with.
	i := int32(sort.Search(len(f.ids), func(i int) bool { return string(f.content(int(f.ids[i]))) > text })) - 1
	for i != none && !strings.HasPrefix(text, string(f.content(int(f.ids[i])))) {
		i = f.prefix[i]
	}
	if i == none {
		return none
	}
	return int(f.ids[i])
}

// cut takes the text before the first token, and the rest after it; blanks beside a token that strips them are lost.
func (f *finder) cut(text string) (before string, id int, rest string) {
	at, id := f.find(text)
	before = text[:at]
	if id == none {
		return before, none, ""
	}
	rest = text[at+len(f.content(id)):]
	if f.flags(id)&flagLStrip != 0 {
		before = strings.TrimRightFunc(before, unicode.IsSpace)
	}
	if f.flags(id)&flagRStrip != 0 {
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
	}
	return before, id, rest
}
