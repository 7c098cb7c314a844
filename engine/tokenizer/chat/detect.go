package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// Detect recognises the format by the chat template: by its hash if it is one of the published, or else by its
// structure. Without a template it goes by what the vocabulary can express. A template that is not known has no family.
func Detect(template string, hasToken func(string) bool) Format {
	template = strings.TrimSpace(strings.ReplaceAll(template, "\r\n", "\n"))
	if template == "" {
		switch {
		case hasToken(deepseekUser) && hasToken(deepseekAssistant):
			return Format{Family: DeepSeekV3}
		case hasToken(deepseekBOS) && hasToken(deepseekEOS):
			return Format{Family: DeepSeekV2}
		}
		return Format{}
	}
	t := readTemplate(template)
	family, ok := published[Hash(template)]
	if !ok {
		family = t.family()
	}
	return Format{Family: family, System: t.system(family)}
}

// Hash is by what a published template is known: however its lines end, and without white space around it.
func Hash(template string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(strings.ReplaceAll(template, "\r\n", "\n"))))
	return hex.EncodeToString(sum[:8])
}

// A template is a Jinja template taken apart, without its comments.
type template struct {
	raw  string // all of it
	code string // what it does: tags, with an empty text for each string in them
	text string // what it may say: what lies outside of tags, and the strings within; each ends in a zero byte
}

func readTemplate(source string) template {
	// Compiled here and not once for all: the guest, which detects nothing, is to be built without regular expressions.
	comment := regexp.MustCompile(`(?s)\{#.*?#\}`)
	tags := regexp.MustCompile(`(?s)\{\{.*?\}\}|\{%.*?%\}`)
	quoted := regexp.MustCompile(`(?s)'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"`)
	escapes := strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\'`, "'", `\"`, `"`, `\\`, `\`)

	source = comment.ReplaceAllString(source, "")
	var code, text strings.Builder
	done := 0
	for _, tag := range tags.FindAllStringIndex(source, -1) {
		text.WriteString(source[done:tag[0]] + "\x00")
		content := source[tag[0]:tag[1]]
		for _, s := range quoted.FindAllString(content, -1) {
			text.WriteString(escapes.Replace(s[1:len(s)-1]) + "\x00")
		}
		code.WriteString(quoted.ReplaceAllString(content, "''"))
		done = tag[1]
	}
	text.WriteString(source[done:] + "\x00")
	return template{source, code.String(), text.String()}
}

// does tells whether the code matches an expression.
func (t template) does(pattern string) bool { return regexp.MustCompile(pattern).MatchString(t.code) }

// says tells whether all of these stand in the text.
func (t template) says(marks ...string) bool {
	for _, mark := range marks {
		if !strings.Contains(t.text, mark) {
			return false
		}
	}
	return true
}

// family tells the family by what the template does and says: variables that only its own have, tokens of its own.
func (t template) family() string {
	switch {
	case t.says(deepseekUser):
		return t.deepseekFamily()
	case t.says("User: ", "Assistant: ", "Assistant:\x00"):
		return DeepSeekV2
	case t.says("<|User|>", "<|Assistant|>", "<|end_of_text|>") && t.does(`\benable_thinking\b`):
		return "youtu"
	case t.says("<|im_system|>", "<|im_user|>", "<|im_assistant|>assistant<|im_middle|>"):
		return t.kimiFamily()
	case t.says("[gMASK]<sop>", "<|user|>\x00", "<|assistant|>", think, endThink) && t.does(`\benable_thinking\b`):
		return "glm-4.7"
	case t.says("<|role_sep|>\n", "<|message_sep|>\n\n", "developer system"):
		return "gigachat3"
	case t.says("<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>") && !t.does(`\btools\b`):
		return "llama3"
	case t.says("<|im_start|>", "<|im_end|>"):
		return t.chatMLFamily()
	}
	return Unknown
}

func (t template) deepseekFamily() string {
	last := t.does(`system_prompt\s*=\s*message`)
	switch forced, cuts := t.says(deepseekAssistant+think), t.says(endThink); {
	case cuts && t.does(`\bthinking\b`): // the variable that chooses
		return DeepSeekV31
	case forced && last:
		return "r1-distill"
	case forced:
		return DeepSeekR1
	case cuts && t.does(`content\s*\+\s*''\s*\}\}`) && t.does(`\bis_last_user\b`):
		return DeepSeekR10528
	case cuts && last:
		return "r1-distill-free"
	case cuts:
		return "deepseek-r1-free"
	case last:
		return "deepseek-v2.5"
	}
	return DeepSeekV3
}

func (t template) kimiFamily() string {
	switch {
	case t.does(`\brender_content\b`):
		return "kimi-k2-newline"
	case t.says(kimiSystem):
		return "kimi-k2"
	}
	return Moonlight
}

func (t template) chatMLFamily() string {
	switch {
	case t.does(`\blast_query_index\b`) && t.does(`\benable_thinking\b`) && t.says("<think>\n\n</think>\n\n"):
		return "qwen3"
	case t.says("<|thought_start|>") && t.does(`\btool_parser\b`):
		return "minicpm3"
	case t.says(think), t.says(endThink), !t.does(`message(\.role|\[''\])`):
		return Unknown
	}
	return "chatml"
}

// system is what the template says by itself.
func (t template) system(family string) string {
	pattern, in := "", t.text
	switch family {
	case Moonlight, "kimi-k2", "kimi-k2-newline", "kimi-k2-indent":
		pattern = `<\|im_system\|>system<\|im_middle\|>([^<\x00]+)<\|im_end\|>`
	case "chatml":
		pattern = `<\|im_start\|>system\n([^<\x00]+)<\|im_end\|>`
	case "gigachat3":
		pattern, in = `(?s)\{%-?\s*set\s+DEVSYSTEM\s*-?%\}(.*?)\{%-?\s*endset\s*-?%\}`, t.raw
	default:
		return ""
	}
	if match := regexp.MustCompile(pattern).FindStringSubmatch(in); match != nil {
		return strings.TrimSpace(match[1])
	}
	return ""
}
