// Package chat formats conversations as the known families of models want them, and takes their answers apart into
// reasoning and content.
//
// Families are written out here rather than run from a checkpoint's template: a template is a program of unknown
// origin, and only so can what people typed be kept from becoming special tokens.
package chat

import (
	"fmt"
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

// StartsThinking tells whether the prompt leaves the model inside its reasoning.
func StartsThinking(family string, o Options) bool {
	return family == DeepSeekR1 || family == DeepSeekV31 && o.Thinking != nil && *o.Thinking
}

// Format writes the conversation with the beginning of the answer: its text, for people to read, and its ids. Only the
// template yields special tokens; what the messages spell is text.
func Format(family string, t *tokenizer.Tokenizer, messages []message.Message, o Options) (text string, ids []int, err error) {
	if err := check(messages); err != nil {
		return "", nil, fmt.Errorf("chat: %w", err)
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
		return "", nil, fmt.Errorf("chat: the model's chat format is not known")
	default:
		return "", nil, fmt.Errorf("chat: unknown family %q", family)
	}
	if w.err != nil {
		return "", nil, fmt.Errorf("chat: family %s: %w", family, w.err)
	}
	return w.text.String(), w.ids, nil
}

// check wants system messages first, then user and assistant in any order, the last from the user.
func check(messages []message.Message) error {
	if len(messages) == 0 {
		return fmt.Errorf("no messages")
	}
	talked := false
	for i, m := range messages {
		switch m.Role {
		case "system":
			if talked {
				return fmt.Errorf("message %d: a system message after the conversation has begun", i)
			}
		case "user", "assistant":
			talked = true
		default:
			return fmt.Errorf("message %d: role %q is none of system, user, assistant", i, m.Role)
		}
	}
	if last := messages[len(messages)-1].Role; last != "user" {
		return fmt.Errorf("the last message is from %s, must be from user", last)
	}
	return nil
}

// A writer gathers text and ids. Plain text is kept back and encoded in one go with its neighbours, as one string.
type writer struct {
	tokenizer *tokenizer.Tokenizer
	text      strings.Builder
	plain     strings.Builder
	ids       []int
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
	w.ids = append(w.ids, id)
}

func (w *writer) flush() {
	w.ids = append(w.ids, w.tokenizer.Encode(w.plain.String())...)
	w.plain.Reset()
}

// v2 is the template of DeepSeek-V2, V2-Lite and Coder-V2: roles as plain words.
func (w *writer) v2(messages []message.Message) {
	w.special(bos)
	for _, m := range messages {
		switch m.Role {
		case "system":
			w.write(m.Content + "\n\n")
		case "user":
			w.write("User: " + m.Content + "\n\n")
		case "assistant":
			w.write("Assistant: " + m.Content)
			w.special(eos)
		}
	}
	w.write("Assistant:")
	w.flush()
}

// v3 is the template of DeepSeek-V3, R1 and V3.1. System messages come first, with a blank line between them.
func (w *writer) v3(family string, messages []message.Message, o Options) {
	w.special(bos)
	var system []string
	for _, m := range messages {
		if m.Role == "system" {
			system = append(system, m.Content)
		}
	}
	w.write(strings.Join(system, "\n\n"))
	asked := false
	for _, m := range messages {
		switch m.Role {
		case "user":
			w.special(user)
			w.write(m.Content)
			asked = true
		case "assistant":
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
	switch {
	case family == DeepSeekR1:
		w.special(think) // R1 sometimes skips thinking unless made to begin
		w.write("\n")
	case family == DeepSeekV31 && StartsThinking(family, o):
		w.special(think)
	case family == DeepSeekV31:
		w.special(endThink)
	}
	w.flush()
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
	if messages[0].Role != "system" {
		turn(imSystem, "system", moonlightSystem)
	}
	for _, m := range messages {
		turn(map[message.Role]string{message.System: imSystem, message.User: imUser, message.Assistant: imAssistant}[m.Role], string(m.Role), m.Content)
	}
	w.special(imAssistant)
	w.write("assistant")
	w.special(imMiddle)
}
