package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"tabseek/engine/message"
	"tabseek/engine/panel"
	"tabseek/engine/panel/answer"
	"tabseek/engine/panel/verify"
	"tabseek/wasm/harness"
)

// A question is a line of the file. Other fields are left alone.
type question struct {
	Question string      `json:"question"`
	Answer   *string     `json:"answer"` // empty: there is none, and to say so is right
	Task     string      `json:"task"`
	Numbers  []int       `json:"numbers"` // of a countdown, whose target is the answer
	Verifier verifier    `json:"verifier"`
	Before   [][2]string `json:"before"` // earlier turns: what was asked, and answered

	verify verify.Verifier // nil: answers are compared with Answer
}

// A verifier is written as in a request, or as --verifier has it.
type verifier struct{ *message.Verifier }

// UnmarshalJSON reads both.
func (v *verifier) UnmarshalJSON(data []byte) (err error) {
	var text string
	if json.Unmarshal(data, &text) == nil {
		v.Verifier, err = readVerifier(text)
		return err
	}
	r, err := message.ParseRequest(fmt.Appendf(nil, `{"type":"chat","messages":[{"role":"user","content":""}],"params":{"strategy":{"mode":"best_of","verifier":%s}}}`, data))
	if err == nil {
		v.Verifier = r.Params.Strategy.Verifier
	}
	return err
}

// readQuestions reads at most limit lines, all if that is 0.
func readQuestions(file string, limit int) ([]question, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []question
	for i, line := range bytes.Split(data, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var q question
		if err := json.Unmarshal(line, &q); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, i+1, err)
		}
		if err := q.settle(); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, i+1, err)
		}
		if list = append(list, q); len(list) == limit {
			break
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no questions", file)
	}
	return list, nil
}

// settle finds out how answers to the question are judged.
func (q *question) settle() error {
	if q.Question == "" {
		return fmt.Errorf("question is missing")
	}
	if len(q.Numbers) > 0 && q.Verifier.Verifier == nil {
		target, ok := wholeNumber(q.Answer)
		if !ok {
			return fmt.Errorf("numbers are those of a countdown, whose answer must be the target, a whole number")
		}
		q.Verifier.Verifier = &message.Verifier{Type: message.VerifyCountdown, Numbers: q.Numbers, Target: &target}
	}
	if q.Verifier.Verifier == nil {
		if q.Answer == nil {
			return fmt.Errorf("answer or verifier is missing")
		}
		return nil
	}
	if q.Verifier.Type == message.VerifyFunction {
		return fmt.Errorf("verifier is function, which a file cannot hold")
	}
	var err error
	q.verify, err = verify.New(*q.Verifier.Verifier, q.Question)
	return err
}

func wholeNumber(text *string) (int, bool) {
	var n int
	if text == nil || json.Unmarshal([]byte(strings.TrimSpace(*text)), &n) != nil {
		return 0, false
	}
	return n, true
}

// right judges an answer by its text, and by its key where it is not verified.
func (q *question) right(text, key string) bool {
	if q.verify != nil {
		return q.verify(text)
	}
	return key == answer.Key(`\boxed{`+*q.Answer+`}`)
}

// prompt is the question with what came before it.
func (q *question) prompt() harness.Prompt {
	var p harness.Prompt
	for _, turn := range q.Before {
		p.Messages = append(p.Messages, message.Message{Role: message.User, Content: turn[0]}, message.Message{Role: message.Assistant, Content: turn[1]})
	}
	p.Messages = append(p.Messages, message.Message{Role: message.User, Content: q.Question})
	return p
}

// A supply is traces of one kind, of which each strategy chooses among the first few.
type supply struct {
	name         string
	n            int
	budget, wait *int
	effort       message.Effort
}

// A trace is what the model said to a question once.
type trace struct {
	message.TraceSummary
	Content string `json:"content"`
}

// sample asks for the traces of a supply.
func sample(ctx context.Context, host *harness.Host, q question, params message.Params, s supply) ([]trace, error) {
	params.Strategy = &message.Strategy{Mode: message.Vote, N: &s.n, Stop: message.StopNone, Budget: s.budget, Wait: s.wait}
	params.ReasoningEffort = s.effort
	contents := make([]string, s.n)
	answers, err := host.Answers(ctx, q.prompt(), params, func(e harness.Event) {
		switch {
		case e.Type == message.LaneEvent:
			contents[e.Lane.Trace] += e.Lane.Content
		case e.Type == message.Delta && s.n == 1: // whose text is the answer's as it comes
			contents[0] += e.Content
		}
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	var traces []trace
	for i, t := range answers[0].Result.Traces {
		traces = append(traces, trace{t, contents[i]})
	}
	return traces, nil
}

// answerLive asks the engine for a strategy's answer.
func answerLive(ctx context.Context, host *harness.Host, q question, params message.Params, n *named) (*judged, error) {
	s := n.strategy
	if n.verify {
		s.Verifier = q.Verifier.Verifier
	}
	params.Strategy, params.ReasoningEffort = &s, n.effort
	answers, err := host.Answers(ctx, q.prompt(), params, nil)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	r := answers[0].Result
	o := q.outcome(r, answers[0].Text)
	o.Passed = q.passed(r.Traces[:1])
	o.Tokens = answers[0].Usage.CompletionTokens // those of probes too, which are no traces
	return &o, nil
}

// outcome judges what came of a strategy.
func (q *question) outcome(r *message.Result, text string) judged {
	o := judged{Answer: r.Answer, Saved: r.SavedTokens}
	for _, t := range r.Traces {
		o.Tokens += t.Tokens
	}
	if r.Answer == nil {
		o.Right = q.verify == nil && *q.Answer == "" && answer.Key(text) == ""
	} else {
		o.Right = q.right(`\boxed{`+*r.Answer+`}`, *r.Answer)
	}
	return o
}

// passed is the share of traces that are right, each alone.
func (q *question) passed(traces []message.TraceSummary) float64 {
	n := 0
	for _, t := range traces {
		if t.Answer != "" && q.right(`\boxed{`+t.Answer+`}`, t.Answer) || t.Answer == "" && q.verify == nil && *q.Answer == "" {
			n++
		}
	}
	return float64(n) / float64(len(traces))
}

// choose plays traces to the strategy's panel, those that it has begun in step, a token of each at a time, as the engine computes them.
func (n *named) choose(q question, traces []trace) judged {
	count := n.strategy.Traces()
	o := panel.Options{Strategy: n.strategy, Messages: q.prompt().Messages}
	o.Strategy.Budget, o.Strategy.Wait = nil, nil // the traces have had them
	if n.verify && q.verify != nil {
		o.Strategy.Verifier, o.Verify = q.Verifier.Verifier, q.verify
	}
	p := panel.New(o)
	full := 0
	given := map[int]int{} // tokens, of each trace that has begun
	for p.Result() == nil {
		for _, a := range p.Actions() {
			if start, ok := a.(panel.Start); ok {
				given[start.Trace] = 0
			}
		}
		for i, t := range traces[:count] {
			at, begun := given[i]
			if !begun {
				continue
			}
			given[i]++
			switch {
			case p.Result() != nil || p.Ended(i):
			case at < t.Tokens:
				p.Next(i, panel.Token{ID: at, Thinking: at < t.ReasoningTokens, Ends: at == t.ReasoningTokens-1, Confidence: t.ConfTail, Logprob: t.Score})
			default:
				p.End(i, panel.End{Reason: reasonOf(t.Finish), Content: t.Content})
			}
		}
	}
	text := p.Text()
	if at := p.Result().Trace; at != nil {
		text = traces[*at].Content
	}
	result := q.outcome(p.Result(), text)
	var alone []message.TraceSummary
	for _, t := range traces[:count] {
		full += t.Tokens
		alone = append(alone, t.TraceSummary)
	}
	result.Saved, result.Passed = full-result.Tokens, q.passed(alone)
	return result
}

func reasonOf(f message.TraceFinish) message.FinishReason {
	if f == message.TraceLength {
		return message.Length
	}
	return message.Stopped
}
