package panel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tabseek/engine/message"
)

// A poll asks the same of several traces and chooses among their answers: the modes single, vote, short_m, weighted and
// best_of.
type poll struct{}

func (m poll) begin(p *Panel) {
	for range p.options.Strategy.Traces() {
		p.add(message.ForAnswer)
	}
	m.beginMore(p)
}

// beginMore begins traces: all of them at once, or, of a vote that ends when it is decided, only as many as could yet make a majority
// of all with those that the leader has. Those that were never begun count as running: any of them might vote for anything. So the
// answer is that of the full vote, and most votes end before the last traces begin.
func (poll) beginMore(p *Panel) {
	s := p.options.Strategy
	leading, _ := p.tally().leaders()
	under := 0
	for _, t := range p.traces {
		if t.begun && (!t.ended || t.asked) {
			under++
		}
	}
	for _, t := range p.traces {
		if t.begun {
			continue
		}
		if s.Mode == message.Vote && s.StopWhen() == message.StopDecided && int(leading)+under > len(p.traces)/2 {
			return
		}
		p.begin(t, nil)
		under++
	}
}

func (m poll) ended(p *Panel, _ *trace) {
	s := p.options.Strategy
	switch {
	case p.running() == 0:
		p.concludeByMode(message.ByAll)
	case s.Mode == message.ShortM:
		if _, ok := p.shortest(); ok {
			p.concludeByMode(message.ByShort)
		}
	case s.Mode == message.Vote && s.StopWhen() != message.StopNone:
		m.stop(p, s.StopWhen())
		if p.result == nil {
			m.beginMore(p)
		}
	}
}

// stop ends a vote that needs no more traces.
func (poll) stop(p *Panel, rule message.StopRule) {
	t := p.tally()
	switch {
	case decided(t, p.running()):
		p.concludeByMode(message.ByDecided)
	case rule == message.StopBeta && beta(t):
		p.concludeByMode(message.ByBeta)
	case rule == message.StopProbe && agreed(p.traces):
		p.concludeByMode(message.ByProbe)
	}
}

func (m poll) conclude(p *Panel) conclusion {
	s := p.options.Strategy
	switch {
	case len(p.traces) == 1:
		return m.only(p)
	case s.Mode == message.BestOf && s.Verifier != nil:
		return conclusion{chosen: message.ChosenNone, text: fmt.Sprintf("No answer was accepted: %s tried.", were(p.judgedCount()))}
	case s.Mode == message.BestOf:
		return bestScore(p.traces)
	}
	counted, by := p.tally(), message.ChosenMajority
	switch s.Mode {
	case message.Weighted:
		by = message.ChosenWeight
	case message.ShortM:
		if list, ok := p.shortest(); ok {
			counted = countOf(list)
		}
	}
	if p.probed() {
		counted = prospects(p.traces)
	}
	key, tied, ok := counted.majority()
	if !ok {
		return m.split(p, counted)
	}
	if tied {
		by = message.ChosenTie
	}
	c := conclusion{key, by, p.first(key), ""}
	if c.trace == nil { // running traces would have given it
		c.text = key
	}
	return c
}

// only is the answer of a panel of one.
func (poll) only(p *Panel) conclusion {
	t := p.traces[0]
	if t.accepted != nil && !*t.accepted {
		return conclusion{chosen: message.ChosenNone, trace: t}
	}
	return conclusion{t.key, message.ChosenOnly, t, ""}
}

// split is the answer where no answer has a majority. If none could be counted at all, the most confident is shown.
func (poll) split(p *Panel, t tally) conclusion {
	if len(t.groups) == 0 && p.options.Strategy.Verifier == nil {
		c := bestScore(p.traces)
		c.answer = ""
		return c
	}
	if len(t.groups) == 0 {
		return conclusion{chosen: message.ChosenNone, text: fmt.Sprintf("No answer was accepted: %s tried.", were(p.judgedCount()))}
	}
	var list []string
	for _, g := range t.groups {
		list = append(list, fmt.Sprintf("%d × %s", g.Count, g.Key))
	}
	return conclusion{chosen: message.ChosenNone, text: "No majority: " + strings.Join(list, ", ") + "."}
}

func were(n int) string {
	if n == 1 {
		return "1 was"
	}
	return fmt.Sprintf("%d were", n)
}

// judgedCount is how many answers a verifier has judged.
func (p *Panel) judgedCount() int {
	n := 0
	for _, t := range p.traces {
		if t.accepted != nil {
			n++
		}
	}
	return n
}

// first is the first trace with an answer.
func (p *Panel) first(key string) *trace {
	for _, t := range p.traces {
		if t.counts() && t.key == key {
			return t
		}
	}
	return nil
}

// bestScore is the answer that the model was the most sure of, by its mean log-probability: of those with an answer that
// can be counted, if there are any.
func bestScore(traces []*trace) conclusion {
	var best *trace
	better := func(t *trace) bool {
		if best == nil || (t.key != "") != (best.key != "") {
			return best == nil || t.key != ""
		}
		return t.confidences.score() > best.confidences.score()
	}
	for _, t := range traces {
		if t.counts() && better(t) {
			best = t
		}
	}
	if best == nil {
		return conclusion{chosen: message.ChosenNone}
	}
	return conclusion{best.key, message.ChosenSelfScore, best, ""}
}

// shortest are the M traces that answer after the least thought, and as many more as it takes for one answer to outweigh the
// others. It is false while a trace that still runs may turn out to be among them. It depends on the lengths alone, and not
// on which trace happened to run first.
func (p *Panel) shortest() ([]*trace, bool) {
	var done []*trace
	least := -1 // thought of those still running
	for _, t := range p.traces {
		switch {
		case !t.ended || t.asked:
			if least < 0 || t.thought < least {
				least = t.thought
			}
		case t.counts() && t.key != "":
			done = append(done, t)
		}
	}
	slices.SortStableFunc(done, func(a, b *trace) int { return cmp.Compare(a.thought, b.thought) })
	for n := p.options.Strategy.Count(); n <= len(done); n++ {
		if least >= 0 && least <= done[n-1].thought {
			p.awaited = done[n-1].thought
			return nil, false
		}
		if _, ok := countOf(done[:n]).leader(); ok {
			return done[:n], true
		}
	}
	return nil, false
}

func countOf(traces []*trace) tally {
	var ballots []ballot
	for _, t := range traces {
		ballots = append(ballots, t.ballot())
	}
	return count(ballots)
}
