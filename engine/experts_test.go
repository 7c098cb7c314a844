package engine_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/message"
)

// visits are the visits of each layer, all experts together, as the engine reports them.
func visits(t *testing.T, events []message.Event) []int {
	var sums []int
	for _, e := range events {
		if e.Type != message.Counted {
			continue
		}
		for _, layer := range e.Experts.Layers {
			sum := 0
			for _, n := range layer {
				sum += n
			}
			sums = append(sums, sum)
		}
	}
	require.Equal(t, message.Done, events[len(events)-1].Type)
	return sums
}

// Each row that decodes visits so many experts of a layer; rows of prompts, rows that compute nothing and the draft module are not counted.
func TestExpertsAreCounted(t *testing.T) {
	ask := message.Request{Type: message.Experts, ID: 9}
	packed := packDrafting(t, enginetest.V3()) // a dense layer, and one with 4 of 16 experts for each row
	h := openSmall(t, packed, engine.Options{Context: 100, Chunk: 5})
	require.Equal(t, []int{0, 0}, visits(t, h.Ask(ask)))
	params := sampled(40, 3)
	params.N, params.Draft, params.IgnoreEOS = pointer(3), pointer(message.Depth(0)), true
	question := message.Request{Type: message.Generate, ID: 1, Tokens: prompt(50, 0), Params: params}
	h.Ask(question)
	require.Equal(t, []int{0, 4 * 120}, visits(t, h.Ask(ask)))

	// Reports in the middle of answers change nothing of them.
	want := answers(t, h.Ask(question))
	h.Hook = func(round int) {
		if round < 40 { // each has a result of its own, and so a further round
			h.Engine.Request(ask)
		}
	}
	events := h.Ask(question)
	h.Hook = nil
	during := []int{2 * 4 * 120}
	for i := 0; i < len(events); i++ {
		if e := events[i]; e.Type == message.Counted {
			during = append(during, visits(t, []message.Event{e, events[i+1]})[1])
			events = slices.Delete(events, i, i+2)
			i--
		}
	}
	require.Equal(t, want, answers(t, events))
	require.True(t, slices.IsSorted(during), during)
	require.Less(t, during[1], 3*4*120)
	require.Equal(t, 3*4*120, during[len(during)-1])

	before := visits(t, h.Ask(ask))[1]
	question.Params.Draft = pointer(message.Depth(2))
	events = h.Ask(question)
	drafts := events[len(events)-1].Usage.Drafts
	require.GreaterOrEqual(t, visits(t, h.Ask(ask))[1]-before, 4*3*drafts.Passes, "rows of drafts count, right or wrong")

	// Rows of logits are not decoded, and what ends alone drops no report.
	before = visits(t, h.Ask(ask))[1]
	events = h.Ask(ask, message.Request{Type: message.Logits, ID: 4, Tokens: prompt(9, 0)}, ask)
	require.Equal(t, []int{0, before, 0, before}, visits(t, events))

	require.Empty(t, visits(t, openSmall(t, packDrafting(t, enginetest.Qwen2()), engine.Options{}).Ask(ask)))
}
