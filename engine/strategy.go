package engine

import (
	"slices"

	"tabseek/engine/message"
	"tabseek/engine/panel"
	"tabseek/engine/panel/verify"
)

// A strategy is a request whose answer is made of several traces. A trace is a question of its own, led by the panel, and what
// comes of it is told as a lane.
type strategy struct {
	engine  *Engine
	request message.Request
	panel   *panel.Panel
	traces  []*trace
	usage   message.Usage
	group   uint32 // of its questions; 0: it has none yet
	over    bool   // the request has its last event
}

// A trace is one of a strategy's questions.
type trace struct {
	strategy *strategy
	index    int
	probe    bool // it asks only what the trace of that index would answer now
	question *question
	answer   *answer
	all      message.Event // what has come of it
}

// Traces of models with so many parameters are probed after so many tokens of thinking each; those of smaller ones are not.
const (
	probedFrom = 2e9
	probeEvery = 1024
)

func (e *Engine) beginStrategy(r message.Request) error {
	s := &strategy{engine: e, request: r}
	start, err := e.writeChat(r.Messages, &r.Params)
	if err != nil {
		return err
	}
	if err := e.checkQuestion(r, start.IDs); err != nil {
		return err
	}
	o := panel.Options{Strategy: *r.Params.Strategy, Messages: r.Messages, Seed: r.Params.SeedOrZero(), Budget: e.budget(&r.Params, e.room(&r.Params, len(start.IDs)))}
	if v := o.Strategy.Verifier; v != nil {
		if o.Verify, err = verify.New(*v, panel.Question(r.Messages)); err != nil {
			return err
		}
	}
	if s := o.Strategy; s.Mode == message.Vote && s.StopWhen() == message.StopProbe && e.probeEvery == 0 {
		return message.Refuse("strategy.stop", "is probe, and models of fewer than 2 billion parameters answer too early when they are asked")
	}
	o.ProbeEvery = e.probeEvery
	s.usage.PromptTokens = len(start.IDs)
	s.panel = panel.New(o)
	e.decoder.strategies = append(e.decoder.strategies, s)
	s.act()
	e.decoder.next()
	return nil
}

// budget is how long each of a request's answers may think, with room for so many tokens.
func (e *Engine) budget(p *message.Params, room int) panel.Budget {
	b := panel.Budget{Room: room, Closing: len(e.tokenizer.EncodeWithin(panel.Closing)) + 1}
	b.Limit, b.Limited = p.ThinkingLimit(room)
	if s := p.Strategy; s != nil && s.Wait != nil {
		b.Wait = *s.Wait
	}
	return b
}

// alone tells whether the strategy has one trace for good, whose text is the answer's as it comes.
func (s *strategy) alone() bool {
	p := s.request.Params.Strategy
	return p.Traces() == 1 && p.Mode != message.Check && p.Mode != message.Fuse
}

// act does what the panel wants done, until it wants no more.
func (s *strategy) act() {
	for actions := s.panel.Actions(); len(actions) > 0; actions = s.panel.Actions() {
		for _, a := range actions {
			switch a := a.(type) {
			case panel.Start:
				s.start(a)
			case panel.Fork:
				s.fork(a)
			case panel.Cut:
				s.cut(a.Trace)
			case panel.Ask:
				lane := s.panel.Lane(a.Trace)
				lane.Content = a.Content
				s.send(message.Event{Type: message.Verify, Lane: &lane})
			}
		}
	}
	if r := s.panel.Result(); r != nil && !s.over {
		s.over = true
		s.finish(r)
	}
}

func (s *strategy) send(e message.Event) {
	e.ID = s.request.ID
	s.engine.events = append(s.engine.events, e)
}

// start begins a trace, with the seed after the first's by its index. One whose conversation is too long for the context has
// no answer.
func (s *strategy) start(a panel.Start) {
	messages := s.request.Messages
	if a.Messages != nil {
		messages = a.Messages
	}
	t := &trace{strategy: s, index: a.Trace}
	s.traces = append(s.traces, t)
	r := s.request
	r.Messages = messages
	start, err := s.engine.writeChat(messages, &r.Params)
	if err == nil {
		t.question, err = s.engine.newQuestion(r, start)
	}
	if err != nil {
		s.panel.End(a.Trace, panel.End{Reason: message.Length})
		return
	}
	t.question.n, t.question.trace = 1, t
	s.share(t.question)
	s.engine.decoder.questions = append(s.engine.decoder.questions, t.question)
}

// share puts a question into the strategy's group.
func (s *strategy) share(q *question) {
	if s.group == 0 {
		s.group = q.group
	}
	q.group = s.group
}

// fork asks what a trace would answer now: its tokens so far, its thinking closed, and the beginning of an answer.
func (s *strategy) fork(a panel.Fork) {
	of := s.traces[a.Trace]
	if of.answer == nil {
		return
	}
	e, greedy := s.engine, 0.0
	ids := slices.Concat(of.answer.prompt, of.answer.tokens, e.forced(of.answer, panel.Force{Text: panel.Closing, Close: true}), e.tokenizer.EncodeAfter("\n\n"+a.Text))
	r := message.Request{Type: message.Generate, ID: s.request.ID, Tokens: ids}
	r.Params = message.Params{Temperature: &greedy, MaxTokens: &a.Tokens, Stop: message.Stop{"}"}}
	q, err := e.newQuestion(r, rawPrompt(ids))
	if err != nil {
		return // no room for it
	}
	q.trace = &trace{strategy: s, index: a.Trace, probe: true, question: q}
	s.share(q)
	e.decoder.questions = append(e.decoder.questions, q)
}

// cut ends a trace's question and its probes.
func (s *strategy) cut(index int) {
	d := s.engine.decoder
	for _, q := range slices.Clone(d.questions) {
		if q.trace == nil || q.trace.strategy != s || q.trace.index != index {
			continue
		}
		d.drop(q)
	}
	s.lane(index, message.Event{})
}

// next is told of each token before an answer takes it: what is to come in its place, and whether the answer is to go on.
func (t *trace) next(token panel.Token) (force panel.Force, forced, ended bool) {
	if t.probe {
		return force, false, false
	}
	force, forced = t.strategy.panel.Next(t.index, token)
	return force, forced, t.strategy.panel.Ended(t.index)
}

// delta takes what has come of the trace's answer.
func (t *trace) delta(e message.Event) {
	t.all.Content += e.Content
	t.all.Reasoning += e.Reasoning
	t.all.Tokens = append(t.all.Tokens, e.Tokens...)
	t.all.Logprobs = t.all.Logprobs.Append(e.Logprobs)
	switch s := t.strategy; {
	case t.probe:
	case s.alone():
		e.Index = 0
		s.send(e)
	default:
		s.lane(t.index, e)
	}
}

// lane tells what has come of a trace.
func (s *strategy) lane(index int, e message.Event) {
	if s.alone() {
		return
	}
	lane := s.panel.Lane(index)
	lane.Content, lane.Reasoning = e.Content, e.Reasoning
	s.send(message.Event{Type: message.LaneEvent, Lane: &lane})
}

// ended takes the end of the trace's answer.
func (t *trace) ended(a *answer) {
	s := t.strategy
	if t.probe {
		s.count(a)
		s.panel.Probed(t.index, t.all.Content)
	} else if !s.panel.Ended(t.index) {
		s.panel.End(t.index, panel.End{Reason: a.reason, Content: t.all.Content})
		s.lane(t.index, message.Event{})
		if !s.alone() {
			tally := s.panel.Tally()
			s.send(message.Event{Type: message.Tallied, Tally: &tally})
		}
	}
	s.act()
}

// count adds an answer's tokens to the request's.
func (s *strategy) count(a *answer) {
	s.usage.AddAnswer(a.usage())
}

// finish ends the request with the answer that was chosen.
func (s *strategy) finish(r *message.Result) {
	s.engine.decoder.dropStrategy(s)
	finish := message.Stopped
	if r.StoppedBy == message.ByCaller {
		finish = message.Abort
	}
	chosen := message.Event{Content: s.panel.Text()}
	if r.Trace != nil {
		t := s.traces[*r.Trace]
		chosen = t.all
		if t.answer != nil && finish != message.Abort {
			finish = t.answer.reason
		}
	}
	for i, t := range s.traces {
		if t.answer != nil {
			s.count(t.answer)
		}
		if i == 0 && t.answer != nil {
			s.usage.CachedTokens = t.answer.reused
		}
	}
	if chosen.Type = message.Delta; !s.alone() {
		s.send(chosen)
	}
	s.send(message.Event{Type: message.Choice, FinishReason: finish, Usage: &s.usage, Result: r})
	s.send(message.Event{Type: message.Done, FinishReason: finish, Usage: &s.usage, Result: r})
}
