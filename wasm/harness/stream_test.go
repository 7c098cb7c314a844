package harness

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
)

// sampled asks for a warm answer of a seed.
func sampled(seed uint32, tokens int) message.Params {
	hot := 1.0
	return message.Params{Seed: &seed, Temperature: &hot, MaxTokens: &tokens, IgnoreEOS: true}
}

// Many callers at once get what each would get alone.
func TestManyAtOnce(t *testing.T) {
	host, _ := open(t, enginetest.PackTiny(t), Options{})
	prompt := func(i int) Prompt { return Prompt{Tokens: []int{256, 60 + i%3, 70}} }
	const callers = 12
	var alone [callers][]int
	for i := range callers {
		answer, err := host.Generate(t.Context(), prompt(i), sampled(uint32(i), 8), nil)
		require.NoError(t, err)
		alone[i] = answer.Tokens
	}
	var wait sync.WaitGroup
	var answers [callers]*Answer
	var errs [callers]error
	for i := range callers {
		wait.Go(func() { answers[i], errs[i] = host.Generate(t.Context(), prompt(i), sampled(uint32(i), 8), nil) })
	}
	wait.Wait()
	for i := range callers {
		require.NoError(t, errs[i])
		require.Equal(t, alone[i], answers[i].Tokens, "caller %d", i)
		require.Equal(t, 8, answers[i].Stats.CompletionTokens)
	}
}

// Several answers of one request are those that the seeds from the first on have alone; each has its own end, and the
// request has one.
func TestSeveralAnswers(t *testing.T) {
	host, _ := open(t, enginetest.PackTiny(t), Options{})
	prompt := Prompt{Tokens: []int{256, 72, 105}}
	n, params := 3, sampled(5, 8)
	params.N = &n
	var ends []int
	var last Event
	answers, err := host.Answers(t.Context(), prompt, params, func(e Event) {
		if e.Type == message.Choice {
			ends = append(ends, e.Index)
		}
		last = e
	})
	require.NoError(t, err)
	require.Len(t, answers, n)
	slices.Sort(ends)
	require.Equal(t, []int{0, 1, 2}, ends)
	require.Equal(t, message.Done, last.Type)
	require.Equal(t, message.Length, last.FinishReason)
	require.Equal(t, message.Usage{PromptTokens: 3, CachedTokens: last.Usage.CachedTokens, CompletionTokens: 24}, *last.Usage, "the prompt is counted once")
	require.Equal(t, 24, last.Stats.CompletionTokens)
	for i := range n {
		alone, err := host.Generate(t.Context(), prompt, sampled(5+uint32(i), 8), nil)
		require.NoError(t, err)
		require.Equal(t, alone.Tokens, answers[i].Tokens, "answer %d", i)
	}
}

// A stream is read at leisure, and waiting for it can be given up without ending it.
func TestStream(t *testing.T) {
	host, _ := open(t, enginetest.PackTiny(t), Options{Chunk: 2})
	s := host.Start(t.Context(), Prompt{Tokens: []int{256, 72}}.request(sampled(1, 6)))
	defer s.Close()
	_, err := host.Generate(t.Context(), Prompt{Tokens: []int{256}}, greedy(1), nil)
	require.NoError(t, err, "nobody waits for a reader")
	var types []message.EventType
	for {
		e, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Equal(t, s.id, e.ID)
		types = append(types, e.Type)
	}
	require.Equal(t, []message.EventType{message.Choice, message.Done}, types[len(types)-2:])
	require.GreaterOrEqual(t, len(types), 5, "deltas before")
	_, err = s.Next(t.Context())
	require.ErrorIs(t, err, io.EOF, "the end stays")

	endless := sampled(1, 200)
	first := host.Start(t.Context(), Prompt{Tokens: []int{256, 72}}.request(endless))
	second := host.Start(t.Context(), Prompt{Tokens: []int{256, 72}}.request(endless))
	first.Close()
	impatient, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-impatient.Done()
	_, err = second.Next(impatient)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	second.Close()
	for _, s := range []*Stream{first, second} {
		var last Event
		require.NoError(t, read(s, func(e Event) { last = e }))
		require.Equal(t, message.Abort, last.FinishReason)
	}
}

// Whatever ends a host ends what is asked of it, and what is asked later.
func TestHostEnds(t *testing.T) {
	endless := Prompt{Tokens: []int{256, 72}}.request(sampled(1, 200))
	t.Run("closed", func(t *testing.T) {
		host, _ := open(t, enginetest.PackTiny(t), Options{})
		streams := []*Stream{host.Start(t.Context(), endless), host.Start(t.Context(), endless)}
		require.NoError(t, host.Close(t.Context()))
		for _, s := range append(streams, host.Start(t.Context(), endless)) {
			require.ErrorIs(t, read(s, func(Event) {}), ErrClosed)
		}
	})
	t.Run("the device fails", func(t *testing.T) {
		lost := errors.New("device lost")
		device := &failing{Device: refgpu.New()}
		host := openOn(t, enginetest.PackTiny(t), Options{Device: device})
		device.err = lost
		for range 2 {
			require.ErrorIs(t, read(host.Start(t.Context(), endless), func(Event) {}), lost)
		}
	})
}
