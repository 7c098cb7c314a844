package panel

import (
	"fmt"
	"slices"
	"strings"

	"tabseek/engine/message"
	"tabseek/engine/panel/answer"
)

// checks is how many traces judge an answer.
const checks = 3

// checking asks the model whether its answer is right. A refuted answer is thought over once, with the objection. Where there
// is a verifier, it judges in the model's place.
type checking struct {
	first   *trace
	objects *trace // the first check that found the answer wrong
}

func (*checking) begin(p *Panel) { p.start(message.ForAnswer, nil) }

func (m *checking) ended(p *Panel, t *trace) {
	switch {
	case m.first == nil:
		m.first = t
		if t.accepted != nil { // or else the panel would be over
			m.again(p, "it does not pass the test that right answers pass")
			return
		}
		for range checks {
			p.start(message.ForCheck, m.conversation(p, checkRequest))
		}
	case t.purpose == message.ForCheck:
		m.checked(p, t)
	default:
		p.concludeByMode(message.ByRefuted)
	}
}

// What the model is told after its answer.
const (
	checkRequest = "Check whether this answer is right: work it out again by another way, step by step. Then write \\boxed{yes} if it is right, or \\boxed{no} if it is wrong."
	again        = "A check found this answer wrong: %s\n\nThink it over again and write the right answer, in the form that was asked for at first."
)

// conversation goes on from the first answer.
func (m *checking) conversation(p *Panel, request string) []message.Message {
	return append(slices.Clone(p.options.Messages), message.Message{Role: message.Assistant, Content: m.first.content}, message.Message{Role: message.User, Content: request})
}

func (m *checking) again(p *Panel, objection string) {
	p.start(message.ForAnswer, m.conversation(p, fmt.Sprintf(again, objection)))
}

// checked counts the checks: of three, two have to agree. Where they do not, or say nothing that can be read, nothing is known of the answer.
func (m *checking) checked(p *Panel, t *trace) {
	yes, no := 0, 0
	for _, t := range p.traces {
		if t.purpose != message.ForCheck || !t.ended {
			continue
		}
		switch judgement(t) {
		case "yes":
			yes++
		case "no":
			no++
			if m.objects == nil {
				m.objects = t
			}
		}
	}
	switch {
	case no > checks/2:
		p.cutChecks()
		m.again(p, m.objects.content)
	case yes > checks/2:
		p.concludeByMode(message.ByConfirmed)
	case p.running() == 0:
		p.concludeByMode(message.ByUnchecked)
	}
}

func judgement(t *trace) string {
	box, _ := answer.Boxed(t.content)
	return strings.ToLower(strings.Trim(box, " .!"))
}

func (p *Panel) cutChecks() {
	for _, t := range p.traces {
		if t.purpose == message.ForCheck && !t.ended {
			p.cut(t, message.TraceCut)
		}
	}
}

func (m *checking) conclude(p *Panel) conclusion {
	for _, t := range slices.Backward(p.traces) {
		if t.purpose == message.ForAnswer && t.counts() {
			return conclusion{t.key, message.ChosenOnly, t, ""}
		}
	}
	return conclusion{chosen: message.ChosenNone, text: fmt.Sprintf("No answer was accepted: %s tried.", were(p.judgedCount()))}
}
