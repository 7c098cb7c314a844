package engine

import (
	"tabseek/engine/message"
	"tabseek/engine/tokenizer/chat"
)

// A question is a request for answers: n of them to one prompt, which differ by their seeds.
type question struct {
	request message.Request
	start   chat.Prompt
	n       int // answers wanted
	begun   int // answers begun
	ended   int
	reason  message.FinishReason
	usage   message.Usage
}

// running is how many answers are under way.
func (q *question) running() int { return q.begun - q.ended }

// ready tells whether a further answer can begin.
func (q *question) ready() bool { return q.begun < q.n }

func (e *Engine) beginChat(r message.Request) (*question, error) {
	words := e.manifest.ChatWords
	format := chat.Format{Family: e.manifest.Chat, System: words.System, BOS: words.BOS, EOS: words.EOS}
	prompt, err := format.Write(e.tokenizer, r.Messages, chat.Options{Thinking: r.Params.Thinks()})
	if err != nil {
		return nil, &message.Error{Code: message.BadRequest, Err: err}
	}
	return e.beginQuestion(r, prompt)
}

func (e *Engine) beginQuestion(r message.Request, start chat.Prompt) (*question, error) {
	if err := e.checkTokens(start.IDs, 1); err != nil {
		return nil, err
	}
	if _, err := e.biases(r.Params); err != nil {
		return nil, err
	}
	q := &question{request: r, start: start, n: 1}
	if r.Params.N != nil {
		q.n = *r.Params.N
	}
	q.usage.PromptTokens = len(start.IDs)
	return q, nil
}

// next is the question's next answer.
func (q *question) next(e *Engine) *answer {
	params := &q.request.Params
	a := &answer{
		request: q.request.ID, index: q.begun, prompt: q.start.IDs, eos: map[int]bool{}, limit: e.options.Context - len(q.start.IDs),
		logprobs: params.Logprobs, name: e.tokenizer.Token,
	}
	q.begun++
	if params.TopLogprobs != nil {
		a.top = *params.TopLogprobs
	}
	if most, ok := params.Limit(); ok {
		a.limit = min(a.limit, most)
	}
	for _, id := range e.manifest.Special.EOS {
		a.eos[id] = !params.IgnoreEOS
	}
	a.splitter, a.stopper.stops = chat.NewSplitter(e.tokenizer, q.start), params.Stop
	return a
}

// end takes the end of an answer in; true: it was the last.
func (q *question) end(a *answer) bool {
	q.ended++
	usage := a.usage()
	q.usage.CompletionTokens += usage.CompletionTokens
	q.usage.ReasoningTokens += usage.ReasoningTokens
	if a.index == 0 {
		q.reason, q.usage.CachedTokens = a.reason, usage.CachedTokens
	}
	return q.ended == q.n
}

// done is the question's last event.
func (q *question) done() message.Event {
	usage := q.usage
	return message.Event{Type: message.Done, ID: q.request.ID, FinishReason: q.reason, Usage: &usage}
}
