package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/enginetest"
	"tabseek/engine/message"
	"tabseek/engine/tokenizer"
	"tabseek/engine/tokenizer/chat"
)

// said is what a chat's answers are, by index, and what its lanes say, by trace.
type said struct {
	content, reasoning map[string]string
	tokens             []int // of answer 0
	last               message.Event
	tallies            []message.Tally
	verify             []message.Lane
}

func hear(t *testing.T, events []message.Event) said {
	s := said{content: map[string]string{}, reasoning: map[string]string{}}
	for _, e := range events {
		require.Empty(t, s.last.Type, "the last event is the last")
		switch e.Type {
		case message.Delta:
			name := fmt.Sprint(e.Index)
			s.content[name] += e.Content
			s.reasoning[name] += e.Reasoning
			if e.Index == 0 {
				s.tokens = append(s.tokens, e.Tokens...)
			}
		case message.LaneEvent:
			name := fmt.Sprint("lane ", e.Lane.Trace)
			s.content[name] += e.Lane.Content
			s.reasoning[name] += e.Lane.Reasoning
		case message.Tallied:
			s.tallies = append(s.tallies, *e.Tally)
		case message.Verify:
			s.verify = append(s.verify, *e.Lane)
		case message.Done:
			s.last = e
		case message.Failed:
			require.Fail(t, e.Message)
		}
	}
	require.Equal(t, message.Done, s.last.Type)
	return s
}

func chatting(id uint32, params message.Params) message.Request {
	return message.Request{Type: message.Chat, ID: id, Messages: []message.Message{{Role: message.User, Content: "How much is 2 + 3?"}}, Params: params}
}

// A budget closes the thinking after the same tokens however many of them a submit has, and what comes before is what comes without.
func TestBudget(t *testing.T) {
	packed := packSmall(t)
	free := hear(t, openSmall(t, packed, engine.Options{Context: 200}).Ask(chatting(1, sampled(90, 5))))
	require.Equal(t, 90, free.last.Usage.ReasoningTokens, "the model never ends its thinking by itself")
	for _, budget := range []int{0, 1, 7, 30, 60} {
		var want said
		for _, chunk := range []int{1, 3, 16, 64} {
			h := openSmall(t, packed, engine.Options{Context: 200, Chunk: chunk})
			params := sampled(90, 5)
			params.ThinkingBudget = &budget
			got := hear(t, h.Ask(chatting(1, params)))
			if want.tokens == nil {
				want = got
			}
			require.Equal(t, want.tokens, got.tokens, "budget of %d, chunk of %d", budget, chunk)
			require.Equal(t, want.content, got.content)
			require.Zero(t, h.Engine.PagesInUse())
		}
		kept := 0
		for want.tokens[kept] == free.tokens[kept] {
			kept++
		}
		thought := want.last.Usage.ReasoningTokens
		room := 90 - 45 // half of it is kept for the answer
		require.GreaterOrEqual(t, kept, min(budget, room-20), "budget of %d", budget)
		require.LessOrEqual(t, kept, budget+budget/10+3)
		require.LessOrEqual(t, thought, min(budget+budget/10+3+20, room+3))
		require.Equal(t, 90, want.last.Usage.CompletionTokens)
		require.NotEmpty(t, want.content["0"])
		if budget > 0 {
			require.Contains(t, want.reasoning["0"], "Time to answer.")
		}
	}
}

// What a forced answer goes on with is what the model would say to all of it as its prompt.
func TestForcedTokensAreRead(t *testing.T) {
	packed := packSmall(t)
	params := message.Params{MaxTokens: pointer(60), Temperature: pointer(0.0)}
	params.ThinkingBudget = pointer(10)
	h := openSmall(t, packed, engine.Options{Context: 200})
	got := hear(t, h.Ask(chatting(1, params)))
	compiled, err := h.Model.ReadTokenizer()
	require.NoError(t, err)
	pieces, err := tokenizer.New(compiled)
	require.NoError(t, err)
	start, err := chat.Format{Family: chat.DeepSeekR1}.Write(pieces, chatting(1, params).Messages, chat.Options{})
	require.NoError(t, err)
	require.Len(t, start.IDs, got.last.Usage.PromptTokens)
	var ids []int
	for _, e := range h.Ask(message.Request{Type: message.Generate, ID: 2, Tokens: slices.Concat(start.IDs, got.tokens[:40]), Params: message.Params{MaxTokens: pointer(20), Temperature: pointer(0.0)}}) {
		ids = append(ids, e.Tokens...)
	}
	require.Equal(t, got.tokens[40:], ids)
}

// Each trace of a vote says what an answer with its seed says alone.
func TestTracesAreAnswers(t *testing.T) {
	packed := packSmall(t)
	for _, n := range []int{2, 5} {
		h := openSmall(t, packed, engine.Options{Context: 200, Chunk: 7})
		params := sampled(40, 9)
		params.ThinkingBudget = pointer(12)
		params.Strategy = &message.Strategy{Mode: message.Vote, N: &n, Stop: message.StopNone}
		got := hear(t, h.Ask(chatting(3, params)))
		require.Len(t, got.tallies, n)
		require.Len(t, got.last.Result.Traces, n)
		require.Equal(t, message.ByAll, got.last.Result.StoppedBy)
		require.Equal(t, 40*n, got.last.Usage.CompletionTokens)
		require.Zero(t, h.Engine.PagesInUse())
		for i := range n {
			alone := sampled(40, 9+uint32(i))
			alone.ThinkingBudget = pointer(12)
			want := hear(t, openSmall(t, packed, engine.Options{Context: 200}).Ask(chatting(3, alone)))
			lane := fmt.Sprint("lane ", i)
			require.Equal(t, want.content["0"], got.content[lane], "trace %d", i)
			require.Equal(t, want.reasoning["0"], got.reasoning[lane], "trace %d", i)
		}
		if at := got.last.Result.Trace; at != nil {
			require.Equal(t, got.content[fmt.Sprint("lane ", *at)], got.content["0"])
		} else {
			require.Contains(t, got.content["0"], "No majority")
		}
	}
}

// A vote that stops as soon as it is decided has the answer of the full vote.
func TestDecidedVote(t *testing.T) {
	packed := packSmall(t)
	answered := 0
	for seed := range uint32(12) {
		ask := func(stop message.StopRule) *message.Result {
			params := sampled(14, 100*seed)
			params.ThinkingBudget = pointer(0)
			params.TopK = pointer(40)
			params.Strategy = &message.Strategy{Mode: message.Vote, N: pointer(4), Stop: stop}
			h := openSmall(t, packed, engine.Options{Context: 100, Chunk: 2, Sequences: 2})
			return hear(t, h.Ask(chatting(1, params))).last.Result
		}
		full, decided := ask(message.StopNone), ask(message.StopDecided)
		require.Equal(t, full.Answer, decided.Answer, "seed %d", seed)
		if full.Answer != nil {
			answered++
		}
	}
	require.Positive(t, answered, "some random texts hold numbers")
}

// The first answer that a verifier accepts ends the traces, and another request goes on beside them.
func TestVerifierEndsTraces(t *testing.T) {
	packed := packSmall(t)
	h := openSmall(t, packed, engine.Options{Context: 200, Chunk: 4, Sequences: 3})
	params := sampled(60, 1)
	params.ThinkingBudget = pointer(3)
	params.Strategy = &message.Strategy{Mode: message.BestOf, Verifier: &message.Verifier{Type: message.VerifyRegex, Pattern: `(?s).*`}}
	var one, two []message.Event
	for _, e := range h.Ask(chatting(1, params), chatting(2, sampled(30, 1))) {
		if e.ID == 1 {
			one = append(one, e)
		} else {
			two = append(two, e)
		}
	}
	got := hear(t, one)
	require.Equal(t, message.ByVerifier, got.last.Result.StoppedBy)
	require.Equal(t, message.TraceUnbegun, got.last.Result.Traces[7].Finish)
	require.Positive(t, got.last.Result.SavedTokens)
	require.Zero(t, h.Engine.PagesInUse())
	require.Equal(t, hear(t, openSmall(t, packed, engine.Options{Context: 200}).Ask(chatting(2, sampled(30, 1)))).tokens, hear(t, two).tokens)
}

// The caller can have all thinking closed at any time.
func TestAnswerNow(t *testing.T) {
	packed := packSmall(t)
	for _, strategy := range []*message.Strategy{nil, {Mode: message.Vote, N: pointer(3)}} {
		for round := range 12 {
			h := openSmall(t, packed, engine.Options{Context: 200, Chunk: 3})
			h.Hook = func(at int) {
				if at == round {
					h.Engine.Request(message.Request{Type: message.AnswerNow, ID: 1})
				}
			}
			params := sampled(50, 1)
			params.Strategy = strategy
			got := hear(t, h.Ask(chatting(1, params)))
			require.Zero(t, h.Engine.PagesInUse())
			if round > 0 && round < 7 { // it is under way
				require.NotEmpty(t, got.content["0"], "in round %d", round)
			}
		}
	}
}

// A strategy is cancelled at any time, with what there is.
func TestCancelStrategy(t *testing.T) {
	packed := packSmall(t)
	for round := range 20 {
		h := openSmall(t, packed, engine.Options{Context: 100, Chunk: 3, Sequences: 4})
		h.Hook = func(at int) {
			if at == round {
				h.Engine.Request(message.Request{Type: message.Cancel, ID: 1})
			}
		}
		params := sampled(50, 1)
		params.Strategy = &message.Strategy{Mode: message.Vote, N: pointer(6)}
		events := h.Ask(chatting(1, params))
		got := hear(t, events)
		require.Equal(t, message.Abort, got.last.FinishReason)
		require.Equal(t, message.ByCaller, got.last.Result.StoppedBy)
		require.Len(t, got.last.Result.Traces, 6)
		require.Zero(t, h.Engine.PagesInUse())
	}
}

// The host is asked about each answer, and may take its time.
func TestHostVerifies(t *testing.T) {
	h := openSmall(t, packSmall(t), engine.Options{Context: 200})
	params := sampled(20, 1)
	params.ThinkingBudget = pointer(2)
	params.Strategy = &message.Strategy{Mode: message.BestOf, N: pointer(2), Verifier: &message.Verifier{Type: message.VerifyFunction}}
	var asked []int
	for _, e := range h.Ask(chatting(1, params)) {
		require.NotEqual(t, message.Done, e.Type)
		if e.Type == message.Verify {
			asked = append(asked, e.Lane.Trace)
		}
	}
	require.Len(t, asked, 2)
	require.Empty(t, h.Ask(message.Request{Type: message.Verdict, ID: 1, Trace: asked[0]}))
	got := hear(t, h.Ask(message.Request{Type: message.Verdict, ID: 1, Trace: asked[1], Accepted: true}))
	require.Equal(t, message.ByVerifier, got.last.Result.StoppedBy)
	require.Equal(t, asked[1], *got.last.Result.Trace)
}

// Probing a trace leaves it as it is.
func TestProbesLeaveTracesAlone(t *testing.T) {
	packed := packSmall(t)
	ask := func(every int, stop message.StopRule) said {
		h := openSmall(t, packed, engine.Options{Context: 200, Chunk: 5})
		h.Engine.ProbeEvery(every)
		params := sampled(70, 4)
		params.ThinkingBudget = pointer(30)
		params.Strategy = &message.Strategy{Mode: message.Vote, N: pointer(3), Stop: stop}
		got := hear(t, h.Ask(chatting(1, params)))
		require.Zero(t, h.Engine.PagesInUse())
		return got
	}
	without, with := ask(0, message.StopNone), ask(8, message.StopProbe)
	if with.last.Result.StoppedBy == message.ByProbe {
		require.Greater(t, len(with.tallies), 0)
	}
	for i := range 3 {
		lane := fmt.Sprint("lane ", i)
		require.True(t, strings.HasPrefix(without.content[lane]+"|", with.content[lane]), "trace %d", i)
		require.True(t, strings.HasPrefix(without.reasoning[lane]+"|", with.reasoning[lane]), "trace %d", i)
	}
	require.Greater(t, with.last.Usage.CompletionTokens, 3*8)
}

func TestStrategyRefusals(t *testing.T) {
	h := openSmall(t, packSmall(t), engine.Options{Context: 100})
	probing := sampled(20, 1)
	probing.Strategy = &message.Strategy{Mode: message.Vote, Stop: message.StopProbe}
	events := h.Ask(chatting(1, probing))
	require.Equal(t, message.Failed, events[len(events)-1].Type)
	require.Equal(t, "strategy.stop", events[len(events)-1].Param)
	require.ErrorContains(t, errors.New(events[len(events)-1].Message), "2 billion")
	for want, v := range map[string]message.Verifier{
		"strategy.verifier.schema is no schema that is known here: type is not as a schema has it":         {Type: message.VerifyJSON, Schema: message.Schema(`{"type":1}`)},
		"strategy.verifier.pattern is no regular expression: error parsing regexp: missing closing ): `(`": {Type: message.VerifyRegex, Pattern: "("},
	} {
		params := sampled(20, 1)
		params.Strategy = &message.Strategy{Mode: message.Vote, Verifier: &v}
		events := h.Ask(chatting(1, params))
		require.Equal(t, message.Event{Type: message.Failed, ID: 1, Code: message.BadRequest, Param: strings.Fields(want)[0], Message: want}, events[len(events)-1])
	}
}

// Whatever is asked at once, and steered or cancelled on the way: every request has its one end, and no page stays in use.
func TestSteeredCrowd(t *testing.T) {
	t.Run("without a module", func(t *testing.T) { steeredCrowd(t, packSmall(t), 8) })
	t.Run("with a module", func(t *testing.T) { steeredCrowd(t, packDrafting(t, enginetest.V3()), 4) })
}

func steeredCrowd(t *testing.T, packed string, rounds int) {
	random := rand.New(rand.NewPCG(5, 6))
	for round := range rounds {
		context := 120 + random.IntN(120)
		h := openSmall(t, packed, engine.Options{Context: context, Chunk: 1 + random.IntN(20), Sequences: 1 + random.IntN(8), CacheBytes: 1 + random.Int64N(2)<<20})
		h.Engine.ProbeEvery(random.IntN(2) * 6)
		modes := []message.StrategyMode{message.Single, message.Vote, message.ShortM, message.Weighted, message.BestOf, message.Check, message.Fuse}
		var requests []message.Request
		for id := range uint32(5) {
			params := few(1+random.IntN(60), random.Uint32())
			params.Draft = pointer(message.Depth(random.IntN(4)))
			if random.IntN(2) == 0 {
				params.ThinkingBudget = pointer(random.IntN(30))
			}
			if random.IntN(4) > 0 {
				s := &message.Strategy{Mode: modes[random.IntN(len(modes))]}
				if s.Mode == message.Vote {
					s.Stop = []message.StopRule{message.StopNone, message.StopDecided, message.StopBeta, message.StopProbe}[random.IntN(4)]
				}
				if s.Traces() > 1 {
					s.N = pointer(1 + random.IntN(6))
				}
				s.Wait = pointer(random.IntN(2))
				params.Strategy = s
			} else {
				params.N = pointer(1 + random.IntN(3))
			}
			requests = append(requests, chatting(id+1, params))
		}
		h.Hook = func(int) {
			if random.IntN(4) == 0 {
				kind := []message.RequestType{message.AnswerNow, message.ThinkLonger, message.Verdict, message.Cancel}[random.IntN(4)]
				h.Engine.Request(message.Request{Type: kind, ID: uint32(1 + random.IntN(6)), Trace: random.IntN(9)})
			}
		}
		ends := map[uint32]int{}
		for _, e := range h.Ask(requests...) {
			if e.Type == message.Done || e.Type == message.Failed {
				ends[e.ID]++
			}
		}
		require.Equal(t, map[uint32]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, ends, "round %d", round)
		require.Zero(t, h.Engine.PagesInUse())
	}
}
