package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Decode turns ids into text, without control tokens. Bytes that are not UTF-8 become U+FFFD.
func (t *Tokenizer) Decode(ids []int) string {
	var raw strings.Builder
	for _, id := range ids {
		if !t.special[id] {
			raw.WriteString(t.Token(id))
		}
	}
	return strings.ToValidUTF8(raw.String(), "\uFFFD")
}

// A Stream decodes ids as they come. A character that is split over tokens is held back until it is whole.
type Stream struct {
	tokenizer *Tokenizer
	held      []byte
}

// NewStream starts a stream.
func (t *Tokenizer) NewStream() *Stream { return &Stream{tokenizer: t} }

// Push takes the next id and returns the characters that are now whole; control tokens yield nothing.
func (s *Stream) Push(id int) string {
	if s.tokenizer.special[id] {
		return ""
	}
	s.held = append(s.held, s.tokenizer.Token(id)...)
	end := len(s.held) - incomplete(s.held)
	text := strings.ToValidUTF8(string(s.held[:end]), "\uFFFD")
	s.held = append(s.held[:0], s.held[end:]...)
	return text
}

// Flush returns what is still held back, which cannot become whole any more.
func (s *Stream) Flush() string {
	text := strings.ToValidUTF8(string(s.held), "\uFFFD")
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
