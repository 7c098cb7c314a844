// Package remote leads strategies whose traces an engine elsewhere computes. The host asks that engine and tells what it says;
// it is told by events which traces to begin and to end, how they stand, and in the end what the answer is. So one and the
// same panel makes answers of a model in a tab and of one on somebody's server.
package remote

import (
	"hash/fnv"

	"tabseek/engine/message"
	"tabseek/engine/panel"
	"tabseek/engine/panel/verify"
)

// Panels are the panels under way, by the ids of their requests. The zero value has none.
type Panels struct {
	open   map[uint32]*led
	events []message.Event
}

// A led is a panel under way.
type led struct {
	panels  *Panels
	request message.Request
	panel   *panel.Panel
	traces  []message.Event // what has come of each
}

// Take hands over the events gathered since the last Take, in order.
func (p *Panels) Take() []message.Event {
	events := p.events
	p.events = nil
	return events
}

// Request takes a request if it is of a panel, or opens one; false if it is none of theirs.
func (p *Panels) Request(r message.Request) bool {
	if r.Type == message.Panel {
		if err := p.begin(r); err != nil {
			p.events = append(p.events, message.ErrorEvent(r.ID, err))
		}
		return true
	}
	l := p.open[r.ID]
	if l == nil {
		return r.Type == message.Said || r.Type == message.Ended // of a panel that is over
	}
	l.take(r)
	return true
}

func (p *Panels) begin(r message.Request) error {
	o := panel.Options{Strategy: *r.Params.Strategy, Messages: r.Messages}
	switch {
	case p.open[r.ID] != nil:
		return message.Refuse("id", "is %d, which is under way", r.ID)
	case o.Strategy.Mode == message.Weighted:
		return message.Refuse("strategy.mode", "is weighted, which needs the confidence of every token")
	case o.Strategy.Mode == message.BestOf && o.Strategy.Verifier == nil:
		return message.Refuse("strategy.mode", "is best_of without a verifier, which needs the log-probability of every token")
	case o.Strategy.Stop == message.StopProbe:
		return message.Refuse("strategy.stop", "is probe, which needs a model in this tab")
	case o.Strategy.Wait != nil && *o.Strategy.Wait > 0:
		return message.Refuse("strategy.wait", "is %d, which needs a model in this tab", *o.Strategy.Wait)
	}
	o.Seed = r.Params.SeedOrZero()
	if v := o.Strategy.Verifier; v != nil {
		var err error
		if o.Verify, err = verify.New(*v, panel.Question(r.Messages)); err != nil {
			return err
		}
	}
	if p.open == nil {
		p.open = map[uint32]*led{}
	}
	l := &led{panels: p, request: r, panel: panel.New(o)}
	p.open[r.ID] = l
	l.act()
	return nil
}

func (l *led) take(r message.Request) {
	known := r.Trace < len(l.traces)
	switch {
	case r.Type == message.Cancel:
		l.panel.Abort()
	case r.Type == message.Verdict && known:
		l.panel.Verdict(r.Trace, r.Accepted)
	case r.Type == message.Said && known && !l.panel.Ended(r.Trace):
		l.said(r)
	case r.Type == message.Ended && known && !l.panel.Ended(r.Trace):
		l.panel.End(r.Trace, panel.End{Reason: r.FinishReason, Content: l.traces[r.Trace].Content})
		l.lane(r.Trace, "", "")
		tally := l.panel.Tally()
		l.send(message.Event{Type: message.Tallied, Tally: &tally})
	}
	l.act()
}

// said counts a piece of text as a token: servers do not tell where those begin.
func (l *led) said(r message.Request) {
	t := &l.traces[r.Trace]
	t.Content += r.Content
	t.Reasoning += r.Reasoning
	for _, piece := range []struct {
		text     string
		thinking bool
	}{{r.Reasoning, true}, {r.Content, false}} {
		if piece.text != "" && !l.panel.Ended(r.Trace) {
			l.panel.Next(r.Trace, panel.Token{ID: identity(piece.text), Text: piece.text, Thinking: piece.thinking})
		}
	}
	l.lane(r.Trace, r.Content, r.Reasoning)
}

// identity stands for a token's id, so that a text that repeats itself is noticed.
func identity(text string) int {
	hash := fnv.New32a()
	hash.Write([]byte(text))
	return int(hash.Sum32())
}

// act tells the host what the panel wants done.
func (l *led) act() {
	for _, a := range l.panel.Actions() {
		switch a := a.(type) {
		case panel.Start:
			l.traces = append(l.traces, message.Event{})
			lane := l.panel.Lane(a.Trace)
			l.send(message.Event{Type: message.Begin, Messages: a.Messages, Lane: &lane})
		case panel.Cut:
			lane := l.panel.Lane(a.Trace)
			l.send(message.Event{Type: message.Cut, Lane: &lane})
		case panel.Ask:
			lane := l.panel.Lane(a.Trace)
			lane.Content = a.Content
			l.send(message.Event{Type: message.Verify, Lane: &lane})
		}
	}
	if r := l.panel.Result(); r != nil {
		l.finish(r)
	}
}

func (l *led) lane(index int, content, reasoning string) {
	lane := l.panel.Lane(index)
	lane.Content, lane.Reasoning = content, reasoning
	l.send(message.Event{Type: message.LaneEvent, Lane: &lane})
}

func (l *led) send(e message.Event) {
	e.ID = l.request.ID
	l.panels.events = append(l.panels.events, e)
}

// finish ends the request with the answer that was chosen. What it took, the host knows.
func (l *led) finish(r *message.Result) {
	delete(l.panels.open, l.request.ID)
	chosen := message.Event{Content: l.panel.Text()}
	if r.Trace != nil {
		chosen = l.traces[*r.Trace]
	}
	chosen.Type = message.Delta
	finish := message.Stopped
	switch {
	case r.StoppedBy == message.ByCaller:
		finish = message.Abort
	case r.Trace != nil && r.Traces[*r.Trace].Finish == message.TraceLength:
		finish = message.Length
	}
	l.send(chosen)
	l.send(message.Event{Type: message.Done, FinishReason: finish, Result: r})
}
