// Package chat formats conversations as the known families of models want them, and takes their answers apart into
// reasoning and content.
//
// Families are written out here rather than run from a checkpoint's template: a template is a program of unknown
// origin, and only so can what people typed be kept from becoming special tokens. What a family writes is what its
// published template renders (testdata/rendered.json).
package chat

import (
	"fmt"
	"slices"
	"strings"

	"tabseek/engine/message"
	"tabseek/engine/tokenizer"
)

// Options of a prompt.
type Options struct {
	// Thinking asks for an answer with or without reasoning, where the family leaves the choice; nil is the family's default.
	Thinking *bool
}

// A Format is how a model wants conversations written: its family, and what its own checkpoint says beyond that.
// Fields that are empty are the family's.
type Format struct {
	Family   string
	System   string // what the template says by itself: where there is no system message, or before it
	BOS, EOS string // the tokens that the template calls bos_token and eos_token
}

// Unknown is the family of a format that is not known. Write refuses it: a model is not to be guessed at.
const Unknown = ""

// A Prompt is a conversation as the model reads it, with the beginning of the answer.
type Prompt struct {
	Text      string // for people to read
	IDs       []int
	Thinking  bool // it leaves the model inside its reasoning
	Continues bool // it ends in the middle of a text, whose next white space counts
}

// A MissingTokenError says that a vocabulary lacks a special token of the format.
type MissingTokenError struct{ Family, Token string }

func (e *MissingTokenError) Error() string {
	return fmt.Sprintf("chat: family %s: the vocabulary lacks %s", e.Family, e.Token)
}

// Write writes a conversation with the beginning of the answer. Only the format yields special tokens; what the
// messages spell is text. A last message from the assistant is that beginning, and the model goes on with it: with its
// reasoning where there is no content yet. A developer's messages are the system's.
//
// With a MissingTokenError comes the prompt all the same, with the token spelled as text: something to look at, not
// to be answered.
func (f Format) Write(t *tokenizer.Tokenizer, messages []message.Message, o Options) (Prompt, error) {
	messages = slices.Clone(messages)
	for i, m := range messages {
		if m.Role == message.Developer {
			messages[i].Role = message.System
		}
	}
	if err := check(messages); err != nil {
		return Prompt{}, fmt.Errorf("chat: %w", err)
	}
	family, err := f.family()
	if err != nil {
		return Prompt{}, err
	}
	w := &writer{tokenizer: t, format: f.complete(family)}
	before, beginning := begun(messages)
	family.write(w, before, beginning, o)
	w.flush()
	w.prompt.Text = w.text.String()
	if w.missing != "" {
		return w.prompt, &MissingTokenError{f.Family, w.missing}
	}
	return w.prompt, nil
}

// Text is a raw text that is to be continued as it stands, after the token that begins every sequence of the model's.
// Special tokens in it are recognised.
func (f Format) Text(t *tokenizer.Tokenizer, text string) Prompt {
	if family, err := f.family(); err == nil {
		f = f.complete(family)
	}
	ids := t.EncodeSpecial(text)
	if begin, ok := t.AddedID(f.BOS); ok && (len(ids) == 0 || ids[0] != begin) {
		ids = append([]int{begin}, ids...)
	}
	return Raw(ids)
}

// Raw are ids that are to be continued as they stand: white space counts, and tags are text.
func Raw(ids []int) Prompt { return Prompt{IDs: ids, Continues: true} }

// Check finds out whether the vocabulary has the tokens of the format.
func (f Format) Check(t *tokenizer.Tokenizer) error {
	turns := []message.Message{{Role: message.System}, {Role: message.User}, {Role: message.Assistant}, {Role: message.User}}
	_, err := f.Write(t, turns, Options{})
	return err
}

// Ends are the tokens that end an answer of the model's, of those that the vocabulary has.
func (f Format) Ends(t *tokenizer.Tokenizer) []int {
	family, err := f.family()
	if err != nil {
		return nil
	}
	var ids []int
	for _, token := range append(family.ends, f.complete(family).EOS) {
		if id, ok := t.AddedID(token); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// check wants a message of the conversation itself, and roles that the formats have.
func check(messages []message.Message) error {
	talked := false
	for i, m := range messages {
		switch m.Role {
		case message.System:
		case message.User, message.Assistant:
			talked = true
		default:
			return fmt.Errorf("message %d: role %q is none of system, developer, user, assistant", i, m.Role)
		}
	}
	if !talked {
		return fmt.Errorf("no message from the user")
	}
	return nil
}

// begun takes the beginning of the answer off a conversation, if its last message is one.
func begun(messages []message.Message) (before []message.Message, beginning message.Message) {
	if last := messages[len(messages)-1]; last.Role == message.Assistant {
		return messages[:len(messages)-1], last
	}
	return messages, message.Message{}
}

// A writer gathers text and ids. Plain text is kept back and encoded in one go with its neighbours, as one string.
type writer struct {
	tokenizer *tokenizer.Tokenizer
	format    Format // complete
	text      strings.Builder
	plain     strings.Builder
	prompt    Prompt
	missing   string // the first special token that the vocabulary lacks
}

// write adds text that holds no special token, whatever it spells.
func (w *writer) write(text string) {
	w.text.WriteString(text)
	w.plain.WriteString(text)
}

// special adds a special token of the format, if it has a name.
func (w *writer) special(token string) {
	// Only an added token is out of reach of what people write.
	id, ok := w.tokenizer.AddedID(token)
	if !ok {
		if token != "" && w.missing == "" {
			w.missing = token
		}
		w.write(token)
		return
	}
	w.flush()
	w.text.WriteString(token)
	w.prompt.IDs = append(w.prompt.IDs, id)
}

// template adds words of the format itself, in which special tokens are spelled.
func (w *writer) template(text string) {
	for text != "" {
		start, end := nextSpecial(text)
		w.write(text[:start])
		if start < end {
			w.special(text[start:end])
		}
		text = text[end:]
	}
}

// begin adds what the answer begins with.
func (w *writer) begin(text string) {
	w.write(text)
	w.prompt.Continues = text != ""
}

func (w *writer) flush() {
	encode := w.tokenizer.Encode
	if len(w.prompt.IDs) > 0 {
		encode = w.tokenizer.EncodeAfter
	}
	w.prompt.IDs = append(w.prompt.IDs, encode(w.plain.String())...)
	w.plain.Reset()
}
