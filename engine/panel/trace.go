package panel

import (
	"tabseek/engine/message"
	"tabseek/engine/panel/answer"
)

// A Token is what a trace is about to take.
type Token struct {
	ID         int
	Text       string  // its bytes
	Thinking   bool    // it is of the thinking, its tags included
	Begins     bool    // it is the tag that begins it
	Ends       bool    // it is the tag that ends it
	Confidence float64 // the negative mean log-probability of the likeliest tokens of its place
	Logprob    float64 // its own
	Forced     bool    // it is part of what a Force said
}

// An End is how a trace ended.
type End struct {
	Reason  message.FinishReason
	Content string // its answer, without the thinking
}

// A trace is one of the answers that make the answer.
type trace struct {
	index   int
	purpose message.Purpose

	tokens, thought int
	closer          Closer
	loop            loopGuard
	circling        bool
	confidences     confidences
	probes          probes

	begun    bool
	ended    bool
	asked    bool // the host is to judge it
	finish   message.TraceFinish
	content  string
	key      string
	accepted *bool
}

// counts tells whether the trace's answer may be the answer: it ended by itself, and no verifier rejected it.
func (t *trace) counts() bool {
	return t.ended && t.finish != message.TraceCut && t.finish != message.TraceUnbegun && t.finish != message.TraceAborted && (t.accepted == nil || *t.accepted)
}

// ballot is the trace's vote; that of a rejected answer is empty.
func (t *trace) ballot() ballot {
	if !t.counts() {
		return ballot{weight: 1}
	}
	return ballot{t.key, 1}
}

func (t *trace) weighted() ballot {
	b := t.ballot()
	b.weight = t.confidences.tail()
	return b
}

// end notes how the trace ended.
func (t *trace) end(e End) {
	t.ended, t.content = true, e.Content
	switch {
	case t.circling:
		t.finish = message.TraceLoop
	case e.Reason == message.Length:
		t.finish = message.TraceLength
	case e.Reason == message.Abort:
		t.finish = message.TraceAborted
	case t.closer.closed:
		t.finish = message.TraceBudget
	default:
		t.finish = message.TraceStopped
	}
	t.key = answer.Key(e.Content)
}

func (t *trace) summary() message.TraceSummary {
	s := message.TraceSummary{Finish: t.finish, Tokens: t.tokens, ReasoningTokens: t.thought, Accepted: t.accepted, Answer: t.key, Score: t.confidences.score()}
	if len(t.confidences.values) > 0 {
		s.ConfLow, s.ConfTail = t.confidences.lowest(), t.confidences.tail()
	}
	return s
}
