package chat

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The published templates, shortened: without the branches for tools, otherwise in their own words.
const (
	systemLoop = `{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='', is_first_sp=true) %}` +
		`{%- for message in messages %}{%- if message['role'] == 'system' %}{%- if ns.is_first_sp %}{% set ns.system_prompt = ns.system_prompt + message['content'] %}{% set ns.is_first_sp = false %}` +
		`{%- else %}{% set ns.system_prompt = ns.system_prompt + '\n\n' + message['content'] %}{%- endif %}{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system_prompt }}` +
		`{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<｜User｜>' + message['content']}}{%- endif %}`

	templateV2 = `{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ 'User: ' + message['content'] + '\n\n' }}` +
		`{% elif message['role'] == 'assistant' %}{{ 'Assistant: ' + message['content'] + eos_token }}{% elif message['role'] == 'system' %}{{ message['content'] + '\n\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}`

	templateV3 = systemLoop + `{%- if message['role'] == 'assistant' and message['content'] is not none %}{{'<｜Assistant｜>' + message['content'] + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endfor -%}` +
		`{% if add_generation_prompt and not ns.is_tool %}{{'<｜Assistant｜>'}}{% endif %}`

	reasoningCut = `{%- if message['role'] == 'assistant' and message['content'] is not none %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}` +
		`{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endfor -%}`

	templateR1   = systemLoop + reasoningCut + `{% if add_generation_prompt and not ns.is_tool %}{{'<｜Assistant｜><think>\n'}}{% endif %}`
	templateFree = systemLoop + reasoningCut + `{% if add_generation_prompt and not ns.is_tool %}{{'<｜Assistant｜>'}}{% endif %}`
	template0528 = `{{ bos_token }}{{ ns.system_prompt + message['content'] }}{%- if message['role'] == 'user' %}{%- set ns.is_last_user = true -%}{{'<｜User｜>' + content + '<｜Assistant｜>'}}{%- endif %}` +
		`{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{content + '<｜end▁of▁sentence｜>'}}{% if add_generation_prompt and not ns.is_last_user %}{{'<｜Assistant｜>'}}{% endif %}`

	templateV31 = `{% if not thinking is defined %}{% set thinking = false %}{% endif %}` + systemLoop +
		`{%- if message['role'] == 'assistant' %}{%- if ns.is_last_user %}{{'<｜Assistant｜>'}}{%- if message['prefix'] is defined and message['prefix'] and thinking %}{{'<think>'}}{%- else %}{{'</think>'}}{%- endif %}{%- endif %}` +
		`{%- set content = message['content'] -%}{%- if '</think>' in content %}{%- set content = content.split('</think>', 1)[1] -%}{%- endif %}{{content + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endfor -%}` +
		`{%- if add_generation_prompt and ns.is_last_user and not ns.is_tool %}{{'<｜Assistant｜>'}}{%- if not thinking %}{{'</think>'}}{%- else %}{{'<think>'}}{%- endif %}{% endif %}`

	templateMoonlight = `{%- for message in messages -%}{%- if loop.first and messages[0]['role'] != 'system' -%}<|im_system|>system<|im_middle|>You are a helpful assistant<|im_end|>{%- endif -%}` +
		`{%- if message['role'] == 'system' -%}<|im_system|>{%- endif -%}{%- if message['role'] == 'user' -%}<|im_user|>{%- endif -%}{%- if message['role'] == 'assistant' -%}<|im_assistant|>{%- endif -%}` +
		`{{ message['role'] }}<|im_middle|>{{message['content']}}<|im_end|>{%- endfor -%}{%- if add_generation_prompt -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}`

	templateChatML    = `{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`
	templateGigaChat3 = `{%- set add_tokens = namespace(role_sep="<|role_sep|>\n", message_sep="<|message_sep|>\n\n") -%}{%- set DEVSYSTEM -%}` + "\n<role_description>\nOf roles.\n" + `{%- endset -%}` +
		`{{- bos_token -}}{{- render_role_message({"role": "developer system", "content": DEVSYSTEM}) -}}{{- 'assistant' + add_tokens.role_sep -}}`
	templateQwen25 = `{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}{%- else %}{{- '<|im_start|>system\nYou are Qwen.<|im_end|>\n' }}{%- endif %}` + templateChatML
)

func TestDetect(t *testing.T) {
	for name, c := range map[string]struct {
		template   string
		vocabulary []string
		want       Format
	}{
		"v2, v2-lite, coder-v2":   {templateV2, marks[:2], Format{Family: DeepSeekV2}},
		"v3":                      {templateV3, marks, Format{Family: DeepSeekV3}},
		"r1":                      {templateR1, marks, Format{Family: DeepSeekR1}},
		"r1, thinking up to it":   {templateFree, marks, Format{Family: "deepseek-r1-free"}},
		"r1-0528":                 {template0528, marks, Format{Family: DeepSeekR10528}},
		"v3.1":                    {templateV31, marks, Format{Family: DeepSeekV31}},
		"moonlight":               {templateMoonlight, marks, Format{Family: Moonlight, System: "You are a helpful assistant"}},
		"moonlight of another":    {strings.ReplaceAll(templateMoonlight, "a helpful assistant", "Bob."), marks, Format{Family: Moonlight, System: "You are Bob."}},
		"chatml":                  {templateChatML, marks, Format{Family: "chatml"}},
		"chatml with a default":   {templateQwen25, marks, Format{Family: "chatml", System: "You are Qwen."}},
		"gigachat3":               {templateGigaChat3, marks, Format{Family: "gigachat3", System: "<role_description>\nOf roles."}},
		"none, tokens for turns":  {"", marks, Format{Family: DeepSeekV3}},
		"none, beginning and end": {" \n", marks[:2], Format{Family: DeepSeekV2}},
		"none, no tokens":         {"", nil, Format{}},
		"something else":          {"{% for m in messages %}{{ '<<' + m['content'] + '>>' }}{% endfor %}", marks, Format{}},
		"chatml that reasons":     {strings.ReplaceAll(templateChatML, "assistant\\n", "assistant\\n<think>"), marks, Format{}},
		// A word in a comment, in a text or in another word decides nothing.
		"v3, a word in a comment": {"{# for thinking, see enable_thinking: <｜Assistant｜><think> </think> #}\n" + templateV3, marks, Format{Family: DeepSeekV3}},
		"r1, a word in a text":    {strings.Replace(templateR1, "ns.system_prompt }}", "ns.system_prompt + 'if thinking' }}", 1), marks, Format{Family: DeepSeekR1}},
		"r1, a longer word":       {strings.Replace(templateR1, "is_first_sp=true", "is_first_sp=true, thinking_of=1", 1), marks, Format{Family: DeepSeekR1}},
	} {
		t.Run(name, func(t *testing.T) {
			tok := toyTokenizer(t, c.vocabulary)
			require.Equal(t, c.want, Detect(c.template, func(token string) bool { _, ok := tok.AddedID(token); return ok }))
		})
	}
}
