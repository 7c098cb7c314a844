package chat

import (
	"cmp"
	"fmt"
	"strings"

	"tabseek/engine/message"
)

// The families that other packages name. The rest are known by the table below alone.
const (
	DeepSeekV2     = "deepseek-v2"      // User: ... Assistant: as plain text
	DeepSeekV3     = "deepseek-v3"      // special tokens for turns
	DeepSeekR1     = "deepseek-r1"      // as V3, the answer begins inside <think>
	DeepSeekR10528 = "deepseek-r1-0528" // as R1, but the model itself begins with <think>
	DeepSeekV31    = "deepseek-v3.1"    // as V3, with <think> or </think> at the start of every answer
	Moonlight      = "moonlight"        // Moonshot's Moonlight-16B-A3B
)

// The special tokens that decide where an answer's reasoning ends.
const (
	think    = "<think>"
	endThink = "</think>"
)

// nextSpecial finds the first special token in words of a format: they are all spelled like these. Without one it
// returns the end of the words, twice.
func nextSpecial(text string) (start, end int) {
	for start := range text {
		rest := text[start:]
		for _, token := range []string{think, endThink, "[gMASK]", "<sop>"} {
			if strings.HasPrefix(rest, token) {
				return start, start + len(token)
			}
		}
		for opening, closing := range map[string]string{"<|": "|>", "<｜": "｜>"} {
			if length := strings.Index(rest, closing); strings.HasPrefix(rest, opening) && length >= 0 {
				return start, start + length + len(closing)
			}
		}
	}
	return len(text), len(text)
}

// A family is how the conversations of some models are written.
type family struct {
	name     string
	bos, eos string   // what its templates call bos_token and eos_token
	system   string   // what its templates say by themselves
	ends     []string // tokens that end an answer, beside eos
	// write writes the messages before the answer, and the answer as far as it has begun.
	write func(w *writer, before []message.Message, beginning message.Message, o Options)
}

const (
	deepseekBOS = "<｜begin▁of▁sentence｜>"
	deepseekEOS = "<｜end▁of▁sentence｜>"
	kimiSystem  = "You are Kimi, an AI assistant created by Moonshot AI."
)

// families lists every known one. The names are what --chat takes and a packed model holds.
var families = []family{
	{name: DeepSeekV2, bos: deepseekBOS, eos: deepseekEOS, write: writeV2},
	{name: "deepseek-v2.5", bos: deepseekBOS, eos: deepseekEOS, write: deepseek{lastSystem: true}.write},
	{name: DeepSeekV3, bos: deepseekBOS, eos: deepseekEOS, write: deepseek{}.write},
	{name: DeepSeekV31, bos: deepseekBOS, eos: deepseekEOS, write: writeV31},
	{name: DeepSeekR1, bos: deepseekBOS, eos: deepseekEOS, write: deepseek{cut: true, force: true}.write},
	{name: "deepseek-r1-free", bos: deepseekBOS, eos: deepseekEOS, write: deepseek{cut: true}.write}, // its first template: thinking is up to the model
	{name: DeepSeekR10528, bos: deepseekBOS, eos: deepseekEOS, write: deepseek{cut: true, answerEach: true}.write},
	{name: "r1-distill", bos: deepseekBOS, eos: deepseekEOS, write: deepseek{lastSystem: true, cut: true, force: true}.write},
	{name: "r1-distill-free", bos: deepseekBOS, eos: deepseekEOS, write: deepseek{lastSystem: true, cut: true}.write},
	{name: Moonlight, system: "You are a helpful assistant", ends: []string{"<|im_end|>"}, write: kimi{}.write}, // and Kimi-K2 of July 2025
	{name: "kimi-k2", system: kimiSystem, ends: []string{"<|im_end|>"}, write: kimi{}.write},                    // of September 2025
	{name: "kimi-k2-newline", system: kimiSystem, ends: []string{"<|im_end|>"}, write: kimi{newline: true}.write},
	{name: "kimi-k2-indent", system: kimiSystem, ends: []string{"<|im_end|>"}, write: kimi{indent: true}.write}, // two odd copies of it
	{name: "glm-4.7", ends: []string{"<|endoftext|>", "<|user|>", "<|observation|>"}, write: writeGLM},
	{name: "gigachat3", bos: "<s>", ends: []string{"<|message_sep|>"}, write: writeGigaChat},
	{name: "youtu", bos: "<|begin_of_text|>", eos: "<|end_of_text|>", write: writeYoutu},
	{name: "chatml", ends: []string{"<|im_end|>"}, write: writeChatML},
	{name: "plm", ends: []string{"<|im_end|>"}, write: writeChatML},
	{name: "minicpm3", ends: []string{"<|im_end|>"}, write: writeMiniCPM3},
	{name: "qwen3", ends: []string{"<|im_end|>"}, write: writeQwen3},
	{name: "llama3", bos: "<|begin_of_text|>", eos: "<|end_of_text|>", ends: []string{"<|eot_id|>"}, write: writeLlama3},
}

// Families lists the names of the known families.
func Families() []string {
	var names []string
	for _, f := range families {
		names = append(names, f.name)
	}
	return names
}

func (f Format) family() (*family, error) {
	if f.Family == Unknown {
		return nil, fmt.Errorf("chat: the model's chat format is not known: pack it again with --chat NAME, one of %s", strings.Join(Families(), ", "))
	}
	for i := range families {
		if families[i].name == f.Family {
			return &families[i], nil
		}
	}
	return nil, fmt.Errorf("chat: unknown family %q, want one of %s", f.Family, strings.Join(Families(), ", "))
}

// complete fills in what the family says where the checkpoint says nothing.
func (f Format) complete(of *family) Format {
	return Format{f.Family, cmp.Or(f.System, of.system), cmp.Or(f.BOS, of.bos), cmp.Or(f.EOS, of.eos)}
}

// hasSystem tells whether a conversation begins with a system message.
func hasSystem(messages []message.Message) bool {
	return len(messages) > 0 && messages[0].Role == message.System
}

// afterLast is what follows the last of a tag, or all of a text without one.
func afterLast(text, tag string) string {
	if i := strings.LastIndex(text, tag); i >= 0 {
		return text[i+len(tag):]
	}
	return text
}

// thinkingOff tells whether reasoning is refused.
func (o Options) thinkingOff() bool { return o.Thinking != nil && !*o.Thinking }

// thinkingOn tells whether reasoning is asked for.
func (o Options) thinkingOn() bool { return o.Thinking != nil && *o.Thinking }
