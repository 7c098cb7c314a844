package engine_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/message"
)

// Inside speculation, too, a budget closes the thinking at its token, and what is forced is read like any other.
func TestBudgetWithDrafts(t *testing.T) {
	packed := packDrafting(t, enginetest.V3())
	accepted := 0
	for _, budget := range []int{0, 20} {
		var want said
		for depth := range message.Depth(4) {
			params := few(90, 5)
			params.ThinkingBudget, params.Draft = &budget, &depth
			h := openSmall(t, packed, engine.Options{Context: 200, Chunk: 1 + 5*int(depth)})
			got := hear(t, h.Ask(chatting(1, params)))
			if want.tokens == nil {
				want = got
			}
			require.Equal(t, want.tokens, got.tokens, "budget of %d, %d drafts", budget, depth)
			require.Equal(t, want.content, got.content)
			require.Zero(t, h.Engine.PagesInUse())
			if d := got.last.Usage.Drafts; d != nil {
				accepted += d.Accepted
			}
		}
		require.NotEmpty(t, want.content["0"])
	}
	require.Greater(t, accepted, 40, "the thinking ends among guesses that are right")
}

// An answer that is told to end its thinking has said until then what it says without being told.
func TestAnswerNowWithDrafts(t *testing.T) {
	packed := packDrafting(t, enginetest.V3())
	free := hear(t, openSmall(t, packed, engine.Options{Context: 200}).Ask(chatting(1, few(60, 1))))
	closed := 0
	for depth := range message.Depth(4) {
		for round := 2; round < 8; round += 2 {
			h := openSmall(t, packed, engine.Options{Context: 200, Chunk: 2})
			h.Hook = func(at int) {
				if at == round {
					h.Engine.Request(message.Request{Type: message.AnswerNow, ID: 1})
				}
			}
			params := few(60, 1)
			params.Draft = &depth
			got := hear(t, h.Ask(chatting(1, params)))
			require.Equal(t, 60, got.last.Usage.CompletionTokens)
			require.Zero(t, h.Engine.PagesInUse())
			same := 0
			for same < len(got.tokens) && got.tokens[same] == free.tokens[same] {
				same++
			}
			if got.content["0"] == "" {
				require.Equal(t, free.tokens, got.tokens, "it was too late")
				continue
			}
			closed++
			forced := slices.IndexFunc(got.tokens, func(id int) bool { return id < 50 || id > 53 })
			require.Equal(t, same, forced, "until it is told, it says the same")
		}
	}
	require.Greater(t, closed, 4)
}
