package engine_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
	"tabseek/engine/tokenizer/chat"
	"tabseek/engine/weights"
)

// packSmall packs a small random model; eos may be empty.
func packSmall(t *testing.T, eos ...int) string {
	seed := weights.Seed{Name: "small", Chat: chat.DeepSeekR1, Special: weights.Special{EOS: eos}}
	packed, _ := enginetest.Case{Config: enginetest.V2()}.Pack(t, weights.QuantKeep, seed)
	return packed
}

func openSmall(t *testing.T, packed string, options engine.Options) *enginetest.Host {
	return enginetest.Open(t, packed, refgpu.New(), options, nil)
}

// prompt is n token ids that differ with the seed.
func prompt(n, seed int) []int {
	tokens := make([]int, n)
	for i := range tokens {
		tokens[i] = (seed + 97*i + i*i) % 256
	}
	return tokens
}

func pointer[T any](v T) *T { return &v }

// sampled are the parameters of a sampled answer of n tokens.
func sampled(n int, seed uint32) message.Params { return message.Params{MaxTokens: &n, Seed: &seed} }

// How many steps a submit holds does not change the answer, nor does the length of the prompt matter to it.
func TestChunks(t *testing.T) {
	packed := packSmall(t)
	for _, length := range []int{1, 2, 8, 9, 10, 40} {
		for name, params := range map[string]message.Params{"greedy": enginetest.Greedy(19), "sampled": sampled(19, 7)} {
			var want []int
			for _, chunk := range []int{1, 3, 8, 64} {
				ids, last := openSmall(t, packed, engine.Options{Context: 100, Chunk: chunk}).Generate(prompt(length, 0), params)
				require.Equal(t, message.Length, last.FinishReason)
				require.Len(t, ids, 19)
				if want == nil {
					want = ids
				}
				require.Equal(t, want, ids, "%s, prompt of %d, chunk of %d", name, length, chunk)
			}
		}
	}
}

func TestSeeds(t *testing.T) {
	h := openSmall(t, packSmall(t), engine.Options{Context: 100})
	first, _ := h.Generate(prompt(9, 0), sampled(20, 1))
	again, _ := h.Generate(prompt(9, 0), sampled(20, 1))
	other, _ := h.Generate(prompt(9, 0), sampled(20, 2))
	require.Equal(t, first, again)
	require.NotEqual(t, first, other)
}

// A prompt that begins as the cache does is continued there, with the answer that a fresh engine would give.
func TestPrefixReuse(t *testing.T) {
	packed := packSmall(t)
	first := prompt(21, 0)
	answer, _ := openSmall(t, packed, engine.Options{Context: 100, Chunk: 8}).Generate(first, enginetest.Greedy(11))
	tests := map[string]struct {
		second []int
		cached int
	}{
		"continued":           {slices.Concat(first, answer, prompt(5, 3)), 31}, // no step is sure to have read the last token
		"the same":            {first, 20},
		"shorter":             {first[:13], 12},
		"one token":           {first[:1], 0},
		"parts in the end":    {slices.Concat(first[:17], prompt(9, 5)), 17},
		"parts in the answer": {slices.Concat(first, answer[:4], []int{(answer[4] + 1) % 256}, prompt(3, 1)), 25},
		"other":               {prompt(30, 9), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want, _ := openSmall(t, packed, engine.Options{Context: 100, Chunk: 8}).Generate(test.second, enginetest.Greedy(9))
			h := openSmall(t, packed, engine.Options{Context: 100, Chunk: 8})
			h.Generate(first, enginetest.Greedy(11))
			ids, last := h.Generate(test.second, enginetest.Greedy(9))
			require.Equal(t, want, ids)
			require.Equal(t, &message.Usage{PromptTokens: len(test.second), CachedTokens: test.cached, CompletionTokens: 9}, last.Usage)
		})
	}
}

// Steps beyond an end of sequence are dropped, and leave nothing behind in the cache.
func TestEndOfSequence(t *testing.T) {
	plain := packSmall(t)
	free, _ := openSmall(t, plain, engine.Options{Context: 100}).Generate(prompt(9, 0), enginetest.Greedy(12))
	at := 1 // the first token that is not among those before it
	for slices.Contains(free[:at], free[at]) {
		at++
	}
	packed := packSmall(t, free[at])
	for _, chunk := range []int{1, 2, 8, 64} {
		h := openSmall(t, packed, engine.Options{Context: 100, Chunk: chunk})
		ids, last := h.Generate(prompt(9, 0), enginetest.Greedy(30))
		require.Equal(t, free[:at], ids)
		require.Equal(t, message.Stopped, last.FinishReason)
		require.Equal(t, at, last.Usage.CompletionTokens)

		second := slices.Concat(prompt(9, 0), ids, prompt(4, 2))
		want, _ := openSmall(t, packed, engine.Options{Context: 100}).Generate(second, enginetest.Greedy(9))
		got, last := h.Generate(second, enginetest.Greedy(9))
		require.Equal(t, want, got, "after overshoot in chunks of %d", chunk)
		require.Equal(t, 9+at-1, last.Usage.CachedTokens)
	}
}

// A benchmark wants so many tokens, whatever they are.
func TestIgnoreEOS(t *testing.T) {
	want, _ := openSmall(t, packSmall(t), engine.Options{Context: 64}).Generate(prompt(9, 0), enginetest.Greedy(12))
	h := openSmall(t, packSmall(t, want[3]), engine.Options{Context: 64})
	got, last := h.Generate(prompt(9, 0), enginetest.Greedy(12))
	require.Equal(t, message.Stopped, last.FinishReason)
	require.Equal(t, want[:len(got)], got)
	require.Less(t, len(got), 4)

	params := enginetest.Greedy(12)
	params.IgnoreEOS = true
	got, last = h.Generate(prompt(9, 0), params)
	require.Equal(t, message.Length, last.FinishReason)
	require.Equal(t, want, got)
}

// A request can be cancelled at any time; what comes after is as if it had not been.
func TestCancel(t *testing.T) {
	packed := packSmall(t)
	want, _ := openSmall(t, packed, engine.Options{Context: 200}).Generate(prompt(70, 0), enginetest.Greedy(8))
	for round := range 12 {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			h := openSmall(t, packed, engine.Options{Context: 200, Chunk: 2})
			h.Hook = func(at int) {
				if at == round {
					h.Engine.Request(message.Request{Type: "cancel", ID: 1})
				}
			}
			_, last := h.Generate(prompt(70, 0), enginetest.Greedy(60))
			require.Equal(t, message.Done, last.Type)
			require.Equal(t, message.Abort, last.FinishReason)
			h.Hook = nil
			ids, _ := h.Generate(prompt(70, 0), enginetest.Greedy(8))
			require.Equal(t, want, ids)
		})
	}
	t.Run("waiting", func(t *testing.T) {
		h := openSmall(t, packed, engine.Options{Context: 200})
		request := func(id uint32) message.Request {
			return message.Request{Type: "generate", ID: id, Tokens: prompt(70, 0), Params: enginetest.Greedy(8)}
		}
		var ends []string
		for _, e := range h.Ask(request(1), request(2), message.Request{Type: "cancel", ID: 2}, message.Request{Type: "cancel", ID: 9}, request(3)) {
			if e.Type == "done" {
				ends = append(ends, fmt.Sprint(e.ID, " ", e.FinishReason))
			}
		}
		require.Equal(t, []string{"2 abort", "1 length", "3 length"}, ends)
	})
	t.Run("logits", func(t *testing.T) {
		h := openSmall(t, packed, engine.Options{Context: 200})
		h.Hook = func(at int) {
			if at == 2 {
				h.Engine.Request(message.Request{Type: "cancel", ID: 1})
			}
		}
		events := h.Ask(message.Request{Type: "logits", ID: 1, Tokens: prompt(70, 0)})
		require.Equal(t, message.Abort, events[len(events)-1].FinishReason)
		h.Hook = nil
		ids, _ := h.Generate(prompt(70, 0), enginetest.Greedy(8))
		require.Equal(t, want, ids)
	})
}

// An answer ends where the context does.
func TestContextFull(t *testing.T) {
	h := openSmall(t, packSmall(t), engine.Options{Context: 20, Chunk: 8})
	for _, length := range []int{1, 11, 12, 13, 19} {
		ids, last := h.Generate(prompt(length, length), message.Params{Temperature: pointer(0.0)})
		require.Equal(t, message.Length, last.FinishReason)
		require.Len(t, ids, 20-length)
	}
	_, last := h.Generate(prompt(20, 0), enginetest.Greedy(1))
	require.Equal(t, []any{message.Failed, message.ContextFull}, []any{last.Type, last.Code})
}

func TestBadRequests(t *testing.T) {
	h := openSmall(t, packSmall(t), engine.Options{Context: 20})
	tests := map[string]message.Request{
		"type":             {Type: "sing"},
		"no tokens":        {Type: "generate"},
		"negative token":   {Type: "generate", Tokens: []int{-1}},
		"token too large":  {Type: "logits", Tokens: []int{301}},
		"no answer":        {Type: "generate", Tokens: []int{1}, Params: enginetest.Greedy(0)},
		"temperature":      {Type: "generate", Tokens: []int{1}, Params: message.Params{Temperature: pointer(-1.0)}},
		"top_p":            {Type: "generate", Tokens: []int{1}, Params: message.Params{TopP: pointer(math.NaN())}},
		"mode":             {Type: "logits", Tokens: []int{1}, Mode: "sideways"},
		"draft without it": {Type: "logits", Tokens: []int{1}, Draft: true},
		"no messages":      {Type: "chat"},
	}
	for name, request := range tests {
		t.Run(name, func(t *testing.T) {
			request.ID = 5
			events := h.Ask(request)
			require.Len(t, events, 1)
			require.Equal(t, message.Event{Type: "error", ID: 5, Code: message.BadRequest, Param: events[0].Param, Message: events[0].Message}, events[0])
		})
	}
	ids, _ := h.Generate(prompt(3, 0), enginetest.Greedy(2))
	require.Len(t, ids, 2, "the engine works on")
}

// Logits that are not finite end the answer with an error, not with tokens.
func TestNumericFault(t *testing.T) {
	packed := packSmall(t)
	for name, value := range map[string]float64{"NaN": math.NaN(), "infinite": math.Inf(1)} {
		for _, tensor := range []string{"final_norm", "layers.1.ffn_norm", "layers.0.kv_a_norm"} {
			t.Run(name+" in "+tensor, func(t *testing.T) {
				h := enginetest.Open(t, packed, refgpu.New(), engine.Options{Context: 50}, enginetest.Fill(t, packed, tensor, float32(value)))
				for range 2 { // the engine outlives it
					ids, last := h.Generate(prompt(12, 0), enginetest.Greedy(20))
					require.Empty(t, ids)
					require.Equal(t, []any{message.Failed, message.NumericFault}, []any{last.Type, last.Code}, last.Message)
				}
			})
		}
	}
}

// Two turns of a chat: the second continues the cache.
func TestChat(t *testing.T) {
	h := openSmall(t, packSmall(t, enginetest.EOS), engine.Options{Context: 200})
	messages := []message.Message{{Role: "user", Content: "Hello"}}
	ask := func() (content, reasoning string, last message.Event) {
		events := h.Ask(message.Request{Type: "chat", ID: 1, Messages: messages, Params: enginetest.Greedy(10)})
		for _, e := range events {
			content, reasoning = content+e.Content, reasoning+e.Reasoning
		}
		return content, reasoning, events[len(events)-1]
	}
	_, reasoning, last := ask()
	require.Equal(t, message.Done, last.Type, last.Message)
	require.NotEmpty(t, reasoning, "the prompt of this family opens the reasoning")
	require.Equal(t, 10, last.Usage.ReasoningTokens)
	require.Equal(t, 0, last.Usage.CachedTokens)

	first := last.Usage.PromptTokens
	messages = append(messages, message.Message{Role: "assistant", Content: "Yes?"}, message.Message{Role: "user", Content: "Bye"})
	_, _, last = ask()
	require.Equal(t, message.Done, last.Type, last.Message)
	require.Greater(t, last.Usage.CachedTokens, 5, "bos, the user's turn, the assistant's mark")
	require.Less(t, last.Usage.CachedTokens, first)
}
