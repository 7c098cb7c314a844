package harness

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/enginetest/need"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/nullgpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
)

// The shipped bytes of the guest give the golden numbers, on the reference and on a GPU.
func TestGoldens(t *testing.T) {
	for _, name := range need.Goldens {
		t.Run(name+" on the reference", func(t *testing.T) {
			g := enginetest.ReadGolden(t, name)
			host, _ := open(t, enginetest.PackChat(t, g.Folder), Options{})
			checkGolden(t, host, g)
		})
		t.Run(name+" on a GPU", func(t *testing.T) {
			g := enginetest.ReadGolden(t, name)
			checkGolden(t, openOn(t, enginetest.PackChat(t, g.Folder), Options{Device: openNative(t)}), g)
		})
	}
}

func checkGolden(t *testing.T, host *Host, g enginetest.Golden) {
	for _, mode := range []message.Mode{message.Prefill, message.Decode} {
		wants := map[bool][][]float32{false: g.Logits, true: g.Drafts}
		next := map[bool]int{}
		err := host.Logits(t.Context(), g.Tokens, mode, g.Drafts != nil, func(row message.LogitsRow) error {
			require.EqualValues(t, next[row.Draft], row.Row)
			next[row.Draft]++
			requireClose(t, wants[row.Draft][row.Row], enginetest.Floats(row.Values), "%s, row %d, draft %t", mode, row.Row, row.Draft)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, len(g.Logits), next[false])
		require.Equal(t, len(g.Drafts), next[true])
	}
	for range 2 { // the second time with the prompt in the cache
		answer, err := host.Generate(t.Context(), Prompt{Tokens: g.Tokens}, greedy(len(g.Greedy)), nil)
		require.NoError(t, err)
		require.Equal(t, g.Answer(), answer.Tokens)
	}
}

func requireClose(t *testing.T, want, got []float32, format string, args ...any) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= enginetest.GoldenBound) {
			require.Failf(t, "logits differ", format+": logit %d is %v, want %v", append(args, i, got[i], want[i])...)
		}
	}
}

// Decoding creates nothing, submits once for a chunk of tokens, and reads back once a submit: design, section 2.
func TestCounts(t *testing.T) {
	const chunk, tokens = 4, 22
	device := &recorder{Device: nullgpu.New()} // it takes no time, so that nothing but the chunk bounds a submit
	packed := enginetest.PackTiny(t)
	shards, err := filepath.Glob(filepath.Join(packed, "sha256-*.bin"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(shards[0]), "it needs no weights either")
	host := openOn(t, packed, Options{Chunk: chunk, Device: device, Profile: "f32 lanes=32 rows=1"}) // to choose one takes answers
	prompt := Prompt{Tokens: []int{256, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	params := greedy(tokens)
	params.Draft = new(message.Depth)                        // a device that computes nothing verifies no guess
	_, err = host.Generate(t.Context(), prompt, params, nil) // the engine learns what a step takes
	require.NoError(t, err)
	prompt.Tokens[0] = 2 // nothing of the first answer is of use
	device.commands = nil
	answer, err := host.Generate(t.Context(), prompt, params, nil)
	require.NoError(t, err)

	submits, writes := 0, 0
	for _, c := range device.commands {
		switch c := c.(type) {
		case gpu.Submit:
			submits++
			require.LessOrEqual(t, len(c.Readbacks), 1)
		case gpu.Write:
			writes++
		default:
			require.Failf(t, "a command that only loading may use", "%T", c)
		}
	}
	require.LessOrEqual(t, writes, 8, "tokens, the list of pages cleared and filled, rows of the prompt, rows and passes when there is an answer, rows when there is none, sampling")
	s := answer.Stats
	require.Equal(t, len(prompt.Tokens), s.PromptTokens)
	require.Equal(t, tokens, s.CompletionTokens)
	require.Equal(t, len(answer.Tokens), s.CompletionTokens)
	most := (s.CompletionTokens+chunk)/chunk + 1 // a chunk may be under way when the answer ends
	require.LessOrEqual(t, s.Submits, most)
	require.Equal(t, s.Submits, s.Readbacks)
	require.Greater(t, submits, s.Submits, "prefill is not counted")
	require.Positive(t, s.Dispatches)
	require.Positive(t, s.GuestCalls)
	require.LessOrEqual(t, s.GuestCalls, 3*most, "input, handle, output for each result")
	require.Positive(t, s.GuestSeconds)
	require.Positive(t, s.PrefillSeconds)
	require.Positive(t, s.DecodeSeconds)
	require.Positive(t, s.LoadSeconds)
	require.Positive(t, s.WeightBytes)
	require.EqualValues(t, 4*2*(32+8), s.KVBytesPerToken)
	require.Less(t, s.GuestHeapBytes, int64(64<<20))
	require.Equal(t, "nothing", s.Device)
	require.NotEmpty(t, s.Profile)
	require.Positive(t, host.Model().BytesPerToken)
}

func TestModel(t *testing.T) {
	host, device := open(t, enginetest.PackTiny(t), Options{Context: 32})
	require.Equal(t, gpu.Reset{}, device.commands[0], "a model that was on the device before goes")
	info := host.Model()
	require.Equal(t, 32, info.Context)
	require.Equal(t, 262, info.VocabSize)
	require.Equal(t, 2, info.Layers)
	most := info.Sequences
	require.Positive(t, most)
	for wanted, want := range map[int]int{1: 1, 1000: most} {
		host, _ = open(t, enginetest.PackTiny(t), Options{Sequences: wanted})
		require.Equal(t, want, host.Model().Sequences, "at most as many as a step has rows")
	}
}

// Experts are reported beside answers under way, and when there are none.
func TestExperts(t *testing.T) {
	host, _ := open(t, enginetest.PackTiny(t), Options{})
	sum := func() (sum int) {
		layers, err := host.Experts(t.Context())
		require.NoError(t, err)
		for _, layer := range layers {
			for _, n := range layer {
				sum += n
			}
		}
		return sum
	}
	require.Zero(t, sum())
	limit := 30
	stream := host.Start(t.Context(), Prompt{Tokens: []int{1, 2, 3}}.request(message.Params{MaxTokens: &limit, IgnoreEOS: true}))
	defer stream.Close()
	during := sum()
	for {
		if _, err := stream.Next(t.Context()); err != nil {
			break
		}
	}
	require.GreaterOrEqual(t, sum(), during)
	require.Positive(t, sum())
}

// A conversation is formatted by the guest; the same seed gives the same answer.
func TestChat(t *testing.T) {
	host, _ := open(t, enginetest.PackTiny(t), Options{})
	seed, hot, limit := uint32(7), 1.0, 24
	params := message.Params{Seed: &seed, Temperature: &hot, MaxTokens: &limit}
	prompt := Prompt{Messages: []message.Message{{Role: "user", Content: "Hello"}}}
	var text string
	first, err := host.Generate(t.Context(), prompt, params, func(e message.Event) { text += e.Content })
	require.NoError(t, err)
	require.Equal(t, first.Text, text)
	require.Equal(t, len("Hello")+3, first.Stats.PromptTokens, "begin, user, assistant")
	second, err := host.Generate(t.Context(), prompt, params, nil)
	require.NoError(t, err)
	require.Equal(t, first.Tokens, second.Tokens)
	seed = 8
	third, err := host.Generate(t.Context(), prompt, params, nil)
	require.NoError(t, err)
	require.NotEqual(t, first.Tokens, third.Tokens)
}

// What the engine refuses is an error with a code, and the model stays usable.
func TestRequestsRefused(t *testing.T) {
	host, _ := open(t, enginetest.PackTiny(t), Options{Context: 16})
	negative, hot := -1.0, 1e6
	for _, c := range []struct {
		name   string
		prompt Prompt
		params message.Params
		code   message.Code
		want   string
	}{
		{"no tokens", Prompt{}, greedy(1), "bad_request", "empty"},
		{"token past the vocabulary", Prompt{Tokens: []int{1, 262}}, greedy(1), "bad_request", "token 1 of the prompt is 262"},
		{"negative token", Prompt{Tokens: []int{-1}}, greedy(1), "bad_request", "tokens[0] is -1"},
		{"prompt longer than the context", Prompt{Tokens: make([]int, 17)}, greedy(1), "context_full", "17 tokens"},
		{"prompt as long as the context", Prompt{Tokens: make([]int, 16)}, greedy(1), "context_full", "16 tokens"},
		{"no messages", Prompt{Messages: []message.Message{}}, greedy(1), "bad_request", "messages is empty"},
		{"unknown role", Prompt{Messages: []message.Message{{Role: "parrot"}}}, greedy(1), "bad_request", "parrot"},
		{"nothing to generate", Prompt{Tokens: []int{1}}, greedy(0), "bad_request", "max_tokens"},
		{"temperature below zero", Prompt{Tokens: []int{1}}, message.Params{Temperature: &negative}, "bad_request", "temperature"},
		{"temperature without measure", Prompt{Tokens: []int{1}}, message.Params{Temperature: &hot}, "bad_request", "temperature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := host.Generate(t.Context(), c.prompt, c.params, nil)
			var failure *message.Error
			require.ErrorAs(t, err, &failure)
			require.Equal(t, c.code, failure.Code)
			require.Contains(t, failure.Error(), c.want)
			require.NotContains(t, failure.Error(), "\n")
		})
	}
	t.Run("logits", func(t *testing.T) {
		nothing := func(message.LogitsRow) error { return nil }
		require.ErrorContains(t, host.Logits(t.Context(), make([]int, 17), "prefill", false, nothing), "17 tokens")
		require.ErrorContains(t, host.Logits(t.Context(), []int{300}, "prefill", false, nothing), "300")
		require.ErrorContains(t, host.Logits(t.Context(), []int{1}, "sideways", false, nothing), "sideways")
		require.NoError(t, host.Logits(t.Context(), make([]int, 16), "prefill", false, nothing), "a full context")
	})
	answer, err := host.Generate(t.Context(), Prompt{Tokens: make([]int, 15)}, greedy(10), nil)
	require.NoError(t, err)
	require.Equal(t, message.Length, answer.FinishReason)
	require.Len(t, answer.Tokens, 1, "the context's last position")
}

func TestCancel(t *testing.T) {
	host, device := open(t, enginetest.PackTiny(t), Options{Chunk: 2})
	prompt := Prompt{Tokens: []int{256, 72, 105}}
	endless := greedy(40)
	endless.IgnoreEOS = true
	whole, err := host.Generate(t.Context(), prompt, endless, nil)
	require.NoError(t, err)
	require.Len(t, whole.Tokens, 40)

	t.Run("before it begins", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		answer, err := host.Generate(ctx, prompt, endless, nil)
		require.NoError(t, err)
		require.Equal(t, message.Abort, answer.FinishReason)
		require.Empty(t, answer.Tokens)
	})
	t.Run("during the prompt", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		device.onExecute = func(c gpu.Command) {
			if _, ok := c.(gpu.Submit); ok {
				cancel()
			}
		}
		defer func() { device.onExecute = nil }()
		answer, err := host.Generate(ctx, Prompt{Tokens: make([]int, 100)}, endless, nil)
		require.NoError(t, err)
		require.Equal(t, message.Abort, answer.FinishReason)
		require.Empty(t, answer.Tokens)
	})
	t.Run("during the answer", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		deltas := 0
		answer, err := host.Generate(ctx, prompt, endless, func(message.Event) {
			if deltas++; deltas == 2 {
				cancel()
			}
		})
		require.NoError(t, err)
		require.Equal(t, message.Abort, answer.FinishReason)
		require.GreaterOrEqual(t, len(answer.Tokens), 4)
		require.Less(t, len(answer.Tokens), len(whole.Tokens))
		require.Equal(t, whole.Tokens[:len(answer.Tokens)], answer.Tokens, "what was there is kept")
		require.Equal(t, len(answer.Tokens), answer.Stats.CompletionTokens)
	})
	t.Run("logits", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := host.Logits(ctx, make([]int, 100), "decode", false, func(message.LogitsRow) error { cancel(); return nil })
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("nothing of it stays", func(t *testing.T) {
		again, err := host.Generate(t.Context(), prompt, endless, nil)
		require.NoError(t, err)
		require.Equal(t, whole.Tokens, again.Tokens)
	})
}

// Failures outside the guest come back as they are.
func TestFailures(t *testing.T) {
	broken := errors.New("the file is full")
	host, _ := open(t, enginetest.PackTiny(t), Options{})
	require.ErrorIs(t, host.Logits(t.Context(), []int{1, 2}, "prefill", false, func(message.LogitsRow) error { return broken }), broken)

	lost := errors.New("device lost")
	device := &failing{Device: refgpu.New()}
	host = openOn(t, enginetest.PackTiny(t), Options{Device: device})
	device.err = lost
	_, err := host.Generate(t.Context(), Prompt{Tokens: []int{1}}, greedy(4), nil)
	require.ErrorIs(t, err, lost)
}

// failing is a device that fails once err is set.
type failing struct {
	gpu.Device
	err error
}

func (f *failing) Execute(c gpu.Command) error {
	if f.err != nil {
		return f.err
	}
	return f.Device.Execute(c)
}
