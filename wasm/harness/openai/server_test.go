package openai_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
	"tabseek/wasm/harness/openai"
)

const hello = `"messages":[{"role":"user","content":"Hello"}]`

func TestChat(t *testing.T) {
	e := serveTiny(t, 4, 64)
	whole := completionOf(t, e.chat(t, `{`+hello+`,"model":"tiny","seed":5,"max_tokens":12}`))
	require.Equal(t, "chat.completion", whole.Object)
	require.Equal(t, "tiny", whole.Model)
	require.Regexp(t, `^chatcmpl-[0-9a-f]{24}$`, whole.ID)
	require.InDelta(t, time.Now().Unix(), whole.Created, 60)
	require.Len(t, whole.Choices, 1)
	require.Equal(t, "assistant", whole.Choices[0].Message.Role)
	require.Equal(t, "length", whole.Choices[0].FinishReason)
	require.Equal(t, &usage{len("Hello") + 3, 12, len("Hello") + 15}, whole.Usage)

	t.Run("streamed", func(t *testing.T) {
		chunks, raw := chunksOf(t, e.chat(t, `{`+hello+`,"seed":5,"max_tokens":12,"stream":true}`))
		require.Equal(t, "assistant", chunks[0].Choices[0].Delta.Role)
		var all text
		tokens := 0
		for i, c := range chunks {
			require.Equal(t, "chat.completion.chunk", c.Object)
			require.Equal(t, chunks[0].ID, c.ID)
			require.Len(t, c.Choices, 1)
			require.NotContains(t, raw[i], `"usage"`, "nobody asked for it")
			require.GreaterOrEqual(t, c.Tokens, tokens)
			tokens = c.Tokens
			all.Content += c.Choices[0].Delta.Content
			all.Reasoning += c.Choices[0].Delta.Reasoning
		}
		require.Equal(t, 12, tokens)
		require.Equal(t, text{"", whole.Choices[0].Message.Content, whole.Choices[0].Message.Reasoning}, all)
		require.Equal(t, "length", chunks[len(chunks)-1].Choices[0].FinishReason)
	})
	t.Run("streamed with usage", func(t *testing.T) {
		chunks, raw := chunksOf(t, e.chat(t, `{`+hello+`,"seed":5,"max_tokens":12,"stream":true,"stream_options":{"include_usage":true}}`))
		last := len(chunks) - 1
		for _, text := range raw[:last] {
			require.Contains(t, text, `"usage":null`)
		}
		require.Contains(t, raw[last], `"choices":[]`)
		require.Equal(t, whole.Usage, chunks[last].Usage)
	})
	t.Run("several", func(t *testing.T) {
		three := completionOf(t, e.chat(t, `{`+hello+`,"seed":4,"max_tokens":12,"n":3}`))
		require.Len(t, three.Choices, 3)
		for i, c := range three.Choices {
			require.Equal(t, i, c.Index)
		}
		require.Equal(t, whole.Choices[0].Message, three.Choices[1].Message, "the seed of answer 1 is the first's and 1 more")
		require.Equal(t, &usage{8, 36, 44}, three.Usage)
		chunks, _ := chunksOf(t, e.chat(t, `{`+hello+`,"seed":4,"max_tokens":12,"n":3,"stream":true}`))
		texts, roles, ends := make([]text, 3), make([]int, 3), make([]int, 3)
		for _, c := range chunks {
			part := c.Choices[0]
			texts[part.Index].Content += part.Delta.Content
			texts[part.Index].Reasoning += part.Delta.Reasoning
			if part.Delta.Role != "" {
				roles[part.Index]++
			}
			if part.FinishReason != "" {
				ends[part.Index]++
			}
		}
		require.Equal(t, []int{1, 1, 1}, roles)
		require.Equal(t, []int{1, 1, 1}, ends)
		for i, c := range three.Choices {
			require.Equal(t, text{"", c.Message.Content, c.Message.Reasoning}, texts[i])
		}
	})
	t.Run("stopped", func(t *testing.T) {
		content := []rune(whole.Choices[0].Message.Content)
		require.Greater(t, len(content), 3)
		at := string(content[2:4])
		stopped := completionOf(t, e.chat(t, fmt.Sprintf(`{%s,"seed":5,"max_tokens":12,"stop":[%q]}`, hello, at)))
		require.Equal(t, "stop", stopped.Choices[0].FinishReason)
		before, _, _ := strings.Cut(string(content), at)
		require.Equal(t, before, stopped.Choices[0].Message.Content)
	})
	t.Run("log-probabilities", func(t *testing.T) {
		body := `{` + hello + `,"seed":5,"max_tokens":12,"logprobs":true,"top_logprobs":2`
		told := completionOf(t, e.chat(t, body+`}`)).Choices[0]
		var bytesOf []byte
		for _, l := range told.Logprobs.Content {
			require.Less(t, l.Logprob, 0.0)
			bytesOf = append(bytesOf, l.Bytes...)
		}
		require.Len(t, told.Logprobs.Content, 12)
		require.Equal(t, told.Message.Content, string([]rune(strings.TrimLeft(string(bytesOf), " \n\r\t"))), "each byte that is none of a character shows as one")
		chunks, _ := chunksOf(t, e.chat(t, body+`,"stream":true}`))
		var streamed []logprob
		for _, c := range chunks {
			if l := c.Choices[0].Logprobs; l != nil {
				streamed = append(streamed, l.Content...)
			}
		}
		require.Equal(t, told.Logprobs.Content, streamed)
	})
}

// A strategy makes one answer of several, says how, and counts all of them.
func TestStrategy(t *testing.T) {
	e := serveTiny(t, 4, 64)
	body := `{` + hello + `,"seed":5,"max_tokens":12,"strategy":{"mode":"vote","n":3,"stop":"none"}`
	r := e.chat(t, body+`}`)
	whole := completionOf(t, r)
	require.Len(t, whole.Choices, 1)
	require.Equal(t, 36, whole.Usage.CompletionTokens)
	require.Len(t, whole.Tabseek.Traces, 3)
	require.Contains(t, r.body, `"answer":null`, "random weights have no majority")
	chunks, raw := chunksOf(t, e.chat(t, body+`,"stream":true}`))
	lanes, tallies := 0, 0
	for i, c := range chunks {
		require.Len(t, c.Choices, 1)
		if strings.Contains(raw[i], `"lane":{`) {
			lanes++
		}
		if strings.Contains(raw[i], `"tally":{`) {
			tallies++
		}
	}
	require.GreaterOrEqual(t, lanes, 3)
	require.Equal(t, 3, tallies)
	require.Equal(t, whole.Tabseek, chunks[len(chunks)-1].Tabseek)
}

// What is wrong is said in OpenAI's shape, with the parameter at fault.
func TestRefusals(t *testing.T) {
	e := serveTiny(t, 2, 4)
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code, param, want        string
	}{
		{"not JSON", "POST", "/v1/chat/completions", "hello", nil, 400, "bad_request", "", "not JSON"},
		{"no body", "POST", "/v1/chat/completions", "", nil, 400, "bad_request", "", "not JSON"},
		{"a list", "POST", "/v1/chat/completions", "[1]", nil, 400, "bad_request", "", "must be an object"},
		{"no messages", "POST", "/v1/chat/completions", "{}", nil, 400, "bad_request", "messages", "messages is empty"},
		{"an unknown role", "POST", "/v1/chat/completions", `{"messages":[{"role":"parrot","content":""}]}`, nil, 400, "bad_request", "messages[0].role", "parrot"},
		{"an unknown parameter", "POST", "/v1/chat/completions", `{` + hello + `,"temprature":1}`, nil, 400, "bad_request", "temprature", "not a field that is known"},
		{"a parameter of another type", "POST", "/v1/chat/completions", `{` + hello + `,"temperature":"hot"}`, nil, 400, "bad_request", "temperature", "must be a number"},
		{"a parameter out of bounds", "POST", "/v1/chat/completions", `{` + hello + `,"top_p":2}`, nil, 400, "bad_request", "top_p", "from 0 to 1"},
		{"tools", "POST", "/v1/chat/completions", `{` + hello + `,"tools":[]}`, nil, 400, "bad_request", "tools", "call no tools"},
		{"a token past the vocabulary", "POST", "/v1/chat/completions", `{` + hello + `,"logit_bias":{"999":1}}`, nil, 400, "bad_request", "logit_bias", "999"},
		{"a verifier of nobody", "POST", "/v1/chat/completions", `{` + hello + `,"strategy":{"mode":"vote","verifier":"function"}}`, nil, 400, "bad_request", "strategy.verifier.type", "is function"},
		{"a strategy that is none", "POST", "/v1/chat/completions", `{` + hello + `,"strategy":"dance"}`, nil, 400, "bad_request", "strategy.mode", "dance"},
		{"more traces than there is room", "POST", "/v1/chat/completions", `{` + hello + `,"strategy":"vote"}`, nil, 400, "bad_request", "n", "at most 6"},
		{"a prompt past the context", "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"` + strings.Repeat("x", 300) + `"}]}`, nil, 400, "context_length_exceeded", "", "303 tokens"},
		{"the same, streamed", "POST", "/v1/chat/completions", `{"stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("x", 300) + `"}]}`, nil, 400, "context_length_exceeded", "", "303 tokens"},
		{"more than is read", "POST", "/v1/chat/completions", strings.Repeat(" ", message.MaxRequestBytes+1), nil, 413, "request_too_large", "", "more than 2097152 bytes"},
		{"more answers than there is room", "POST", "/v1/chat/completions", `{` + hello + `,"n":7}`, nil, 400, "bad_request", "n", "at most 6"},
		{"another model", "POST", "/v1/chat/completions", `{` + hello + `,"model":"gpt-4"}`, nil, 404, "model_not_found", "model", "gpt-4"},
		{"another model's card", "GET", "/v1/models/gpt-4", "", nil, 404, "model_not_found", "model", "gpt-4"},
		{"another path", "GET", "/v1/embeddings", "", nil, 404, "not_found", "", "/v1/embeddings"},
		{"the root", "GET", "/", "", nil, 404, "not_found", "", "/ is not here"},
		{"another method", "GET", "/v1/chat/completions", "", nil, 405, "method_not_allowed", "", "takes POST"},
		{"models by post", "POST", "/v1/models", "", nil, 405, "method_not_allowed", "", "takes GET"},
		{"a page of elsewhere", "POST", "/v1/chat/completions", `{` + hello + `}`, []string{"Origin", "https://example.com"}, 403, "forbidden", "", "other origins"},
		{"a page of another port", "GET", "/v1/models", "", []string{"Origin", "http://127.0.0.1:1"}, 403, "forbidden", "", "other origins"},
		{"a page of nowhere", "GET", "/v1/models", "", []string{"Origin", "null"}, 403, "forbidden", "", "other origins"},
		{"a picture on a page of elsewhere", "GET", "/v1/models", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "forbidden", "", "other origins"},
		{"a page asks whether it may ask", "OPTIONS", "/v1/chat/completions", "", []string{"Origin", "https://example.com"}, 403, "forbidden", "", "other origins"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := e.ask(t, c.method, c.path, c.body, c.header...)
			require.Equal(t, c.status, r.StatusCode, r.body)
			require.Equal(t, "application/json", r.Header.Get("Content-Type"))
			require.Empty(t, r.Header.Get("Access-Control-Allow-Origin"))
			failure := r.json(t)["error"].(map[string]any)
			require.Equal(t, c.code, failure["code"])
			require.Equal(t, "invalid_request_error", failure["type"])
			require.Contains(t, failure["message"], c.want)
			require.NotContains(t, failure["message"], "\n")
			if c.param == "" {
				require.Nil(t, failure["param"])
			} else {
				require.Equal(t, c.param, failure["param"])
			}
			if c.status == http.StatusMethodNotAllowed {
				require.NotEmpty(t, r.Header.Get("Allow"))
			}
		})
	}
	require.Equal(t, 200, e.ask(t, "GET", "/v1/models", "", "Origin", e.URL).StatusCode, "a page of this server's own")
	completionOf(t, e.chat(t, `{`+hello+`,"max_tokens":1}`))
}

func TestModelsAndHealth(t *testing.T) {
	e := serveTiny(t, 4, 64)
	list := e.ask(t, "GET", "/v1/models", "").json(t)
	require.Equal(t, "list", list["object"])
	card := list["data"].([]any)[0].(map[string]any)
	require.Equal(t, "tiny", card["id"])
	require.EqualValues(t, 256, card["max_model_len"])
	require.Equal(t, card, e.ask(t, "GET", "/v1/models/tiny", "").json(t))
	require.Equal(t, "ok\n", e.ask(t, "GET", "/healthz", "").body)
	require.Empty(t, e.ask(t, "HEAD", "/healthz", "").body)

	require.NoError(t, e.host.Close(t.Context()))
	r := e.ask(t, "GET", "/healthz", "")
	require.Equal(t, 503, r.StatusCode)
	require.Equal(t, "the model is closed\n", r.body)
	require.Equal(t, 503, e.chat(t, `{`+hello+`}`).StatusCode)
}

func TestKey(t *testing.T) {
	e := serve(t, enginetest.PackTiny(t), refgpu.New(), 4, openai.Options{Queue: 64, Key: "s3cret"})
	for header, status := range map[string]int{
		"": 401, "Bearer": 401, "Bearer wrong": 401, "Bearer s3cret ": 200, "Basic s3cret": 401, "s3cret": 401, "Bearer s3cret": 200, "bearer s3cret": 200, "Bearer s3cret2": 401,
	} {
		r := e.ask(t, "GET", "/v1/models", "", "Authorization", header)
		require.Equal(t, status, r.StatusCode, header)
		if status == 401 {
			require.Equal(t, "invalid_api_key", r.json(t)["error"].(map[string]any)["code"])
			require.NotContains(t, r.body, "s3cret")
		}
	}
	require.Equal(t, 401, e.chat(t, `{`+hello+`}`).StatusCode)
	require.Equal(t, 200, e.ask(t, "GET", "/healthz", "").StatusCode, "whether it lives, anybody may know")
	require.Equal(t, 200, e.ask(t, "GET", "/metrics", "").StatusCode)
}

// A foreign page that has its name point here still sends its name.
func TestLoopback(t *testing.T) {
	e := serve(t, enginetest.PackTiny(t), refgpu.New(), 4, openai.Options{Queue: 64, Loopback: true})
	for host, status := range map[string]int{
		"localhost": 200, "localhost:8090": 200, "127.0.0.1:8090": 200, "[::1]:8090": 200, "tabseek.localhost": 200,
		"example.com": 403, "example.com:8090": 403, "10.0.0.1": 403, "localhost.example.com": 403,
	} {
		require.Equal(t, status, e.ask(t, "GET", "/v1/models", "", "Host", host).StatusCode, host)
	}
	require.Equal(t, 403, e.ask(t, "GET", "/v1/models", "", "Host", "example.com", "Origin", "http://example.com").StatusCode)
}

func TestMetrics(t *testing.T) {
	e := serveTiny(t, 4, 64)
	completionOf(t, e.chat(t, `{`+hello+`,"max_tokens":5,"n":2,"seed":1}`))
	e.chat(t, `{`)
	e.ask(t, "GET", "/nowhere/1", "")
	e.ask(t, "GET", "/nowhere/2", "")
	r := e.ask(t, "GET", "/metrics", "")
	require.Contains(t, r.Header.Get("Content-Type"), "text/plain; version=0.0.4")
	for _, want := range []string{
		"tabseek_answers_running 0", "tabseek_answers_waiting 0", "tabseek_prompt_tokens_total 8", "tabseek_completion_tokens_total 10",
		`tabseek_answers_total{finish_reason="length"} 2`, `tabseek_requests_total{path="/v1/chat/completions",status="200"} 1`,
		`tabseek_requests_total{path="/v1/chat/completions",status="400"} 1`, `tabseek_requests_total{path="other",status="404"} 2`,
		`tabseek_first_token_seconds_bucket{le="+Inf"} 1`, "tabseek_first_token_seconds_count 1",
	} {
		require.Contains(t, r.body, want+"\n")
	}
	for line := range strings.Lines(r.body) {
		require.True(t, strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "tabseek_"), line)
	}
}

// endless is a request for an answer that nobody waits to the end of.
const endless = `{` + hello + `,"max_tokens":240,"ignore_eos":true,"stream":true}`

// begin asks and reads the first of the answer.
func (e *endpoint) begin(t *testing.T, body string) (*http.Response, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", e.URL+"/v1/chat/completions", strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { cancel(); response.Body.Close() })
	return response, cancel
}

// Where all places are taken, the next is told when to come again, and nothing is lost of those before.
func TestQueue(t *testing.T) {
	e := serveTiny(t, 1, 1)
	_, leave := e.begin(t, endless)
	waiting := make(chan reply)
	go func() { waiting <- e.chat(t, strings.Replace(endless, "240", "30", 1)) }()
	require.Eventually(t, func() bool {
		return strings.Contains(e.ask(t, "GET", "/metrics", "").body, "tabseek_answers_waiting 1\n")
	}, 10*time.Second, time.Millisecond)
	r := e.chat(t, `{`+hello+`}`)
	require.Equal(t, 429, r.StatusCode)
	require.Regexp(t, `^[1-9][0-9]?$`, r.Header.Get("Retry-After"))
	failure := r.json(t)["error"].(map[string]any)
	require.Equal(t, "rate_limit_error", failure["type"])
	require.Equal(t, "queue_full", failure["code"])
	leave()
	require.Equal(t, 200, (<-waiting).StatusCode)
	completionOf(t, e.chat(t, `{`+hello+`,"max_tokens":2}`))
}

// A client that goes away, in whichever way it asked, takes its work with it.
func TestGone(t *testing.T) {
	e := serveTiny(t, 1, 8)
	for name, body := range map[string]string{"streamed": endless, "whole": strings.Replace(endless, `,"stream":true`, "", 1)} {
		t.Run(name, func(t *testing.T) {
			connection, err := net.Dial("tcp", strings.TrimPrefix(e.URL, "http://"))
			require.NoError(t, err)
			fmt.Fprintf(connection, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			require.Eventually(t, func() bool {
				return strings.Contains(e.ask(t, "GET", "/metrics", "").body, "tabseek_answers_running 1\n")
			}, 10*time.Second, time.Millisecond)
			require.NoError(t, connection.Close())
			require.Eventually(t, func() bool {
				return strings.Contains(e.ask(t, "GET", "/metrics", "").body, "tabseek_answers_running 0\n")
			}, 10*time.Second, time.Millisecond)
		})
	}
	start := time.Now()
	completionOf(t, e.chat(t, `{`+hello+`,"max_tokens":1}`))
	t.Log("the next answer took", time.Since(start))
}

// Told to stop, the server ends what is under way properly and takes nothing more.
func TestStop(t *testing.T) {
	e := serveTiny(t, 1, 8)
	response, _ := e.begin(t, endless)
	waiting := make(chan reply)
	go func() { waiting <- e.chat(t, endless) }()
	require.Eventually(t, func() bool {
		return strings.Contains(e.ask(t, "GET", "/metrics", "").body, "tabseek_answers_waiting 1\n")
	}, 10*time.Second, time.Millisecond)
	e.api.Stop()
	var body bytes.Buffer
	_, err := body.ReadFrom(response.Body)
	require.NoError(t, err)
	chunks, _ := chunksOf(t, reply{response, body.String()})
	require.Equal(t, "abort", chunks[len(chunks)-1].Choices[0].FinishReason)
	chunks, _ = chunksOf(t, <-waiting)
	require.Equal(t, "abort", chunks[len(chunks)-1].Choices[0].FinishReason, "the host had it already")
	r := e.chat(t, `{`+hello+`}`)
	require.Equal(t, 503, r.StatusCode)
	require.Equal(t, "server_error", r.json(t)["error"].(map[string]any)["type"])
}

// Answers that clients get side by side are those they would get alone.
func TestManyClients(t *testing.T) {
	e := serveTiny(t, 4, 64)
	const clients = 16
	body := func(i int) string { return fmt.Sprintf(`{%s,"max_tokens":6,"seed":%d}`, hello, i%5) }
	alone := map[int]text{}
	for i := range 5 {
		alone[i] = completionOf(t, e.chat(t, body(i))).Choices[0].Message
	}
	replies := make(chan func(), clients)
	for i := range clients {
		go func() {
			r := e.chat(t, body(i))
			replies <- func() { require.Equal(t, alone[i%5], completionOf(t, r).Choices[0].Message) }
		}()
	}
	for range clients {
		(<-replies)()
	}
}
