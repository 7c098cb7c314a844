package engine

import (
	"slices"

	"tabseek/engine/message"
	"tabseek/engine/panel"
	"tabseek/shaders"
)

// steer is asked before an answer takes a token: what is to come in its place, and whether the answer is wanted no more.
func (q *question) steer(a *answer, c shaders.Chosen) (force panel.Force, forced, unwanted bool) {
	if a.eos[int(c.ID)] {
		return force, false, false
	}
	token := a.token(c)
	if q.trace != nil {
		return q.trace.next(token)
	}
	if token.Thinking && !token.Begins {
		force, forced = a.closer.Next(token.Text, token.Ends)
	}
	return force, forced, false
}

// token is what a panel is told of a token before the answer takes it.
func (a *answer) token(c shaders.Chosen) panel.Token {
	id := int(c.ID)
	begins := a.splitter.Begins(id)
	return panel.Token{
		ID: id, Text: a.name(id), Thinking: a.splitter.Thinking() || begins, Begins: begins, Ends: a.splitter.Ends(id),
		Confidence: -tellable(c.TopLogProbability), Logprob: tellable(c.LogProbability),
	}
}

// forced are the tokens that an answer is to go on with.
func (e *Engine) forced(a *answer, f panel.Force) []int {
	ids := e.tokenizer.EncodeWithin(f.Text)
	if f.Close {
		ids = append(ids, a.splitter.EndThink())
	}
	return ids
}

// force has a run go on with tokens that were not chosen. It gives up its row, for what it has decoded beyond this place counts
// for nothing, and goes on as a run that begins with all of them.
func (d *decoder) force(r *run, depth int, ids []int) {
	a := r.answer
	d.keep(r, depth)
	d.leave(r)
	r.cached.End()
	r.over = true
	for _, id := range ids {
		if a.reason != "" {
			break
		}
		c := shaders.Chosen{ID: uint32(id)}
		for i := range c.Top {
			c.Top[i].ID = shaders.FaultToken
		}
		token := a.token(c)
		token.Forced = true
		if t := r.question.trace; t != nil {
			t.next(token)
		} else {
			a.closer.Take(token.Text)
		}
		a.take(c)
	}
	d.sendDelta(r)
	again := &run{question: r.question, answer: a, order: r.order, tokens: slices.Concat(a.prompt, a.tokens)}
	if a.reason != "" {
		d.end(again)
		return
	}
	d.later(again)
}

// steer does what a caller wants of a request under way. A request that is over, or waits, is left alone.
func (d *decoder) steer(r message.Request) {
	if s := d.strategy(r.ID); s != nil {
		switch r.Type {
		case message.AnswerNow:
			s.panel.AnswerNow()
		case message.ThinkLonger:
			s.panel.ThinkLonger()
		case message.Verdict:
			s.panel.Verdict(r.Trace, r.Accepted)
		}
		s.act()
		d.next()
		return
	}
	for _, run := range slices.Concat(d.runs, d.preempted) {
		switch {
		case run.question.request.ID != r.ID:
		case r.Type == message.AnswerNow:
			run.answer.closer.Now()
		case r.Type == message.ThinkLonger:
			run.answer.closer.Longer()
		}
	}
}
