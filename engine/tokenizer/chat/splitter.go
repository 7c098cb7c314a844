package chat

import (
	"strings"

	"tabseek/engine/tokenizer"
)

// A Splitter takes an answer apart as it is generated: reasoning up to the token </think>, then content. It goes by
// token, not by text, so an answer may write about the tags.
type Splitter struct {
	tokenizer       *tokenizer.Tokenizer
	stream          *tokenizer.Stream
	think, endThink int // ids, -1 where the vocabulary has none
	thinking        bool
	begun           bool // something but white space has come since the last switch
}

// NewSplitter starts the answer to a prompt; that to raw ids is the answer to the zero prompt.
func NewSplitter(t *tokenizer.Tokenizer, p Prompt) *Splitter {
	s := &Splitter{tokenizer: t, stream: t.NewStream(), think: -1, endThink: -1, thinking: p.Thinking, begun: p.Continues}
	if id, ok := t.AddedID(think); ok {
		s.think = id
	}
	if id, ok := t.AddedID(endThink); ok {
		s.endThink = id
	}
	return s
}

// Push takes the next token and returns the text it completes. White space at the very start of either part is left out.
func (s *Splitter) Push(id int) (content, reasoning string) {
	switch {
	case s.Ends(id):
		content, reasoning = s.place(s.stream.Flush())
		s.thinking, s.begun = false, false
		return content, reasoning
	case s.Begins(id): // also where the prompt has opened the reasoning already
		content, reasoning = s.place(s.stream.Flush())
		s.thinking, s.begun = true, false
		return content, reasoning
	case id == s.think || id == s.endThink: // not where a tag belongs: shown as it is
		return s.place(s.stream.Flush() + s.tokenizer.Token(id))
	}
	return s.place(s.stream.Push(id))
}

// Omits tells whether a token, which came last, is white space that is left out.
func (s *Splitter) Omits(id int) bool { return !s.begun && trim(s.tokenizer.Token(id)) == "" }

// Begins tells whether a token, if it comes next, begins the reasoning.
func (s *Splitter) Begins(id int) bool { return id == s.think && !s.begun }

// Ends tells whether a token, if it comes next, ends the reasoning.
func (s *Splitter) Ends(id int) bool { return id == s.endThink && s.thinking }

// EndThink is the token that ends the reasoning, -1 if the vocabulary has none.
func (s *Splitter) EndThink() int { return s.endThink }

// Thinking tells whether the next token is of the reasoning.
func (s *Splitter) Thinking() bool { return s.thinking }

// Flush returns what was held back of a split character.
func (s *Splitter) Flush() (content, reasoning string) { return s.place(s.stream.Flush()) }

func (s *Splitter) place(text string) (content, reasoning string) {
	if !s.begun {
		text = trim(text)
		s.begun = text != ""
	}
	if s.thinking {
		return "", text
	}
	return text, ""
}

func trim(text string) string { return strings.TrimLeft(text, " \n\r\t") }
