// Package chat formats conversations as the known families of models want them, and takes their answers apart into
// reasoning and content.
//
// Families are written out here rather than run from a checkpoint's template: a template is a program of unknown
// origin, and only so can what people typed be kept from becoming special tokens.
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

// The known families.
const (
	DeepSeekV2     = "deepseek-v2"      // User: ... Assistant: as plain text
	DeepSeekV3     = "deepseek-v3"      // special tokens for turns
	DeepSeekR1     = "deepseek-r1"      // as V3, the answer begins inside <think>; also R1's distillations
	DeepSeekR10528 = "deepseek-r1-0528" // as R1, but the model itself begins with <think>
	DeepSeekV31    = "deepseek-v3.1"    // as V3, with <think> or </think> at the start of every answer
	Moonlight      = "moonlight"        // Moonshot's Moonlight-16B-A3B
	Unknown        = ""                 // Format refuses it: a model is not to be guessed at
)

// The special tokens of DeepSeek's templates; the bars are U+FF5C, the underscores U+2581.
const (
	bos       = "<｜begin▁of▁sentence｜>"
	eos       = "<｜end▁of▁sentence｜>"
	user      = "<｜User｜>"
	assistant = "<｜Assistant｜>"
	think     = "<think>"
	endThink  = "</think>"
)

// The special tokens of Moonlight's, and the system message it has where there is none.
const (
	imSystem        = "<|im_system|>"
	imUser          = "<|im_user|>"
	imAssistant     = "<|im_assistant|>"
	imMiddle        = "<|im_middle|>"
	imEnd           = "<|im_end|>"
	moonlightSystem = "You are a helpful assistant"
)

// Detect recognises the family by the marks of its chat template; without a template, by what the vocabulary can
// express. A template that is not known has no family.
func Detect(template string, hasToken func(string) bool) string {
	has := func(mark string) bool { return strings.Contains(template, mark) }
	switch {
	case template == "" && hasToken(user) && hasToken(assistant):
		return DeepSeekV3
	case template == "" && hasToken(bos) && hasToken(eos):
		return DeepSeekV2
	case has(user) && has("thinking"): // the variable that chooses
		return DeepSeekV31
	case has(user) && has(assistant+think):
		return DeepSeekR1
	case has(user) && has(endThink):
		return DeepSeekR10528
	case has(user):
		return DeepSeekV3
	case has("'User: '") && has("'Assistant:'"):
		return DeepSeekV2
	case has(imMiddle) && has(moonlightSystem+imEnd):
		return Moonlight
	}
	return Unknown
}

// A Prompt is a conversation as the model reads it, with the beginning of the answer.
type Prompt struct {
	Text      string // for people to read
	IDs       []int
	Thinking  bool // it leaves the model inside its reasoning
	Continues bool // it ends in the middle of a text, whose next white space counts
}

// Format writes a conversation with the beginning of the answer. Only the template yields special tokens; what the
// messages spell is text. A last message from the assistant is that beginning, and the model goes on with it: with its
// reasoning where there is no content yet. A developer's messages are the system's.
func Format(family string, t *tokenizer.Tokenizer, messages []message.Message, o Options) (Prompt, error) {
	messages = slices.Clone(messages)
	for i, m := range messages {
		if m.Role == message.Developer {
			messages[i].Role = message.System
		}
	}
	if err := check(messages); err != nil {
		return Prompt{}, fmt.Errorf("chat: %w", err)
	}
	w := &writer{tokenizer: t}
	switch family {
	case DeepSeekV2:
		w.v2(messages)
	case DeepSeekV3, DeepSeekR1, DeepSeekR10528, DeepSeekV31:
		w.v3(family, messages, o)
	case Moonlight:
		w.moonlight(messages)
	case Unknown:
		return Prompt{}, fmt.Errorf("chat: the model's chat format is not known")
	default:
		return Prompt{}, fmt.Errorf("chat: unknown family %q", family)
	}
	w.flush()
	if w.err != nil {
		return Prompt{}, fmt.Errorf("chat: family %s: %w", family, w.err)
	}
	w.prompt.Text = w.text.String()
	return w.prompt, nil
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
	text      strings.Builder
	plain     strings.Builder
	prompt    Prompt
	err       error
}

// write adds text that holds no special token, whatever it spells.
func (w *writer) write(text string) {
	w.text.WriteString(text)
	w.plain.WriteString(text)
}

// special adds a special token of the template.
func (w *writer) special(token string) {
	w.flush()
	w.text.WriteString(token)
	// Only an added token is out of reach of what people write.
	id, ok := w.tokenizer.AddedID(token)
	if !ok && w.err == nil {
		w.err = fmt.Errorf("the vocabulary lacks %s", token)
	}
	w.prompt.IDs = append(w.prompt.IDs, id)
}

// begin adds what the answer begins with.
func (w *writer) begin(text string) {
	w.write(text)
	w.prompt.Continues = text != ""
}

func (w *writer) flush() {
	w.prompt.IDs = append(w.prompt.IDs, w.tokenizer.Encode(w.plain.String())...)
	w.plain.Reset()
}

// v2 is the template of DeepSeek-V2, V2-Lite and Coder-V2: roles as plain words.
func (w *writer) v2(messages []message.Message) {
	messages, beginning := begun(messages)
	w.special(bos)
	for _, m := range messages {
		switch m.Role {
		case message.System:
			w.write(m.Content + "\n\n")
		case message.User:
			w.write("User: " + m.Content + "\n\n")
		case message.Assistant:
			w.write("Assistant: " + m.Content)
			w.special(eos)
		}
	}
	w.write("Assistant:")
	if beginning.Content != "" {
		w.begin(" " + beginning.Content)
	}
}

// v3 is the template of DeepSeek-V3, R1 and V3.1. System messages come first, with a blank line between them.
func (w *writer) v3(family string, messages []message.Message, o Options) {
	messages, beginning := begun(messages)
	w.special(bos)
	var system []string
	for _, m := range messages {
		if m.Role == message.System {
			system = append(system, m.Content)
		}
	}
	w.write(strings.Join(system, "\n\n"))
	asked := false
	for _, m := range messages {
		switch m.Role {
		case message.User:
			w.special(user)
			w.write(m.Content)
			asked = true
		case message.Assistant:
			if asked || family != DeepSeekV31 { // V3.1's answers that follow an answer go on with it
				w.special(assistant)
				if family == DeepSeekV31 {
					w.special(endThink)
				}
			}
			w.write(answer(family, m.Content))
			w.special(eos)
			asked = false
		}
	}
	w.special(assistant)
	switch family {
	case DeepSeekV31:
		w.v31Answer(beginning, o.Thinking != nil && *o.Thinking)
	case DeepSeekR1, DeepSeekR10528:
		w.r1Answer(family, beginning)
	default:
		w.begin(beginning.Content)
	}
}

// r1Answer begins an answer of R1's: always with reasoning, of which there may be none.
func (w *writer) r1Answer(family string, m message.Message) {
	if family == DeepSeekR10528 && m.Content == "" && m.ReasoningContent == "" {
		return // the model itself begins with <think>
	}
	w.special(think) // the first R1 sometimes skips thinking unless made to begin
	w.write("\n")
	if m.Content == "" {
		w.prompt.Thinking = true
		w.begin(m.ReasoningContent)
		return
	}
	w.write(m.ReasoningContent + "\n")
	w.special(endThink)
	w.write("\n\n")
	w.begin(m.Content)
}

// v31Answer begins an answer of V3.1's, which has a mark for answering directly.
func (w *writer) v31Answer(m message.Message, thinking bool) {
	if m.ReasoningContent != "" || thinking && m.Content == "" {
		w.special(think)
		w.begin(m.ReasoningContent)
		w.prompt.Thinking = true
		if m.Content == "" {
			return
		}
	}
	w.special(endThink)
	w.prompt.Thinking = false
	w.begin(m.Content)
}

// answer is what later turns see of a past answer: what follows its reasoning.
func answer(family, content string) string {
	switch family {
	case DeepSeekR1, DeepSeekR10528:
		if i := strings.LastIndex(content, endThink); i >= 0 {
			return content[i+len(endThink):]
		}
	case DeepSeekV31: // its template cuts at the first tag, R1's at the last
		if _, after, ok := strings.Cut(content, endThink); ok {
			return after
		}
	}
	return content
}

// moonlight is Moonlight's template.
func (w *writer) moonlight(messages []message.Message) {
	turn := func(token, role, content string) {
		w.special(token)
		w.write(role)
		w.special(imMiddle)
		w.write(content)
		w.special(imEnd)
	}
	if messages[0].Role != message.System {
		turn(imSystem, "system", moonlightSystem)
	}
	messages, beginning := begun(messages)
	for _, m := range messages {
		turn(map[message.Role]string{message.System: imSystem, message.User: imUser, message.Assistant: imAssistant}[m.Role], string(m.Role), m.Content)
	}
	w.special(imAssistant)
	w.write("assistant")
	w.special(imMiddle)
	w.begin(beginning.Content)
}
