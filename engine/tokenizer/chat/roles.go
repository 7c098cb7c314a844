package chat

import (
	"strings"
	"unicode"

	"tabseek/engine/message"
)

// kimi is the format of Moonshot's Moonlight and Kimi-K2.
type kimi struct {
	newline bool // one follows the system message that the template writes by itself
	indent  bool // one precedes what a given system message says
}

func (k kimi) write(w *writer, before []message.Message, beginning message.Message, _ Options) {
	tokens := map[message.Role]string{message.System: "<|im_system|>", message.User: "<|im_user|>", message.Assistant: "<|im_assistant|>"}
	turn := func(role message.Role, content string) {
		w.template(tokens[role] + string(role) + "<|im_middle|>")
		w.write(content)
		w.template("<|im_end|>")
	}
	if !hasSystem(before) {
		turn(message.System, w.format.System)
		if k.newline {
			w.write("\n")
		}
	}
	for _, m := range before {
		if k.indent && m.Role == message.System {
			m.Content = "\n" + m.Content
		}
		turn(m.Role, m.Content)
	}
	w.template("<|im_assistant|>assistant<|im_middle|>")
	w.begin(beginning.Content)
}

// writeGLM is the format of GLM-4.7, whose turns have no end but the next one's beginning.
func writeGLM(w *writer, before []message.Message, beginning message.Message, o Options) {
	w.template("[gMASK]<sop>")
	last := lastUser(before, func(message.Message) bool { return true })
	for i, m := range before {
		switch m.Role {
		case message.System, message.User:
			w.template("<|" + string(m.Role) + "|>")
			w.write(m.Content)
		case message.Assistant:
			reasoning, content := takeApart(m)
			w.template("<|assistant|>")
			if reasoning = strip(reasoning); i > last && reasoning != "" {
				w.template(think)
				w.write(reasoning)
			}
			w.template(endThink)
			w.write(strip(content))
		}
	}
	w.template("<|assistant|>")
	writeTagged(w, beginning, !o.thinkingOff())
}

// writeGigaChat is the format of GigaChat3, which explains the roles to the model first.
func writeGigaChat(w *writer, before []message.Message, beginning message.Message, _ Options) {
	turn := func(role, content string) {
		w.template(role + "<|role_sep|>\n")
		w.write(content)
		w.template("<|message_sep|>\n\n")
	}
	w.special(w.format.BOS)
	if w.format.System != "" {
		turn("developer system", w.format.System)
	}
	for _, m := range before {
		turn(string(m.Role), m.Content)
	}
	w.template("assistant<|role_sep|>\n")
	w.begin(beginning.Content)
}

// writeYoutu is the format of Youtu-LLM, whose model begins with <think> by itself.
func writeYoutu(w *writer, before []message.Message, beginning message.Message, o Options) {
	w.special(w.format.BOS)
	w.write(systemText(before, false))
	tool := len(before) // the first result of a tool; reasoning is kept from just before it on
	for i := len(before) - 1; i >= 0; i-- {
		if isToolResult(before[i]) {
			tool = i
		}
	}
	for i, m := range before {
		switch m.Role {
		case message.User:
			w.template("<|User|>")
			w.write(m.Content)
		case message.Assistant:
			content := m.Content
			if strings.Contains(content, endThink) && i < tool-1 {
				content = strings.TrimLeft(afterLast(content, endThink), "\n")
			}
			w.template("<|Assistant|>")
			w.write(content)
			w.template("<|end_of_text|>")
		}
	}
	w.template("<|Assistant|>")
	writeOptional(w, beginning, o)
}

// writeOptional begins an answer of a model that begins its reasoning by itself unless it is shown that there is none.
func writeOptional(w *writer, m message.Message, o Options) {
	switch {
	case m.Content+m.ReasoningContent != "":
		writeReasoned(w, m)
	case o.thinkingOff():
		w.template("<think>\n\n</think>\n\n")
	}
}

// writeChatML is the plain format of that name. What stands where there is no system message is the template's.
func writeChatML(w *writer, before []message.Message, beginning message.Message, _ Options) {
	if !hasSystem(before) && w.format.System != "" {
		w.chatMLTurn(message.System, w.format.System)
	}
	for _, m := range before {
		w.chatMLTurn(m.Role, m.Content)
	}
	w.template("<|im_start|>assistant\n")
	w.begin(beginning.Content)
}

func (w *writer) chatMLTurn(role message.Role, content string) {
	w.template("<|im_start|>" + string(role) + "\n")
	w.write(content)
	w.template("<|im_end|>\n")
}

// writeMiniCPM3 is ChatML without an empty system message at the start.
func writeMiniCPM3(w *writer, before []message.Message, beginning message.Message, o Options) {
	if hasSystem(before) && before[0].Content == "" {
		before = before[1:]
	}
	writeChatML(w, before, beginning, o)
}

// writeQwen3 is ChatML for a model that reasons.
func writeQwen3(w *writer, before []message.Message, beginning message.Message, o Options) {
	last := lastUser(before, func(m message.Message) bool { return !isToolResult(m) })
	for i, m := range before {
		if m.Role != message.Assistant {
			w.chatMLTurn(m.Role, m.Content)
			continue
		}
		reasoning, content := takeApart(m)
		w.template("<|im_start|>assistant\n")
		if i > last && reasoning != "" {
			w.template("<think>\n")
			w.write(strings.Trim(reasoning, "\n"))
			w.template("\n</think>\n\n")
			content = strings.TrimLeft(content, "\n")
		}
		w.write(content)
		w.template("<|im_end|>\n")
	}
	w.template("<|im_start|>assistant\n")
	writeOptional(w, beginning, o)
}

// writeLlama3 is the format of Llama 3, which takes the white space around what is said away.
func writeLlama3(w *writer, before []message.Message, beginning message.Message, _ Options) {
	w.special(w.format.BOS)
	for _, m := range before {
		w.template("<|start_header_id|>" + string(m.Role) + "<|end_header_id|>\n\n")
		w.write(strip(m.Content))
		w.template("<|eot_id|>")
	}
	w.template("<|start_header_id|>assistant<|end_header_id|>\n\n")
	w.begin(strings.TrimLeftFunc(beginning.Content, isSpace))
}

// takeApart is a past answer's reasoning and what it said, as GLM's and Qwen3's templates find them.
func takeApart(m message.Message) (reasoning, content string) {
	before, _, ok := strings.Cut(m.Content, endThink)
	if m.ReasoningContent != "" || !ok {
		return m.ReasoningContent, m.Content
	}
	reasoning = strings.TrimLeft(afterLast(strings.TrimRight(before, "\n"), think), "\n")
	return reasoning, strings.TrimLeft(afterLast(m.Content, endThink), "\n")
}

// lastUser is the place of the user's last message of some kind; -1 if there is none.
func lastUser(messages []message.Message, kind func(message.Message) bool) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == message.User && kind(messages[i]) {
			return i
		}
	}
	return -1
}

func isToolResult(m message.Message) bool {
	return m.Role == message.User && strings.HasPrefix(m.Content, "<tool_response>") && strings.HasSuffix(m.Content, "</tool_response>")
}

// strip takes white space away as Python's str.strip does.
func strip(text string) string { return strings.TrimFunc(text, isSpace) }

func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
