package message_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/message"
)

func pointer[T any](v T) *T { return &v }

func TestParseRequest(t *testing.T) {
	for name, c := range map[string]struct {
		json string
		want message.Request
	}{
		"generate": {`{"type":"generate","id":4294967295,"tokens":[1,0,163839]}`, message.Request{Type: message.Generate, ID: 4294967295, Tokens: []int{1, 0, 163839}}},
		"logits":   {`{"type":"logits","tokens":[1],"mode":"decode","draft":true}`, message.Request{Type: message.Logits, Tokens: []int{1}, Mode: message.Decode, Draft: true}},
		"cancel":   {`{"type":"cancel","id":3}`, message.Request{Type: message.Cancel, ID: 3}},
		"chat": {`{"type":"chat","id":1,"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"What is "},{"type":"text","text":"2 + 3?"}]},
			{"role":"assistant","content":"","reasoning_content":"2 and 3","prefix":true}]}`,
			message.Request{Type: message.Chat, ID: 1, Messages: []message.Message{
				{Role: message.Developer, Content: "Be brief."}, {Role: message.User, Content: "What is 2 + 3?"}, {Role: message.Assistant, ReasoningContent: "2 and 3", Prefix: true},
			}}},
		"parameters": {`{"type":"chat","messages":[{"role":"user","content":""}],"params":{"temperature":0,"top_k":5,"top_p":0.5,"min_p":1,"repetition_penalty":1.5,"presence_penalty":-2,"frequency_penalty":2,
			"logit_bias":{"257":-100,"0":1.5},"seed":4294967295,"max_tokens":5,"max_completion_tokens":1e3,"stop":["=","\n"],"ignore_eos":true,"logprobs":true,"top_logprobs":20,
			"thinking":false,"n":128,"stream":true,"stream_options":{"include_usage":true},"model":"deepseek-reasoner","user":"u","metadata":{"a":"b"}}}`,
			message.Request{Type: message.Chat, Messages: []message.Message{{Role: message.User}}, Params: message.Params{
				Temperature: pointer(0.0), TopK: pointer(5), TopP: pointer(0.5), MinP: pointer(1.0), RepetitionPenalty: pointer(1.5), PresencePenalty: pointer(-2.0), FrequencyPenalty: pointer(2.0),
				LogitBias: map[int]float64{257: -100, 0: 1.5}, Seed: pointer(uint32(4294967295)), MaxTokens: pointer(5), MaxCompletionTokens: pointer(1000), Stop: message.Stop{"=", "\n"}, IgnoreEOS: true,
				Logprobs: true, TopLogprobs: pointer(20), Thinking: pointer(message.Thinking(false)),
				N:        pointer(128),
				Delivery: message.Delivery{Stream: true, StreamOptions: &message.StreamOptions{IncludeUsage: true}},
				Labels:   message.Labels{Model: "deepseek-reasoner", User: "u", Metadata: map[string]string{"a": "b"}},
			}}},
		"a strategy by its name": {`{"type":"chat","messages":[{"role":"user","content":""}],"params":{"strategy":"vote","n":4}}`,
			message.Request{Type: message.Chat, Messages: []message.Message{{Role: message.User}}, Params: message.Params{Strategy: &message.Strategy{Mode: message.Vote, N: pointer(4)}}}},
		"a strategy": {`{"type":"chat","messages":[{"role":"user","content":""}],"params":{"strategy":{"mode":"short_m","n":8,"m":2,"stop":"none","budget":0,"verifier":"countdown"},"reasoning_effort":"none"}}`,
			message.Request{Type: message.Chat, Messages: []message.Message{{Role: message.User}}, Params: message.Params{
				Strategy: &message.Strategy{Mode: message.ShortM, N: pointer(8), M: pointer(2), Stop: message.StopNone, Budget: pointer(0), Verifier: &message.Verifier{Type: message.VerifyCountdown}},
				Budgets:  message.Budgets{ReasoningEffort: message.EffortNone},
			}}},
		"a verdict":           {`{"type":"verdict","id":3,"trace":2,"accepted":true}`, message.Request{Type: message.Verdict, ID: 3, Trace: 2, Accepted: true}},
		"one stop":            {`{"type":"generate","tokens":[1],"params":{"stop":"="}}`, message.Request{Type: message.Generate, Tokens: []int{1}, Params: message.Params{Stop: message.Stop{"="}}}},
		"DeepSeek's thinking": {`{"type":"generate","tokens":[1],"params":{"thinking":{"type":"enabled"}}}`, message.Request{Type: message.Generate, Tokens: []int{1}, Params: message.Params{Thinking: pointer(message.Thinking(true))}}},
		"null is absent": {`{"type":"generate","tokens":[1],"messages":null,"params":{"temperature":null,"stop":null,"tools":null,"logit_bias":null,"response_format":null}}`,
			message.Request{Type: message.Generate, Tokens: []int{1}}},
		"plain text":            {`{"type":"generate","tokens":[1],"params":{"response_format":{"type":"text"}}}`, message.Request{Type: message.Generate, Tokens: []int{1}}},
		"no limit is too large": {`{"type":"generate","tokens":[1],"params":{"max_tokens":1e18}}`, message.Request{Type: message.Generate, Tokens: []int{1}, Params: message.Params{MaxTokens: pointer(1<<31 - 1)}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := message.ParseRequest([]byte(c.json))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			again, err := json.Marshal(got)
			require.NoError(t, err)
			second, err := message.ParseRequest(again)
			require.NoError(t, err, "what is written can be read")
			require.Equal(t, c.want, second)
		})
	}
}

// Each line of bad input has the parameter at fault and the message; the request's id survives all of them.
func TestRefusals(t *testing.T) {
	const chat = `"type":"chat","messages":`
	const say = chat + `[{"role":"user","content":"x"}],"params":`
	for _, c := range []struct{ json, param, want string }{
		{`"type":"sing"`, "type", `type is "sing", must be chat, generate, complete, logits, measure, experts, cancel, answer_now, think_longer, panel, said, ended or verdict`},
		{`"type":7`, "type", `type is 7, must be text`},
		{`"type":"generate","tokens":[1.5]`, "tokens[0]", `tokens[0] is 1.5, must be an integer from 0 on`},
		{`"type":"generate","tokens":[1,null]`, "tokens[1]", `tokens[1] is null, must be there`},
		{`"type":"generate","tokens":[-1]`, "tokens[0]", `tokens[0] is -1, must be an integer from 0 on`},
		{`"type":"generate","tokens":"abc"`, "tokens", `tokens is "abc", must be a list`},
		{`"type":"generate"`, "tokens", `tokens is empty, the prompt must have at least one`},
		{`"type":"logits","tokens":[1],"mode":"sideways"`, "mode", `mode is "sideways", must be prefill or decode`},
		{`"type":"logits","tokens":[1],"draft":1`, "draft", `draft is 1, must be true or false`},
		{`"type":"generate","tokens":[1],"params":{"stream":true}`, "", `stream and stream_options are for chats, not for raw prompts`},
		{`"type":"generate","tokens":[1],"beams":4`, "beams", `beams is not a field that is known here`},
		{`"type":"generate","tokens":[1],"params":[1]`, "params", `params is [1], must be an object`},
		{chat + `"hi"`, "messages", `messages is "hi", must be a list`},
		{chat + `[]`, "messages", `messages is empty, must have at least one`},
		{chat + `[null]`, "messages[0]", `messages[0] is null, must be there`},
		{chat + `["hi"]`, "messages[0]", `messages[0] is "hi", must be an object`},
		{chat + `[{"role":"tool","content":"x"}]`, "messages[0].role", `messages[0].role is "tool", must be system, developer, user or assistant`},
		{chat + `[{"role":"user"}]`, "messages[0].content", `messages[0].content is missing, must be text or a list of text parts`},
		{chat + `[{"role":"user","content":42}]`, "messages[0].content", `messages[0].content is 42, must be text or a list of text parts`},
		{chat + `[{"role":"user","content":null}]`, "messages[0].content", `messages[0].content is null, must be text or a list of text parts`},
		{chat + `[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,"}}]}]`, "messages[0].content[0].type", `messages[0].content[0].type is "image_url", only text is supported`},
		{chat + `[{"role":"user","content":["x"]}]`, "messages[0].content[0]", `messages[0].content[0] is "x", must be a part such as {"type":"text","text":"…"}`},
		{chat + `[{"role":"user","content":[{"type":"text"}]}]`, "messages[0].content[0].text", `messages[0].content[0].text is missing`},
		{chat + `[{"role":"user","content":"x","name":"Ann"}]`, "messages[0].name", `messages[0].name is not supported: the models' formats do not tell speakers apart by name`},
		{chat + `[{"role":"user","content":"x","prefix":true}]`, "messages[0].prefix", `messages[0].prefix is true, which only a last message from the assistant may have`},
		{say + `{"max_tokens":8.5}`, "max_tokens", `max_tokens is 8.5, must be an integer from 1 on`},
		{say + `{"max_tokens":0}`, "max_tokens", `max_tokens is 0, must be an integer from 1 on`},
		{say + `{"max_completion_tokens":"5"}`, "max_completion_tokens", `max_completion_tokens is "5", must be an integer from 1 on`},
		{say + `{"temperature":"0.7"}`, "temperature", `temperature is "0.7", must be a number from 0 to 100`},
		{say + `{"temperature":-1}`, "temperature", `temperature is -1, must be a number from 0 to 100`},
		{say + `{"temperature":1e999}`, "temperature", `temperature is 1e999, must be a number from 0 to 100`},
		{say + `{"temperature":true}`, "temperature", `temperature is true, must be a number from 0 to 100`},
		{say + `{"seed":-1}`, "seed", `seed is -1, must be an integer from 0 to 4294967295`},
		{say + `{"presence_penalty":2.1}`, "presence_penalty", `presence_penalty is 2.1, must be a number from -2 to 2`},
		{say + `{"logit_bias":{"257":101}}`, "logit_bias[257]", `logit_bias[257] is 101, must be a number from -100 to 100`},
		{say + `{"logit_bias":{"=":1}}`, "logit_bias", `logit_bias has the key =, must have ids of tokens`},
		{say + `{"logit_bias":[1]}`, "logit_bias", `logit_bias is [1], must be an object`},
		{say + `{"top_logprobs":5}`, "top_logprobs", `top_logprobs is given without logprobs: true`},
		{say + `{"logprobs":true,"top_logprobs":21}`, "top_logprobs", `top_logprobs is 21, must be an integer from 0 to 20`},
		{say + `{"logprobs":5}`, "logprobs", `logprobs is 5, must be true or false`},
		{say + `{"stop":5}`, "stop", `stop is 5, must be text or a list of up to 16 texts`},
		{say + `{"stop":["a",5]}`, "stop", `stop is ["a",5], must be text or a list of up to 16 texts`},
		{say + `{"stop":""}`, "stop[0]", `stop[0] is empty, must be text to stop at`},
		{say + `{"stop":["` + strings.Repeat(`","`, 16) + `"]}`, "stop", `stop has 17 texts, must have at most 16`},
		{say + `{"n":0}`, "n", `n is 0, must be an integer from 1 to 128`},
		{say + `{"n":"2"}`, "n", `n is "2", must be an integer from 1 to 128`},
		{say + `{"stream":"yes"}`, "stream", `stream is "yes", must be true or false`},
		{say + `{"stream_options":{"include_usage":true}}`, "stream_options", `stream_options is given without stream: true`},
		{say + `{"stream":true,"stream_options":{"chunks":1}}`, "stream_options.chunks", `stream_options.chunks is not a field that is known here`},
		{say + `{"thinking":"high"}`, "thinking", `thinking is "high", must be true, false, {"type":"enabled"} or {"type":"disabled"}`},
		{say + `{"metadata":{"a":1}}`, "metadata[a]", `metadata[a] is 1, must be text`},
		{say + `{"tools":[]}`, "tools", `tools is not supported: the models here call no tools`},
		{say + `{"response_format":{"type":"json_object"}}`, "response_format", `response_format is {"type":"json_object"}, only {"type":"text"} is supported`},
		{say + `{"temprature":1}`, "temprature", `temprature is not a field that is known here`},
		{say + `{"50%\n":1}`, `"50%\n"`, `"50%\n" is not a field that is known here`},
		{say + `{"stop":{"a":"` + strings.Repeat("é", 99) + `"}}`, "stop", `stop is {"a":"ééééééééééééééééé…, must be text or a list of up to 16 texts`},
		{say + `{"strategy":"poll"}`, "strategy.mode", `strategy.mode is "poll", must be single, vote, short_m, weighted, best_of, check or fuse`},
		{say + `{"strategy":{"n":3}}`, "strategy.mode", `strategy.mode is "", must be single, vote, short_m, weighted, best_of, check or fuse`},
		{say + `{"strategy":7}`, "strategy", `strategy is 7, must be a name or an object`},
		{say + `{"strategy":{"mode":"vote","votes":3}}`, "strategy.votes", `strategy.votes is not a field that is known here`},
		{say + `{"strategy":{"mode":"vote","n":0}}`, "strategy.n", `strategy.n is 0, must be an integer from 1 to 128`},
		{say + `{"strategy":{"mode":"vote","n":129}}`, "strategy.n", `strategy.n is 129, must be an integer from 1 to 128`},
		{say + `{"strategy":{"mode":"vote","n":2.5}}`, "strategy.n", `strategy.n is 2.5, must be an integer from 1 to 128`},
		{say + `{"strategy":{"mode":"check","n":2}}`, "strategy.n", `strategy.n is 2, the mode check has 1`},
		{say + `{"strategy":{"mode":"vote","m":2}}`, "strategy.m", `strategy.m is given, but the mode is vote, not short_m or fuse`},
		{say + `{"strategy":{"mode":"short_m","n":4,"m":5}}`, "strategy.m", `strategy.m is 5, must be at most n, which is 4`},
		{say + `{"strategy":{"mode":"vote","stop":"soon"}}`, "strategy.stop", `strategy.stop is "soon", must be none, decided, beta or probe`},
		{say + `{"strategy":{"mode":"vote","budget":-1}}`, "strategy.budget", `strategy.budget is -1, must be an integer from 0 on`},
		{say + `{"strategy":{"mode":"single","wait":9}}`, "strategy.wait", `strategy.wait is 9, must be an integer from 0 to 8`},
		{say + `{"strategy":{"mode":"vote","verifier":"oracle"}}`, "strategy.verifier.type", `strategy.verifier.type is "oracle", must be arithmetic, countdown, json, regex or function`},
		{say + `{"strategy":{"mode":"vote","verifier":"json"}}`, "strategy.verifier.schema", `strategy.verifier.schema is for the type json, which must have it; the type is json`},
		{say + `{"strategy":{"mode":"vote","verifier":{"type":"regex","schema":{}}}}`, "strategy.verifier.schema", `strategy.verifier.schema is for the type json, which must have it; the type is regex`},
		{say + `{"strategy":{"mode":"vote","verifier":{"type":"countdown","numbers":[1]}}}`, "strategy.verifier", `strategy.verifier has one of numbers and target, must have both or none`},
		{say + `{"strategy":{"mode":"vote","verifier":{"type":"countdown","numbers":[-1],"target":1}}}`, "strategy.verifier.numbers[0]", `strategy.verifier.numbers[0] is -1, must be an integer from 0 on`},
		{say + `{"strategy":{"mode":"vote","n":3},"n":4}`, "n", `n is 4 beside a strategy, which has its own`},
		{`"type":"generate","tokens":[1],"params":{"strategy":"vote"}`, "strategy", `strategy is for chats, not for raw prompts`},
		{say + `{"thinking_budget":-1}`, "thinking_budget", `thinking_budget is -1, must be an integer from 0 on`},
		{say + `{"max_thinking_tokens":"8"}`, "max_thinking_tokens", `max_thinking_tokens is "8", must be an integer from 0 on`},
		{say + `{"reasoning_effort":"huge"}`, "reasoning_effort", `reasoning_effort is "huge", must be none, minimal, low, medium, high, xhigh, max or ultra`},
		{say + `{"thinking":true,"reasoning_effort":"none"}`, "reasoning_effort", `reasoning_effort is none, but thinking is true`},
		{say + `{"thinking":false,"enable_thinking":true}`, "enable_thinking", `enable_thinking is true, but thinking is false`},
	} {
		t.Run(c.want, func(t *testing.T) {
			r, err := message.ParseRequest([]byte(`{` + c.json + `,"id":7}`))
			require.EqualError(t, err, c.want)
			require.EqualValues(t, 7, r.ID)
			require.Equal(t, message.Event{Type: "error", ID: 7, Code: "bad_request", Param: c.param, Message: c.want}, message.ErrorEvent(r.ID, err))
		})
	}
}

func TestNotARequest(t *testing.T) {
	for json, want := range map[string]string{
		``:             "the request is not JSON, must be an object",
		`[1]`:          "the request is [1], must be an object",
		`null`:         "the request is null, must be an object",
		`{"type":`:     "the request is not JSON, must be an object",
		`{"id":"7"}`:   `id is "7", must be an integer from 0 to 4294967295`,
		`{"id":-1}`:    `id is -1, must be an integer from 0 to 4294967295`,
		`{} trailing`:  "the request is not JSON, must be an object",
		`{"id":1.0e1}`: `type is "", must be chat, generate, complete, logits, measure, experts, cancel, answer_now, think_longer, panel, said, ended or verdict`,
	} {
		_, err := message.ParseRequest([]byte(json))
		require.EqualError(t, err, want, json)
	}
	_, err := message.ParseRequest(make([]byte, message.MaxRequestBytes+1))
	require.EqualError(t, err, "the request has 2097153 bytes, must have at most 2097152")
	require.Equal(t, message.ContextFull, message.ErrorEvent(1, err).Code)
}

// A body of OpenAI's HTTP API is read as strictly as a request.
func TestParseChat(t *testing.T) {
	r, err := message.ParseChat([]byte(`{"model":"m","messages":[{"role":"user","content":"Hi"}],"seed":7,"stream":true}`))
	require.NoError(t, err)
	require.Equal(t, message.Request{Type: message.Chat, Messages: []message.Message{{Role: message.User, Content: "Hi"}}, Params: message.Params{
		Seed: pointer(uint32(7)), Delivery: message.Delivery{Stream: true}, Labels: message.Labels{Model: "m"},
	}}, r)
	for body, want := range map[string]string{
		``:                          "the request is not JSON, must be an object",
		`null`:                      "the request is null, must be an object",
		`{}`:                        "messages is empty, must have at least one",
		`{"messages":[],"id":1}`:    "id is not a field that is known here",
		`{"messages":"hi"}`:         `messages is "hi", must be a list`,
		`{"messages":[],"seed":-1}`: "seed is -1, must be an integer from 0 to 4294967295",
	} {
		_, err := message.ParseChat([]byte(body))
		require.EqualError(t, err, want, body)
	}
}

func TestParseCompletion(t *testing.T) {
	texts := func(prompts ...string) (requests []message.Request) {
		for _, p := range prompts {
			requests = append(requests, message.Request{Type: message.Complete, Prompt: p})
		}
		return requests
	}
	for body, want := range map[string][]message.Request{
		`{"prompt":"Hi"}`: texts("Hi"),
		`{"prompt":["Hi","Ho"],"echo":false,"best_of":1,"suffix":null,"logprobs":null}`: texts("Hi", "Ho"),
		`{"prompt":[1,2]}`:       {{Type: message.Complete, Tokens: []int{1, 2}}},
		`{"prompt":[[1],[2,3]]}`: {{Type: message.Complete, Tokens: []int{1}}, {Type: message.Complete, Tokens: []int{2, 3}}},
		`{"prompt":"","logprobs":3,"n":2,"best_of":2,"prompt":"x"}`: {{Type: message.Complete, Prompt: "x", Params: message.Params{N: pointer(2), Logprobs: true, TopLogprobs: pointer(3)}}},
	} {
		got, delivery, err := message.ParseCompletion([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
		require.Equal(t, message.Delivery{}, delivery)
	}
	_, delivery, err := message.ParseCompletion([]byte(`{"prompt":"Hi","stream":true,"stream_options":{"include_usage":true}}`))
	require.NoError(t, err)
	require.Equal(t, message.Delivery{Stream: true, StreamOptions: &message.StreamOptions{IncludeUsage: true}}, delivery)
	for body, want := range map[string]string{
		`{}`:                               "prompt is empty, must be text or ids",
		`{"prompt":""}`:                    "prompt is empty, must be text or ids",
		`{"prompt":[]}`:                    "prompt is empty, must be text or ids",
		`{"prompt":["a",null]}`:            "prompt is empty, must be text or ids",
		`{"prompt":{}}`:                    "prompt is {}, must be text, ids, or a list of either",
		`{"prompt":["a",1]}`:               `prompt is ["a",1], must be text, ids, or a list of either`,
		`{"prompt":"a","echo":true}`:       "echo is true, only false is supported",
		`{"prompt":"a","best_of":3}`:       "best_of is 3, only n is supported",
		`{"prompt":"a","suffix":"b"}`:      "suffix is not supported",
		`{"prompt":"a","logprobs":true}`:   "logprobs is true, must be an integer from 0 to 20",
		`{"prompt":"a","top_logprobs":1}`:  "top_logprobs is of chats, here logprobs is the number",
		`{"prompt":"a","strategy":"vote"}`: "strategy is for chats, not for raw prompts",
		`{"prompt":"a","messages":[]}`:     "messages is not a field that is known here",
		`{"prompt":"a","n":0}`:             "n is 0, must be an integer from 1 to 128",
	} {
		_, _, err := message.ParseCompletion([]byte(body))
		require.EqualError(t, err, want, body)
	}
}

func TestParseOptions(t *testing.T) {
	o, err := message.ParseOptions([]byte(`{"context":100,"chunk":null}`))
	require.NoError(t, err)
	require.Equal(t, message.Options{Context: 100}, o)
	for json, want := range map[string]string{
		`{"context":1.5}`:  "context is 1.5, must be an integer from 0 on",
		`{"context":"1k"}`: `context is "1k", must be an integer from 0 on`,
		`{"contxt":1}`:     "contxt is not a field that is known here",
		`7`:                "options is 7, must be an object",
	} {
		_, err := message.ParseOptions([]byte(json))
		require.EqualError(t, err, want)
	}
}

func TestValidate(t *testing.T) {
	r := message.Request{Type: message.Generate, Tokens: []int{1}}
	require.NoError(t, r.Validate())
	r.Params.LogitBias = map[int]float64{3: 1, -3: 1}
	require.EqualError(t, r.Validate(), "logit_bias[-3] is of a negative id, must be of a token's")
	r.Params = message.Params{TopK: pointer(-1)}
	require.EqualError(t, r.Validate(), "top_k is -1, must be an integer from 0 to 16777216")
	r.Params = message.Params{Temperature: pointer(math.NaN())}
	require.EqualError(t, r.Validate(), "temperature is NaN, must be a number from 0 to 100")
	r.Params = message.Params{RepetitionPenalty: pointer(0.0)}
	require.EqualError(t, r.Validate(), "repetition_penalty is 0, must be a number from 0.01 to 100")
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		request message.Request
		want    int
	}{
		"one":           {message.Request{Type: message.Chat}, 1},
		"three":         {message.Request{Type: message.Generate, Params: message.Params{N: pointer(3)}}, 3},
		"one of three":  {message.Request{Type: message.Chat, Params: message.Params{N: pointer(3), Strategy: &message.Strategy{Mode: message.Vote}}}, 1},
		"rows, no text": {message.Request{Type: message.Logits}, 0},
	} {
		require.Equal(t, c.want, c.request.Answers(), name)
	}
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		a, b *int
		want int
	}{{nil, nil, 0}, {pointer(3), nil, 3}, {nil, pointer(4), 4}, {pointer(5), pointer(4), 4}} {
		got, ok := (&message.Params{MaxTokens: c.a, MaxCompletionTokens: c.b}).Limit()
		require.Equal(t, c.want, got)
		require.Equal(t, c.want > 0, ok)
	}
}

func TestThinkingLimit(t *testing.T) {
	for name, c := range map[string]struct {
		params string
		want   int
		ok     bool
		thinks *bool
	}{
		"nothing":         {`{}`, 0, false, nil},
		"a budget":        {`{"thinking_budget":7}`, 7, true, nil},
		"vLLM's":          {`{"thinking_token_budget":7}`, 7, true, nil},
		"llama.cpp's":     {`{"reasoning_budget_tokens":7}`, 7, true, nil},
		"another":         {`{"thinking_budget_tokens":7}`, 7, true, nil},
		"NVIDIA's":        {`{"max_thinking_tokens":7}`, 7, true, nil},
		"a strategy's":    {`{"strategy":{"mode":"vote","budget":7}}`, 7, true, nil},
		"the smallest":    {`{"thinking_budget":9,"max_thinking_tokens":7,"strategy":{"mode":"vote","budget":8}}`, 7, true, nil},
		"no effort":       {`{"reasoning_effort":"none"}`, 0, true, pointer(false)},
		"a low effort":    {`{"reasoning_effort":"low"}`, 100, true, pointer(true)},
		"a medium effort": {`{"reasoning_effort":"medium"}`, 400, true, pointer(true)},
		"a high effort":   {`{"reasoning_effort":"high"}`, 0, false, pointer(true)},
		"no thinking":     {`{"reasoning_effort":"high","thinking":false}`, 0, false, pointer(false)},
		"both":            {`{"reasoning_effort":"medium","thinking_budget":50}`, 50, true, pointer(true)},
		"Qwen's word":     {`{"enable_thinking":true}`, 0, false, pointer(true)},
		"DeepSeek's":      {`{"thinking":{"type":"disabled"}}`, 0, false, pointer(false)},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := message.ParseRequest([]byte(`{"type":"chat","messages":[{"role":"user","content":""}],"params":` + c.params + `}`))
			require.NoError(t, err)
			got, ok := r.Params.ThinkingLimit(800)
			require.Equal(t, c.want, got)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.thinks, r.Params.Thinks())
		})
	}
}

// Whatever the bytes: a request that is right, or one line of bad_request.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{`{"type":"chat","id":1,"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"params":{"stop":["a"],"n":1,"logit_bias":{"1":2}}}`, `{"type":"chat","messages":[{"role":"user","content":""}],"params":{"strategy":{"mode":"vote","n":3,"verifier":{"type":"json","schema":{"a":[1]}}}}}`, `{"id":1e300}`, `{"params":{"tools":1}}`, `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := message.ParseRequest(data)
		if err == nil {
			require.NoError(t, r.Validate())
			return
		}
		var coded *message.Error
		require.True(t, errors.As(err, &coded))
		require.Equal(t, message.BadRequest, coded.Code)
		require.NotContains(t, err.Error(), "\n")
	})
}
