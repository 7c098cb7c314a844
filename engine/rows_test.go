package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/gpu"
	"tabseek/engine/gpu/refgpu"
	"tabseek/engine/message"
	"tabseek/shaders"
)

// answers are the tokens of each answer of each request, by id and index.
func answers(t *testing.T, events []message.Event) map[string][]int {
	all := map[string][]int{}
	ended := map[string]bool{}
	for _, e := range events {
		name := fmt.Sprint(e.ID, ".", e.Index)
		switch e.Type {
		case message.Delta:
			require.False(t, ended[name], "%s goes on after its end", name)
			all[name] = append(all[name], e.Tokens...)
		case message.Choice:
			require.False(t, ended[name], "%s ends twice", name)
			ended[name] = true
			require.Equal(t, len(all[name]), e.Usage.CompletionTokens)
		case message.Failed:
			require.Fail(t, e.Message)
		}
	}
	return all
}

// Several answers to a prompt are those that it has with the seeds after the first one, each alone.
func TestSamples(t *testing.T) {
	packed := packSmall(t)
	for _, n := range []int{1, 2, 3, 8, 11} {
		h := openSmall(t, packed, engine.Options{Context: 150})
		params := sampled(20, 7)
		params.N = &n
		events := h.Ask(message.Request{Type: "generate", ID: 3, Tokens: prompt(70, 0), Params: params})
		got := answers(t, events)
		require.Len(t, got, n)
		last := events[len(events)-1]
		require.Equal(t, message.Done, last.Type)
		require.Equal(t, &message.Usage{PromptTokens: 70, CompletionTokens: 20 * n}, last.Usage)
		for i := range n {
			alone, _ := openSmall(t, packed, engine.Options{Context: 150}).Generate(prompt(70, 0), sampled(20, 7+uint32(i)))
			require.Equal(t, alone, got[fmt.Sprint("3.", i)], "answer %d of %d", i, n)
		}
	}
}

// Answers to many requests of all kinds, at once and with hardly any pages, are those that each has alone.
func TestSideBySide(t *testing.T) {
	packed := packSmall(t)
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 6 {
		context := 100 + random.IntN(100)
		options := engine.Options{Context: context, Chunk: 1 + random.IntN(20), Sequences: 1 + random.IntN(8), CacheBytes: 1}
		if round%2 == 1 {
			options.CacheBytes = 0
		}
		h := openSmall(t, packed, options)
		var requests []message.Request
		for id := range uint32(9) {
			tokens := prompt(1+random.IntN(context-30), random.IntN(3))
			params := sampled(1+random.IntN(40), random.Uint32())
			params.N = pointer(1 + random.IntN(3))
			if random.IntN(3) == 0 {
				params.FrequencyPenalty, params.TopK = pointer(1.5), pointer(20)
			}
			requests = append(requests, message.Request{Type: "generate", ID: id + 1, Tokens: tokens, Params: params})
		}
		if random.IntN(2) == 0 {
			requests = slices.Insert(requests, 4, message.Request{Type: "logits", ID: 99, Tokens: prompt(30, 0)})
		}
		got := answers(t, h.Ask(requests...))
		alone := openSmall(t, packed, engine.Options{Context: context})
		for _, r := range requests {
			if r.Type == message.Logits {
				continue
			}
			for i := range *r.Params.N {
				params := r.Params
				params.N, params.Seed = nil, pointer(*r.Params.Seed+uint32(i))
				want, _ := alone.Generate(r.Tokens, params)
				require.Equal(t, want, got[fmt.Sprint(r.ID, ".", i)], "round %d, request %d, answer %d", round, r.ID, i)
			}
		}
		require.Zero(t, h.Engine.PagesInUse())
	}
}

// Cancelling a request at any time ends its answers, gives its pages back, and changes nothing for the others.
func TestCancelOneOfMany(t *testing.T) {
	packed := packSmall(t)
	ask := func(id uint32) message.Request {
		params := sampled(30, id)
		params.N = pointer(2)
		return message.Request{Type: "generate", ID: id, Tokens: prompt(40, int(id)), Params: params}
	}
	want := answers(t, openSmall(t, packed, engine.Options{Context: 100, Chunk: 3, CacheBytes: 1}).Ask(ask(1), ask(3)))
	for round := range 30 {
		h := openSmall(t, packed, engine.Options{Context: 100, Chunk: 3, CacheBytes: 1})
		h.Hook = func(at int) {
			if at == round {
				h.Engine.Request(message.Request{Type: "cancel", ID: 2})
			}
		}
		events := h.Ask(ask(1), ask(2), ask(3))
		got := answers(t, events)
		for name, tokens := range want {
			require.Equal(t, tokens, got[name], "cancelled in round %d", round)
		}
		ends := map[uint32]int{}
		for _, e := range events {
			if e.Type == message.Choice {
				ends[e.ID]++
			}
		}
		require.Equal(t, map[uint32]int{1: 2, 2: 2, 3: 2}, ends, "an answer that never began ends, too")
		require.Zero(t, h.Engine.PagesInUse())
	}
}

// Where there are more requests than sequences, the first tokens of none wait for the last of another, and each has the
// answers that it has alone; where pages are short, they come one after the other.
func TestTurns(t *testing.T) {
	packed := packSmall(t)
	ask := func(id uint32) message.Request {
		return message.Request{Type: "generate", ID: id, Tokens: prompt(10+int(id), int(id)), Params: sampled(60, id)}
	}
	const asked = 4
	want := map[string][]int{}
	alone := openSmall(t, packed, engine.Options{Context: 100})
	for id := range uint32(asked) {
		for name, tokens := range answers(t, alone.Ask(ask(id+1))) {
			want[name] = tokens
		}
	}
	for name, c := range map[string]struct {
		options engine.Options
		turns   bool
	}{
		"one sequence":  {engine.Options{Context: 100, Sequences: 1}, false},
		"two sequences": {engine.Options{Context: 100, Sequences: 2, Chunk: 3}, false},
		"plenty":        {engine.Options{Context: 250, Sequences: 2, Chunk: 3}, true},
		"pages are few": {engine.Options{Context: 100, Sequences: 2, Chunk: 3, CacheBytes: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := openSmall(t, packed, c.options)
			var requests []message.Request
			for id := range uint32(asked) {
				requests = append(requests, ask(id+1))
			}
			events := h.Ask(requests...)
			require.Equal(t, want, answers(t, events))
			require.Zero(t, h.Engine.PagesInUse())
			begun, before := map[uint32]bool{}, -1 // how many had begun before the first ended
			for _, e := range events {
				switch {
				case e.Type == message.Delta:
					begun[e.ID] = true
				case e.Type == message.Choice && before < 0:
					before = len(begun)
				}
			}
			t.Log(before, "had begun before the first ended")
			if c.turns {
				require.Equal(t, asked, before)
			}
		})
	}
}

func TestRowsKeepToThemselves(t *testing.T) {
	open := func(*testing.T) gpu.Device { return refgpu.New() }
	enginetest.RowsKeepToThemselves(t, open, shaders.Minimum().String())
}

func TestSequencesOption(t *testing.T) {
	_, _, err := enginetest.New(t, packSmall(t), refgpu.New(), engine.Options{Sequences: -1})
	require.ErrorContains(t, err, "sequences is -1, must be at least 1")
}
