package panel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"tabseek/engine/message"
	"tabseek/engine/panel/answer"
)

// fusing makes one answer of several, for text that cannot be counted (recursive self-aggregation): in each round but the
// last as many new answers, each made of all the old ones, and in the last round one.
type fusing struct {
	round int // that is under way; 0: the first answers
	last  []*trace
}

func (m *fusing) begin(p *Panel) {
	for range p.options.Strategy.Traces() {
		p.start(message.ForAnswer, nil)
	}
}

func (m *fusing) ended(p *Panel, t *trace) {
	m.last = append(m.last, t)
	if p.running() > 0 {
		return
	}
	slices.SortFunc(m.last, func(a, b *trace) int { return a.index - b.index })
	candidates := slices.DeleteFunc(m.last, func(t *trace) bool { return !t.counts() || t.content == "" })
	m.last = nil
	rounds := p.options.Strategy.Count()
	if m.round == rounds || len(candidates) == 0 {
		p.concludeByMode(message.ByAll)
		return
	}
	m.round++
	count := p.options.Strategy.Traces()
	if m.round == rounds {
		count = 1
	}
	for range count {
		p.start(message.ForFusion, m.conversation(p, m.some(p, candidates)))
	}
}

// fused is how many answers one is made of: of more, a model of a few billion parameters makes less, and they fill its context.
const fused = 4

// some are at most so many answers, in order: which, the request's seed and the number of the trace that reads them tell.
func (m *fusing) some(p *Panel, candidates []*trace) []*trace {
	if len(candidates) <= fused {
		return candidates
	}
	random := rand.New(rand.NewPCG(uint64(p.options.Seed), uint64(len(p.traces))))
	var list []*trace
	for _, i := range slices.Sorted(slices.Values(random.Perm(len(candidates))[:fused])) {
		list = append(list, candidates[i])
	}
	return list
}

// conversation asks the question anew, with answers to it.
func (m *fusing) conversation(p *Panel, candidates []*trace) []message.Message {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nHere are %d answers to this, some of which may be wrong or incomplete:\n", Question(p.options.Messages), len(candidates))
	for i, c := range candidates {
		fmt.Fprintf(&b, "\n[Answer %d]\n%s\n", i+1, c.content)
	}
	b.WriteString("\nWrite one better answer: keep what is right in them, correct what is wrong, add what is missing. Write the answer alone, without a word about these answers.")
	messages := slices.Clone(p.options.Messages)
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == message.User {
			messages[i].Content = b.String()
			return messages[:i+1]
		}
	}
	return append(messages, message.Message{Role: message.User, Content: b.String()})
}

// conclude takes the last fusion, or if there is none yet the answer that the model was the most sure of.
func (m *fusing) conclude(p *Panel) conclusion {
	for _, t := range slices.Backward(p.traces) {
		if t.purpose == message.ForFusion && t.counts() && t.content != "" {
			return conclusion{answer.Key(t.content), message.ChosenFusion, t, ""}
		}
	}
	return bestScore(p.traces)
}
