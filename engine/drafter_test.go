package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/message"
	"tabseek/engine/tokenizer/chat"
	"tabseek/engine/weights"
)

// drafting are a model with a draft module, and one whose drafts are what has been said before.
var drafting = map[string]enginetest.Config{"module": enginetest.V3(), "said before": enginetest.Qwen2()}

func packDrafting(t *testing.T, config enginetest.Config) string {
	seed := weights.Seed{Name: "drafting", Chat: chat.DeepSeekR1}
	packed, _ := enginetest.Case{Config: config}.Pack(t, weights.QuantKeep, seed)
	return packed
}

// few are sampling parameters of an answer of few different tokens, so that guesses are often right.
func few(n int, seed uint32) message.Params {
	params := sampled(n, seed)
	params.LogitBias = map[int]float64{50: 100, 51: 100, 52: 100, 53: 99}
	return params
}

// Whatever is guessed, and how many answers there are beside it, an answer is the one that it is without guesses.
func TestDraftsChangeNothing(t *testing.T) {
	for name, config := range drafting {
		t.Run(name, func(t *testing.T) { draftsChangeNothing(t, packDrafting(t, config)) })
	}
}

func draftsChangeNothing(t *testing.T, packed string) {
	random := rand.New(rand.NewPCG(5, 6))
	accepted := 0
	for round := range 6 {
		n, length, seed := 1+random.IntN(4), 1+random.IntN(80), random.Uint32()
		params := few(1+random.IntN(60), seed)
		if random.IntN(3) == 0 {
			params.Temperature = pointer(0.0)
		}
		if random.IntN(4) == 0 {
			params.FrequencyPenalty = pointer(0.5)
		}
		want := map[string][]int{}
		alone := openSmall(t, packed, engine.Options{Context: 150})
		for i := range n {
			off := params
			off.Draft, off.Seed = pointer(message.Depth(0)), pointer(seed+uint32(i))
			want[fmt.Sprint("1.", i)], _ = alone.Generate(prompt(length, round), off)
		}
		for _, depth := range []message.Depth{1, 2, 3, message.AutoDepth} {
			options := engine.Options{Context: 150, Chunk: 1 + random.IntN(20)}
			if random.IntN(2) == 0 {
				options.CacheBytes = 1
			}
			h := openSmall(t, packed, options)
			params.N, params.Draft = &n, &depth
			events := h.Ask(message.Request{Type: message.Generate, ID: 1, Tokens: prompt(length, round), Params: params})
			require.Equal(t, want, answers(t, events), "round %d, depth %d", round, depth)
			require.Zero(t, h.Engine.PagesInUse())
			if d := events[len(events)-1].Usage.Drafts; d != nil {
				accepted += d.Accepted
				require.LessOrEqual(t, d.Accepted, d.Drafted)
				for i, right := range d.ByPosition {
					require.LessOrEqual(t, right, d.Passes)
					require.True(t, i == 0 || right <= d.ByPosition[i-1], "a guess is right only if those before it are")
				}
			}
		}
	}
	require.Greater(t, accepted, 40, "many guesses are right")
}

// What was decoded or filled without guesses is given to the draft module before it guesses on: as many guesses are right then as from the
// start.
func TestDraftsGoOnAfterNone(t *testing.T) {
	packed := packDrafting(t, enginetest.V3())
	with := func(n int, seed uint32, depth message.Depth) message.Params {
		params := few(n, seed)
		params.Draft = &depth
		return params
	}
	for _, length := range []int{3, 30, 100} {
		h := openSmall(t, packed, engine.Options{Context: 250})
		said, _ := h.Generate(prompt(length, 0), with(50, 5, 0)) // its pages stay, and are taken
		longer := slices.Concat(prompt(length, 0), said)
		want, fromStart := openSmall(t, packed, engine.Options{Context: 250}).Generate(longer, with(60, 9, 3))
		got, after := h.Generate(longer, with(60, 9, 3))
		require.Equal(t, want, got)
		require.Positive(t, after.Usage.CachedTokens)
		require.Equal(t, fromStart.Usage.Drafts, after.Usage.Drafts)
	}

	// The same for an answer that goes without as long as another one beside it must, and then on with guesses.
	h := openSmall(t, packed, engine.Options{Context: 250, Chunk: 4})
	penalised := with(12, 1, 3)
	penalised.FrequencyPenalty = pointer(0.5)
	ask := func(id uint32, params message.Params) message.Request {
		return message.Request{Type: message.Generate, ID: id, Tokens: prompt(40, int(id)), Params: params}
	}
	events := h.Ask(ask(1, penalised), ask(2, with(100, 3, 3)))
	for _, e := range events {
		if e.Type == message.Choice && e.ID == 2 {
			require.Less(t, e.Usage.Drafts.Passes+e.Usage.Drafts.Accepted, 100-8, "passes without guesses are none that guessed wrong")
		}
	}
	got := answers(t, events)
	want := answers(t, openSmall(t, packed, engine.Options{Context: 250}).Ask(ask(2, with(100, 3, 3))))
	require.Equal(t, want["2.0"], got["2.0"])
	require.Zero(t, h.Engine.PagesInUse())
}

// Without a module, guesses come from a request's own answers, and never from what another one says, even if that is the same.
func TestGuessesOfOneRequestAlone(t *testing.T) {
	packed := packDrafting(t, enginetest.Qwen2())
	ask := func(id uint32) message.Request {
		params := few(60, 7)
		params.Draft, params.Temperature = pointer(message.Depth(3)), pointer(8.0) // so that it does not say one thing again and again
		return message.Request{Type: message.Generate, ID: id, Tokens: prompt(20, 0), Params: params}
	}
	of := func(events []message.Event) map[uint32]message.Drafts {
		all := map[uint32]message.Drafts{}
		for _, e := range events {
			if e.Type == message.Done {
				all[e.ID] = *e.Usage.Drafts
			}
		}
		return all
	}
	h := openSmall(t, packed, engine.Options{Context: 150, Sequences: 4})
	alone := of(h.Ask(ask(1)))[1]
	require.Positive(t, alone.Accepted)
	require.Less(t, 2*alone.Accepted, alone.Drafted)
	for round := range 2 { // the second time, the same ids have been there before
		for id, drafts := range of(h.Ask(ask(1), ask(2), ask(3))) {
			require.Equal(t, alone, drafts, "request %d in round %d", id, round)
		}
	}
	same := ask(1)
	same.Params.N, same.Params.Temperature = pointer(4), pointer(0.0)
	require.Greater(t, of(h.Ask(same))[1].Accepted, 4*alone.Accepted, "answers of one request help each other")
}

// A module that hardly ever guesses right is told of once: one of random weights is as wrong as one of another model.
func TestWrongModule(t *testing.T) {
	packed := packDrafting(t, enginetest.V3())
	ask := func(h *enginetest.Host, params message.Params) string {
		params.Draft, params.IgnoreEOS = pointer(message.Depth(1)), true
		_, last := h.Generate(prompt(9, 0), params)
		require.GreaterOrEqual(t, last.Usage.Drafts.Passes, 60)
		return last.Usage.Drafts.Warning
	}
	h := openSmall(t, packed, engine.Options{Context: 250})
	require.Regexp(t, `^only \d+ of the draft module's first 64 guesses of the next token were right`, ask(h, sampled(110, 3)))
	require.Empty(t, ask(h, sampled(110, 4)), "it has been said")
	require.Empty(t, ask(openSmall(t, packed, engine.Options{Context: 250}), few(160, 5)), "enough are right by chance")
}

// An answer ends where the context does, with guesses too.
func TestDraftsAtTheEndOfTheContext(t *testing.T) {
	packed := packDrafting(t, enginetest.V3())
	for context := 20; context < 30; context++ {
		for depth := range message.Depth(4) {
			params := few(1000, 3)
			params.Draft = &depth
			ids, last := openSmall(t, packed, engine.Options{Context: context}).Generate(prompt(9, 0), params)
			require.Equal(t, message.Length, last.FinishReason, last.Message)
			require.Len(t, ids, context-9)
		}
	}
}
