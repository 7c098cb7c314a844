package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/message"
)

// What other engines got wrong when they verified drafts, each by its name.
func TestMistakesOfSpeculation(t *testing.T) {
	packed := packDrafting(t, enginetest.V3())
	h := openSmall(t, packed, engine.Options{Context: 150})
	ask := prompt(20, 0)
	// say is an answer with so many drafts, and what came of them.
	say := func(t *testing.T, depth message.Depth, params message.Params) ([]int, message.Drafts) {
		params.Draft = &depth
		tokens, last := h.Generate(ask, params)
		require.Equal(t, message.Done, last.Type, last.Message)
		if last.Usage.Drafts == nil {
			return tokens, message.Drafts{}
		}
		return tokens, *last.Usage.Drafts
	}
	// same demands that three drafts change nothing of an answer.
	same := func(t *testing.T, params message.Params) message.Drafts {
		want, none := say(t, 0, params)
		require.Zero(t, none.Passes)
		got, drafts := say(t, 3, params)
		require.Equal(t, want, got)
		return drafts
	}
	t.Run("another token is given than the one that was drawn and compared", func(t *testing.T) {
		drafts := same(t, few(60, 1))
		require.Positive(t, drafts.Accepted)
		require.Less(t, drafts.Accepted, drafts.Drafted, "some were wrong, too")
	})
	t.Run("drafts are the likeliest tokens, which what is drawn seldom equals", func(t *testing.T) {
		// Of four tokens, and a module that was never trained. By one random number for draft and draw, more guesses are right than the one in
		// four that tokens drawn apart would be.
		drafts := same(t, few(120, 2))
		require.Greater(t, 4*drafts.ByPosition[0], drafts.Passes)
	})
	t.Run("temperature and cuts are left out where drafts are verified", func(t *testing.T) {
		for seed := range uint32(3) {
			params := few(40, seed)
			params.Temperature, params.TopP, params.TopK, params.MinP = pointer(0.6), pointer(0.8), pointer(3), pointer(0.05)
			same(t, params)
		}
	})
	t.Run("penalties are left out where drafts are verified", func(t *testing.T) {
		params := few(40, 4)
		params.FrequencyPenalty, params.PresencePenalty, params.RepetitionPenalty = pointer(0.7), pointer(0.3), pointer(1.2)
		same(t, params)
	})
	t.Run("a seed does not repeat the answer", func(t *testing.T) {
		first, _ := say(t, 2, few(60, 5))
		again, _ := say(t, 2, few(60, 5))
		other, _ := say(t, 2, few(60, 6))
		require.Equal(t, first, again)
		require.NotEqual(t, first, other)
	})
	t.Run("small probabilities vanish", func(t *testing.T) {
		params := sampled(60, 7) // one token in some hundreds is another one
		params.LogitBias = map[int]float64{50: 100, 51: 94, 52: 94, 53: 94}
		same(t, params)
	})
	t.Run("a draft outside of what top-p keeps is accepted", func(t *testing.T) {
		params := few(60, 8)
		params.TopP = pointer(0.1) // the likeliest alone
		drawn, _ := say(t, 3, params)
		params.TopP, params.Temperature = nil, pointer(0.0)
		greedy, _ := say(t, 0, params)
		require.Equal(t, greedy, drawn)
	})
	t.Run("what a wrong draft left in the cache is read", func(t *testing.T) {
		for length := 1; length < 40; length += 6 {
			so, _ := say(t, 3, few(length, 9))
			require.Len(t, so, length)
			longer, _ := say(t, 3, few(length+10, 9)) // it begins with rows of pages that the shorter one left
			fresh, _ := openSmall(t, packed, engine.Options{Context: 150}).Generate(ask, few(length+10, 9))
			require.Equal(t, fresh, longer)
			require.Equal(t, so, longer[:length])
		}
	})
}
