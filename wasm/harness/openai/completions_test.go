package openai_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A rawCompletion is a completion of raw prompts, or a chunk of one.
type rawCompletion struct {
	ID, Object string
	Choices    []rawChoice
	Usage      *usage
}

type rawChoice struct {
	Index        int
	Text         string
	FinishReason *string `json:"finish_reason"`
	Logprobs     *struct {
		Tokens        []string
		TokenLogprobs []float64            `json:"token_logprobs"`
		TopLogprobs   []map[string]float64 `json:"top_logprobs"`
		TextOffset    []int                `json:"text_offset"`
	}
}

func (e *endpoint) complete(t *testing.T, body string) rawCompletion {
	t.Helper()
	r := e.ask(t, "POST", "/v1/completions", body)
	require.Equal(t, 200, r.StatusCode, r.body)
	var c rawCompletion
	require.NoError(t, json.Unmarshal([]byte(r.body), &c))
	return c
}

func TestCompletions(t *testing.T) {
	e := serveTiny(t, 4, 64)
	whole := e.complete(t, `{"prompt":"Hi","seed":5,"max_tokens":12}`)
	require.Equal(t, "text_completion", whole.Object)
	require.Regexp(t, `^cmpl-[0-9a-f]{24}$`, whole.ID)
	require.Equal(t, &usage{3, 12, 15}, whole.Usage, "a token begins the sequence")
	require.Equal(t, "length", *whole.Choices[0].FinishReason)
	require.NotEmpty(t, whole.Choices[0].Text)

	for name, prompt := range map[string]string{"as ids": `[256,72,105]`, "with the first token written": `"<｜begin▁of▁sentence｜>Hi"`} {
		require.Equal(t, whole.Choices, e.complete(t, `{"prompt":`+prompt+`,"seed":5,"max_tokens":12}`).Choices, name)
	}
	t.Run("streamed", func(t *testing.T) {
		chunks, raw := chunksOf(t, e.ask(t, "POST", "/v1/completions", `{"prompt":"Hi","seed":5,"max_tokens":12,"stream":true,"stream_options":{"include_usage":true}}`))
		text := ""
		for i, data := range raw {
			var c rawCompletion
			require.NoError(t, json.Unmarshal([]byte(data), &c))
			require.Equal(t, whole.Object, chunks[i].Object)
			for _, choice := range c.Choices {
				text += choice.Text
			}
		}
		require.Equal(t, whole.Choices[0].Text, text)
		require.Equal(t, whole.Usage, chunks[len(chunks)-1].Usage)
	})
	t.Run("several of several prompts", func(t *testing.T) {
		all := e.complete(t, `{"prompt":["Ho","Hi"],"n":2,"seed":4,"max_tokens":12}`)
		require.Len(t, all.Choices, 4)
		for i, c := range all.Choices {
			require.Equal(t, i, c.Index)
		}
		require.Equal(t, whole.Choices[0].Text, all.Choices[3].Text, "the second answer to the second prompt")
		require.Equal(t, &usage{6, 48, 54}, all.Usage)
	})
	t.Run("log-probabilities", func(t *testing.T) {
		l := e.complete(t, `{"prompt":"Hi","seed":5,"max_tokens":12,"logprobs":2}`).Choices[0].Logprobs
		require.Len(t, l.Tokens, 12)
		require.Len(t, l.TextOffset, 12)
		require.Zero(t, l.TextOffset[0])
		for i := range l.Tokens {
			require.Less(t, l.TokenLogprobs[i], 0.0)
			require.LessOrEqual(t, len(l.TopLogprobs[i]), 2) // bytes that are no character look the same
			require.NotEmpty(t, l.TopLogprobs[i])
		}
	})
	for body, want := range map[string]string{
		`{"prompt":"","max_tokens":1}`:                                "prompt is empty",
		`{"prompt":"x","echo":true}`:                                  "echo is true",
		`{"prompt":"x","model":"gpt-3"}`:                              `the model "gpt-3" is not here`,
		`{"prompt":[[999]]}`:                                          "token 0 of the prompt is 999",
		`{"prompt":"` + strings.Repeat("x", 300) + `","stream":true}`: "the prompt has 301 tokens",
		`{"prompt":["a","b","c","d"],"n":20}`:                         "asks for 80 answers, this server takes at most 68 at once",
	} {
		r := e.ask(t, "POST", "/v1/completions", body)
		require.Contains(t, []int{400, 404}, r.StatusCode)
		require.Contains(t, r.json(t)["error"].(map[string]any)["message"], want)
	}
}
