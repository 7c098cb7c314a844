// Package panel makes one answer of several. It is told what traces say and how they end, and says what is to be begun,
// forked, cut and forced, and in the end what the answer is. It does none of it itself: no I/O, no clock, no GPU, no text
// turned into tokens. So the guest, and a client of somebody else's engine, are led by the same rules.
package panel

import (
	"cmp"
	"slices"
	"strings"

	"tabseek/engine/message"
	"tabseek/engine/panel/verify"
)

// Options are what a panel goes by.
type Options struct {
	Strategy message.Strategy
	Messages []message.Message // the conversation, which ends with the question
	Verify   verify.Verifier   // nil: there is none, or it is the host's
	Budget   Budget
	Seed     uint32 // of the request: what the panel itself leaves to chance
	// ProbeEvery is after how many tokens each a trace is asked for what it would answer now; 0: never. Small models answer
	// too early by it: those below 2 billion parameters are better left alone (2602.03845).
	ProbeEvery int
}

// An Action is what the panel wants done: a Start, Fork, Cut or Ask.
type Action interface{ action() }

// A Start begins a trace: with the conversation as it is, or with Messages.
type Start struct {
	Trace    int
	Purpose  message.Purpose
	Messages []message.Message
}

// A Fork asks what a trace would answer now: its thinking is closed in a copy of it, and Text begins the answer, which
// goes on greedily for Tokens at most. Probed brings what came.
type Fork struct {
	Trace  int
	Text   string
	Tokens int
}

// A Cut ends a trace that is not needed any more, or will never be begun.
type Cut struct{ Trace int }

// An Ask wants the host's verifier to judge a trace's answer. Verdict brings what it says.
type Ask struct {
	Trace   int
	Content string
}

func (Start) action() {}
func (Fork) action()  {}
func (Cut) action()   {}
func (Ask) action()   {}

// A Panel makes the answer to one question.
type Panel struct {
	options Options
	mode    mode
	traces  []*trace
	actions []Action
	result  *message.Result
	text    string // of the answer, where it is no trace's
	awaited int    // short_m: how long the traces that have ended thought, where those that run may yet think less
}

// A mode is what the traces are begun for, and what comes of their ends.
type mode interface {
	begin(p *Panel)
	// ended is told of each trace whose end is known, and judged where there is a verifier.
	ended(p *Panel, t *trace)
	// conclude makes the answer of what there is.
	conclude(p *Panel) conclusion
}

// A conclusion is an answer: a trace's, or a text.
type conclusion struct {
	answer string // empty: none
	chosen message.ChosenBy
	trace  *trace
	text   string
}

// New begins a panel. What to do first is in Actions.
func New(o Options) *Panel {
	p := &Panel{options: o}
	switch o.Strategy.Mode {
	case message.Check:
		p.mode = &checking{}
	case message.Fuse:
		p.mode = &fusing{}
	default:
		p.mode = poll{}
	}
	p.mode.begin(p)
	return p
}

// Actions are what is to be done, in order, since they were last asked for.
func (p *Panel) Actions() []Action {
	list := p.actions
	p.actions = nil
	return list
}

// Result is what came of it all; nil as long as there is no answer.
func (p *Panel) Result() *message.Result { return p.result }

// Ended tells whether nothing more is wanted of a trace.
func (p *Panel) Ended(index int) bool { return p.traces[index].ended }

// Text is the answer where it is no trace's.
func (p *Panel) Text() string { return p.text }

func (p *Panel) start(purpose message.Purpose, messages []message.Message) {
	p.begin(p.add(purpose), messages)
}

// add adds a trace that may be begun later.
func (p *Panel) add(purpose message.Purpose) *trace {
	t := &trace{index: len(p.traces), purpose: purpose, closer: NewCloser(p.options.Budget)}
	p.traces = append(p.traces, t)
	return t
}

func (p *Panel) begin(t *trace, messages []message.Message) {
	t.begun = true
	p.actions = append(p.actions, Start{t.index, t.purpose, messages})
}

// Next is told of each token before its trace takes it. If it is to take something else in its place, that is returned; the
// tokens of it are told one by one as Forced, and what the trace decoded beyond this place counts for nothing.
func (p *Panel) Next(index int, token Token) (Force, bool) {
	t := p.traces[index]
	if token.Forced {
		t.closer.Take(token.Text)
	} else if token.Thinking && !token.Begins {
		if t.circling && !t.closer.closed {
			t.closer.Now()
		}
		if force, ok := t.closer.Next(token.Text, token.Ends); ok {
			return force, true
		}
	}
	t.tokens++
	if token.Thinking {
		t.thought++
		p.thought(t)
	}
	if token.Forced {
		return Force{}, false
	}
	t.confidences.add(token.Confidence, token.Logprob)
	if t.loop.take(token.ID) && !t.circling {
		t.circling = true
		if !token.Thinking {
			p.cut(t, message.TraceLoop)
			p.judged(t)
			return Force{}, false
		}
	}
	if every := p.options.ProbeEvery; every > 0 && token.Thinking && !token.Ends && t.thought%every == 0 && p.polls() {
		p.actions = append(p.actions, Fork{index, probing, probeTokens})
	}
	return Force{}, false
}

// thought ends a short_m that waited only for the trace to think longer than those that have ended.
func (p *Panel) thought(t *trace) {
	if p.options.Strategy.Mode != message.ShortM || t.thought != p.awaited+1 {
		return
	}
	if _, ok := p.shortest(); ok {
		p.concludeByMode(message.ByShort)
	}
}

// polls tells whether probes can end the panel.
func (p *Panel) polls() bool {
	s := p.options.Strategy
	return s.Mode == message.Vote && s.StopWhen() == message.StopProbe
}

// End is told when a trace has ended by itself.
func (p *Panel) End(index int, e End) {
	t := p.traces[index]
	if t.ended || p.result != nil {
		return
	}
	t.end(e)
	v := p.options.Strategy.Verifier
	switch {
	case v == nil || t.purpose == message.ForCheck:
	case p.options.Verify != nil:
		accepted := p.options.Verify(e.Content)
		t.accepted = &accepted
	default:
		t.asked = true
		p.actions = append(p.actions, Ask{index, e.Content})
		return
	}
	p.judged(t)
}

// Verdict is told what the host's verifier says of a trace that it was asked about.
func (p *Panel) Verdict(index int, accepted bool) {
	if index < 0 || index >= len(p.traces) || !p.traces[index].asked {
		return
	}
	t := p.traces[index]
	t.asked, t.accepted = false, &accepted
	p.judged(t)
}

// judged goes on after a trace has ended and its verdict is known.
func (p *Panel) judged(t *trace) {
	if p.result != nil {
		return
	}
	if t.accepted != nil && *t.accepted {
		p.conclude(message.ByVerifier, conclusion{cmp.Or(t.key, strings.TrimSpace(t.content)), message.ChosenVerifier, t, ""})
		return
	}
	p.mode.ended(p, t)
}

// Probed is told what a trace would answer now.
func (p *Panel) Probed(index int, content string) {
	t := p.traces[index]
	if t.ended || p.result != nil {
		return
	}
	t.probes.add(content)
	if agreed(p.traces) {
		p.concludeByMode(message.ByProbe)
	}
}

// AnswerNow closes the thinking of all traces.
func (p *Panel) AnswerNow() {
	for _, t := range p.traces {
		if !t.closer.closed {
			t.closer.Now()
		}
	}
}

// ThinkLonger puts off the end of the thinking of all traces, once more.
func (p *Panel) ThinkLonger() {
	for _, t := range p.traces {
		t.closer.Longer()
	}
}

// Abort ends the panel with what there is.
func (p *Panel) Abort() {
	if p.result == nil {
		p.concludeByMode(message.ByCaller)
	}
}

// running are the traces that have not ended, those that have not begun among them, or whose verdict is not known.
func (p *Panel) running() int {
	n := 0
	for _, t := range p.traces {
		if !t.ended || t.asked {
			n++
		}
	}
	return n
}

// cut ends a trace from here.
func (p *Panel) cut(t *trace, finish message.TraceFinish) {
	t.ended, t.asked, t.finish = true, false, finish
	p.actions = append(p.actions, Cut{t.index})
}

// Tally is how the vote stands.
func (p *Panel) Tally() message.Tally {
	t := p.tally()
	return message.Tally{Groups: append([]message.Group{}, t.groups...), Agreement: t.agreement(), Ended: len(p.traces) - p.running(), Running: p.running()}
}

// tally counts the answers of the traces that have ended.
func (p *Panel) tally() tally {
	var ballots []ballot
	for _, t := range p.traces {
		switch {
		case !t.ended || t.asked || t.purpose != message.ForAnswer || t.finish == message.TraceCut || t.finish == message.TraceUnbegun:
		case p.options.Strategy.Mode == message.Weighted:
			ballots = append(ballots, t.weighted())
		default:
			ballots = append(ballots, t.ballot())
		}
	}
	return count(ballots)
}

func (p *Panel) concludeByMode(why message.StoppedBy) { p.conclude(why, p.mode.conclude(p)) }

// conclude ends what still runs and makes the result.
func (p *Panel) conclude(why message.StoppedBy, c conclusion) {
	t := p.tally()
	if why == message.ByProbe {
		t = prospects(p.traces)
	}
	r := &message.Result{Groups: append([]message.Group{}, t.groups...), Agreement: t.agreement(), StoppedBy: why, ChosenBy: c.chosen}
	if c.answer != "" {
		r.Answer = &c.answer
	}
	if c.trace != nil {
		r.Trace = &c.trace.index
	}
	p.text = c.text
	r.SavedTokens = p.saved()
	for _, t := range p.traces {
		switch {
		case t.ended && !t.asked:
		case why == message.ByCaller:
			p.cut(t, message.TraceAborted)
		case t.tokens == 0:
			p.cut(t, message.TraceUnbegun)
		default:
			p.cut(t, message.TraceCut)
		}
		r.Traces = append(r.Traces, t.summary())
	}
	p.result = r
}

// saved is how many tokens the traces that have not ended would most likely have taken yet. Those that still run are the long
// ones, so each is taken to have as much before it as a trace has in the mean: all tokens, by the traces that have ended.
func (p *Panel) saved() int {
	ended, left, tokens := 0, 0, 0
	for _, t := range p.traces {
		if t.purpose != message.ForAnswer {
			continue
		}
		tokens += t.tokens
		if t.ended {
			ended++
		} else {
			left++
		}
	}
	if ended == 0 {
		return 0
	}
	return tokens * left / ended
}

// Lane is how a trace stands, without its text.
func (p *Panel) Lane(index int) message.Lane {
	t := p.traces[index]
	l := message.Lane{Trace: index, Purpose: t.purpose, Tokens: t.tokens, Thinking: !t.ended && t.thought == t.tokens, Answer: t.key, Finish: t.finish,
		Confidence: t.confidences.recent(32)}
	if l.Answer == "" {
		l.Answer = t.probes.last()
	}
	return l
}

// Question is the last message of the user's in a conversation.
func Question(messages []message.Message) string {
	for _, m := range slices.Backward(messages) {
		if m.Role == message.User {
			return m.Content
		}
	}
	return ""
}
