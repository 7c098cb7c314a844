package chat

import (
	"strings"

	"tabseek/engine/message"
)

// writeV2 is the format of DeepSeek-V2, V2-Lite and Coder-V2: roles as plain words.
func writeV2(w *writer, before []message.Message, beginning message.Message, _ Options) {
	w.special(w.format.BOS)
	for _, m := range before {
		switch m.Role {
		case message.System:
			w.write(m.Content + "\n\n")
		case message.User:
			w.write("User: " + m.Content + "\n\n")
		case message.Assistant:
			w.write("Assistant: " + m.Content)
			w.special(w.format.EOS)
		}
	}
	w.write("Assistant:")
	if beginning.Content != "" {
		w.begin(" " + beginning.Content)
	}
}

// deepseek is the format of DeepSeek-V2.5, V3, R1 and R1's distillations, which differ in little.
type deepseek struct {
	lastSystem bool // of several system messages only the last is kept
	cut        bool // past answers lose their reasoning
	force      bool // the answer begins inside <think>
	answerEach bool // every user message is followed by the token that begins an answer
}

const (
	deepseekUser      = "<｜User｜>"
	deepseekAssistant = "<｜Assistant｜>"
	deepseekEnd       = "<｜end▁of▁sentence｜>" // spelled in the templates, whatever eos_token is
)

func (d deepseek) write(w *writer, before []message.Message, beginning message.Message, o Options) {
	w.special(w.format.BOS)
	w.write(systemText(before, d.lastSystem))
	answering := false // the token that begins an answer is there
	for _, m := range before {
		switch m.Role {
		case message.User:
			w.template(deepseekUser)
			w.write(m.Content)
			if answering = d.answerEach; answering {
				w.template(deepseekAssistant)
			}
		case message.Assistant:
			content := m.Content
			if d.cut {
				content = afterLast(content, endThink)
			}
			if !d.answerEach {
				w.template(deepseekAssistant)
			}
			answering = false
			w.write(content)
			w.template(deepseekEnd)
		}
	}
	if !answering {
		w.template(deepseekAssistant)
	}
	switch {
	case d.force || d.cut && beginning != (message.Message{}) && beginning.Content+beginning.ReasoningContent != "":
		writeReasoned(w, beginning)
	default:
		w.begin(beginning.Content)
	}
}

// systemText is all system messages with a blank line between them, or the last.
func systemText(messages []message.Message, last bool) string {
	var system []string
	for _, m := range messages {
		if m.Role == message.System {
			system = append(system, m.Content)
		}
	}
	if last && len(system) > 0 {
		return system[len(system)-1]
	}
	return strings.Join(system, "\n\n")
}

// writeReasoned begins an answer that has reasoning on lines of its own, of which there may be none: R1's and, after
// its own words, Qwen3's. The first R1 sometimes skips thinking unless made to begin.
func writeReasoned(w *writer, m message.Message) {
	w.template("<think>\n")
	if m.Content == "" {
		w.prompt.Thinking = true
		w.begin(m.ReasoningContent)
		return
	}
	w.write(m.ReasoningContent)
	w.template("\n</think>\n\n")
	w.begin(m.Content)
}

// writeV31 is the format of DeepSeek-V3.1, which has a mark for answering directly. Answers that follow an answer go on
// with it.
func writeV31(w *writer, before []message.Message, beginning message.Message, o Options) {
	w.special(w.format.BOS)
	w.write(systemText(before, false))
	asked := false
	for _, m := range before {
		switch m.Role {
		case message.User:
			w.template(deepseekUser)
			w.write(m.Content)
			asked = true
		case message.Assistant:
			if asked {
				w.template(deepseekAssistant + endThink)
			}
			content := m.Content
			if _, after, ok := strings.Cut(content, endThink); ok { // at the first tag; R1 cuts at the last
				content = after
			}
			w.write(content)
			w.template(deepseekEnd)
			asked = false
		}
	}
	w.template(deepseekAssistant)
	writeTagged(w, beginning, o.thinkingOn())
}

// writeTagged begins an answer that has its reasoning, if any, right between the tags: V3.1's and GLM's.
func writeTagged(w *writer, m message.Message, thinking bool) {
	if m.ReasoningContent != "" || thinking && m.Content == "" {
		w.template(think)
		w.begin(m.ReasoningContent)
		if m.Content == "" {
			w.prompt.Thinking = true
			return
		}
	}
	w.template(endThink)
	w.begin(m.Content)
}
