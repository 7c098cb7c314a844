package remote_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/message"
	"tabseek/engine/panel/remote"
)

func pointer[T any](v T) *T { return &v }

func ask(s message.Strategy) message.Request {
	return message.Request{Type: message.Panel, ID: 4, Messages: []message.Message{{Role: message.User, Content: "1+1?"}}, Params: message.Params{Strategy: &s}}
}

// of are the events of a type.
func of(events []message.Event, kind message.EventType) []message.Event {
	var list []message.Event
	for _, e := range events {
		if e.Type == kind {
			list = append(list, e)
		}
	}
	return list
}

func TestVote(t *testing.T) {
	var p remote.Panels
	require.True(t, p.Request(ask(message.Strategy{Mode: message.Vote, N: pointer(4)})))
	begun := p.Take()
	require.Len(t, begun, 3, "those that can decide it")
	for i, e := range begun {
		require.Equal(t, message.Begin, e.Type)
		require.Equal(t, i, e.Lane.Trace)
		require.EqualValues(t, 4, e.ID)
		require.Empty(t, e.Messages, "the request's own")
	}
	for trace, key := range []string{"2", "3", "2"} {
		p.Request(message.Request{Type: message.Said, ID: 4, Trace: trace, Reasoning: "one and one"})
		p.Request(message.Request{Type: message.Said, ID: 4, Trace: trace, Content: fmt.Sprintf(`\boxed{%s}`, key)})
		p.Request(message.Request{Type: message.Ended, ID: 4, Trace: trace, FinishReason: message.Stopped})
	}
	told := p.Take()
	require.Len(t, of(told, message.Tallied), 3)
	require.Equal(t, 3, of(told, message.Begin)[0].Lane.Trace, "they could not")
	p.Request(message.Request{Type: message.Said, ID: 4, Trace: 3, Content: `\boxed{2}`})
	p.Request(message.Request{Type: message.Ended, ID: 4, Trace: 3, FinishReason: message.Stopped})
	events := p.Take()
	last := events[len(events)-1]
	require.Equal(t, message.Done, last.Type)
	require.Equal(t, "2", *last.Result.Answer)
	require.Equal(t, `\boxed{2}`, of(events, message.Delta)[0].Content)
	require.Equal(t, "one and one", of(events, message.Delta)[0].Reasoning)
	require.True(t, p.Request(message.Request{Type: message.Said, ID: 4, Trace: 3, Content: "late"}))
	require.Empty(t, p.Take())
}

// What is decided ends the others, and a cancelled panel has what there is.
func TestCuts(t *testing.T) {
	var p remote.Panels
	p.Request(ask(message.Strategy{Mode: message.Vote, N: pointer(3)}))
	for trace := range 2 {
		p.Request(message.Request{Type: message.Said, ID: 4, Trace: trace, Content: "7"})
		p.Request(message.Request{Type: message.Ended, ID: 4, Trace: trace, FinishReason: message.Stopped})
	}
	events := p.Take()
	require.Equal(t, 2, of(events, message.Cut)[0].Lane.Trace)
	require.Equal(t, message.ByDecided, events[len(events)-1].Result.StoppedBy)

	p.Request(ask(message.Strategy{Mode: message.Vote, N: pointer(3)}))
	require.True(t, p.Request(message.Request{Type: message.Cancel, ID: 4}))
	events = p.Take()
	require.Len(t, of(events, message.Cut), 3)
	require.Equal(t, message.Abort, events[len(events)-1].FinishReason)
	require.False(t, p.Request(message.Request{Type: message.Cancel, ID: 4}), "it is over, and may be another's")
}

func TestChecksAndVerdicts(t *testing.T) {
	var p remote.Panels
	p.Request(ask(message.Strategy{Mode: message.Check}))
	p.Request(message.Request{Type: message.Said, ID: 4, Content: "3"})
	p.Request(message.Request{Type: message.Ended, ID: 4, FinishReason: message.Stopped})
	begun := of(p.Take(), message.Begin)
	require.Len(t, begun, 4)
	require.Equal(t, message.ForCheck, begun[1].Lane.Purpose)
	require.Equal(t, "3", begun[1].Messages[1].Content)

	var other remote.Panels
	other.Request(ask(message.Strategy{Mode: message.BestOf, N: pointer(1), Verifier: &message.Verifier{Type: message.VerifyFunction}}))
	other.Request(message.Request{Type: message.Said, ID: 4, Content: "3"})
	other.Request(message.Request{Type: message.Ended, ID: 4, FinishReason: message.Stopped})
	require.Equal(t, "3", of(other.Take(), message.Verify)[0].Lane.Content)
	other.Request(message.Request{Type: message.Verdict, ID: 4, Accepted: true})
	require.Equal(t, message.ByVerifier, of(other.Take(), message.Done)[0].Result.StoppedBy)
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		param string
		s     message.Strategy
	}{
		{"strategy.mode", message.Strategy{Mode: message.Weighted}},
		{"strategy.mode", message.Strategy{Mode: message.BestOf}},
		{"strategy.stop", message.Strategy{Mode: message.Vote, Stop: message.StopProbe}},
		{"strategy.wait", message.Strategy{Mode: message.Single, Wait: pointer(1)}},
		{"strategy.verifier.pattern", message.Strategy{Mode: message.Vote, Verifier: &message.Verifier{Type: message.VerifyRegex, Pattern: "("}}},
	} {
		param, s := c.param, c.s
		var p remote.Panels
		require.True(t, p.Request(ask(s)))
		events := p.Take()
		require.Len(t, events, 1)
		require.Equal(t, message.Failed, events[0].Type)
		require.Equal(t, param, events[0].Param)
	}
	var none remote.Panels
	require.False(t, none.Request(message.Request{Type: message.Chat, ID: 4}))
}
