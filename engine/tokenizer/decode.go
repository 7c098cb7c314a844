package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Decode turns ids into text, without special tokens. Bytes that are not UTF-8 become U+FFFD.
func (t *Tokenizer) Decode(ids []int) string {
	var raw []byte
	for _, id := range ids {
		if !t.IsSpecial(id) {
			raw = append(raw, t.Token(id)...)
		}
	}
	if t.dropsBlank() && len(raw) > 0 && raw[0] == ' ' {
		raw = raw[1:]
	}
	return validUTF8(raw)
}

// dropsBlank tells whether the space that a text of characters begins with was put there.
func (t *Tokenizer) dropsBlank() bool {
	prefixed := func(p pass) bool { return p.flags&passPrefix != 0 }
	return t.settings&settingPrefix != 0 || t.settings&settingCharacters != 0 && slices.ContainsFunc(t.passes, prefixed)
}

// A Stream decodes ids as they come. A character that is split over tokens is held back until it is whole.
type Stream struct {
	tokenizer *Tokenizer
	held      []byte
}

// NewStream starts a stream of what goes on after something: a space that it begins with stays.
func (t *Tokenizer) NewStream() *Stream { return &Stream{tokenizer: t} }

// Push takes the next id and returns the characters that are now whole; special tokens yield nothing.
func (s *Stream) Push(id int) string {
	if s.tokenizer.IsSpecial(id) {
		return ""
	}
	s.held = append(s.held, s.tokenizer.Token(id)...)
	end := len(s.held) - incomplete(s.held)
	text := validUTF8(s.held[:end])
	s.held = append(s.held[:0], s.held[end:]...)
	return text
}

// Flush returns what is still held back, which cannot become whole any more.
func (s *Stream) Flush() string {
	text := validUTF8(s.held)
	s.held = s.held[:0]
	return text
}

// incomplete is how many bytes at the end may be the beginning of a character.
func incomplete(data []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		tail := data[len(data)-n:]
		if utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// validUTF8 replaces each beginning of a character that does not go on, and each byte that is none, by one U+FFFD.
// Browsers and Hugging Face do the same (the Unicode standard's "maximal subparts"); strings.ToValidUTF8 would make
// one of a whole run of them, and then a stream's text would depend on where its tokens end.
func validUTF8(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	var out strings.Builder
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			for size < len(data) && !utf8.FullRune(data[:size]) && !utf8.FullRune(data[:size+1]) {
				size++
			}
		}
		out.WriteRune(r)
		data = data[size:]
	}
	return out.String()
}
