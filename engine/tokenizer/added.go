package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
)

const (
	maxAdded     = 1 << 16
	maxAddedSize = 256 // bytes of an added token; bounds what is compared at one place of a text
)

// addedFile is an added token of tokenizer.json.
type addedFile struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	Special    bool   `json:"special"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
}

// isMark tells a token that steers the model from one that is text. The flag alone does not: DeepSeek-V3's file
// leaves <｜User｜> and <think> without it. What is not a mark are the letters and runs of blanks that some files add.
func (a addedFile) isMark() bool {
	return a.Special ||
		strings.HasPrefix(a.Content, "<") && strings.HasSuffix(a.Content, ">") ||
		strings.HasPrefix(a.Content, "[") && strings.HasSuffix(a.Content, "]")
}

// addToken takes an added token, which is written as it is. vocab holds the model's own tokens by their spelling.
func (t *Tokenizer) addToken(a addedFile, vocab map[string]int) error {
	switch _, twice := t.added[a.Content]; {
	case a.Content == "":
		return fmt.Errorf("added token %d is empty", a.ID)
	case len(a.Content) > maxAddedSize:
		return fmt.Errorf("added token %.40q...: %d bytes, more than %d", a.Content, len(a.Content), maxAddedSize)
	case twice:
		return fmt.Errorf("added token %q appears twice", a.Content)
	case a.SingleWord:
		return fmt.Errorf("added token %q: single_word is not supported", a.Content)
	}
	if id, ok := vocab[a.Content]; ok { // a token of the model that is made an added one
		if id != a.ID {
			return fmt.Errorf("added token %q: its id is %d here and %d in the vocabulary", a.Content, a.ID, id)
		}
		t.tokens[id] = ""
		if raw, ok := fromAlphabet(a.Content); ok && a.isMark() {
			delete(t.ids, raw) // text must not reach it
			t.marks[a.Content] = true
		}
	}
	if err := t.place(a.ID, a.Content); err != nil {
		return fmt.Errorf("added token %q: %w", a.Content, err)
	}
	t.added[a.Content] = a.ID
	if a.Special {
		t.special[a.ID] = true
	}
	t.everyAdded.insert(a)
	if !a.isMark() {
		t.textAdded.insert(a)
	}
	return nil
}

// A finder finds added tokens in a text: a tree by bytes.
type finder struct {
	next  map[byte]*finder
	token *addedFile // the token that ends here
}

func (f *finder) insert(a addedFile) {
	for i := range len(a.Content) {
		if f.next == nil {
			f.next = map[byte]*finder{}
		}
		child := f.next[a.Content[i]]
		if child == nil {
			child = &finder{}
			f.next[a.Content[i]] = child
		}
		f = child
	}
	f.token = &a
}

// find returns the first token in the text, the longest of those that begin there; nil if there is none.
func (f *finder) find(text string) (at int, token *addedFile) {
	if f.next == nil {
		return len(text), nil
	}
	for at := range len(text) {
		for node, i := f.next[text[at]], at+1; node != nil; i++ {
			if node.token != nil {
				token = node.token
			}
			if i == len(text) {
				break
			}
			node = node.next[text[i]]
		}
		if token != nil {
			return at, token
		}
	}
	return len(text), nil
}

// cut takes the text before the first token, and the rest after it; blanks beside a token that strips them are lost.
func (f *finder) cut(text string) (before string, token *addedFile, rest string) {
	at, token := f.find(text)
	before = text[:at]
	if token == nil {
		return before, nil, ""
	}
	rest = text[at+len(token.Content):]
	if token.LStrip {
		before = strings.TrimRightFunc(before, unicode.IsSpace)
	}
	if token.RStrip {
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
	}
	return before, token, rest
}
