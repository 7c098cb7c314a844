package engine

import (
	"tabseek/engine/message"
	"tabseek/engine/panel"
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
	group   uint32 // whose answers may be drafted from each other's texts: the question's own, or its strategy's
	trace   *trace // of a strategy's, which takes what comes of it; nil: it is the caller's
}

// running is how many answers are under way to whoever asks.
func (q *question) running() int {
	if q.trace == nil {
		return q.begun - q.ended
	}
	n := 0
	for _, t := range q.trace.strategy.traces {
		if t.question != nil {
			n += t.question.begun - t.question.ended
		}
	}
	return n
}

// asker is the request that a question is of: its own, or a strategy's.
func (q *question) asker() uint32 { return q.request.ID }

// silent tells whether the caller is not told how far the question is: it is one of several traces.
func (q *question) silent() bool { return q.trace != nil && (q.trace.index > 0 || q.trace.probe) }

// ready tells whether a further answer can begin.
func (q *question) ready() bool { return q.begun < q.n }

func (e *Engine) beginChat(r message.Request) error {
	if r.Params.Strategy != nil {
		return e.beginStrategy(r)
	}
	start, err := e.writeChat(r.Messages, &r.Params)
	if err != nil {
		return err
	}
	return e.beginQuestion(r, start)
}

func (e *Engine) format() chat.Format {
	words := e.manifest.ChatWords
	return chat.Format{Family: e.manifest.Chat, System: words.System, BOS: words.BOS, EOS: words.EOS}
}

// writeText is the prompt of a request to complete.
func (e *Engine) writeText(r message.Request) chat.Prompt {
	if r.Prompt == "" {
		return chat.Raw(r.Tokens)
	}
	return e.format().Text(e.tokenizer, r.Prompt)
}

// writeChat writes a conversation as the model reads it.
func (e *Engine) writeChat(messages []message.Message, p *message.Params) (chat.Prompt, error) {
	prompt, err := e.format().Write(e.tokenizer, messages, chat.Options{Thinking: p.Thinks()})
	if err != nil {
		return prompt, &message.Error{Code: message.BadRequest, Err: err}
	}
	return prompt, nil
}

func rawPrompt(ids []int) chat.Prompt { return chat.Prompt{IDs: ids} }

func (e *Engine) beginQuestion(r message.Request, start chat.Prompt) error {
	q, err := e.newQuestion(r, start)
	if err == nil {
		e.decoder.ask(q)
	}
	return err
}

// checkQuestion refuses what a question cannot be asked with.
func (e *Engine) checkQuestion(r message.Request, prompt []int) error {
	if err := e.checkTokens(prompt, 1); err != nil {
		return err
	}
	_, err := e.biases(r.Params)
	return err
}

func (e *Engine) newQuestion(r message.Request, start chat.Prompt) (*question, error) {
	if err := e.checkQuestion(r, start.IDs); err != nil {
		return nil, err
	}
	e.groups++
	q := &question{request: r, start: start, n: 1, group: e.groups}
	if r.Params.N != nil {
		q.n = *r.Params.N
	}
	q.usage.PromptTokens = len(start.IDs)
	return q, nil
}

// room is how many tokens an answer to a prompt may have.
func (e *Engine) room(p *message.Params, prompt int) int {
	room := e.options.Context - prompt
	if most, ok := p.Limit(); ok {
		room = min(room, most)
	}
	return room
}

// next is the question's next answer.
func (q *question) next(e *Engine) *answer {
	params := &q.request.Params
	a := &answer{
		request: q.request.ID, index: q.begun, prompt: q.start.IDs, eos: map[int]bool{}, limit: e.room(params, len(q.start.IDs)),
		logprobs: params.Logprobs, name: e.tokenizer.Token,
	}
	q.begun++
	if params.TopLogprobs != nil {
		a.top = *params.TopLogprobs
	}
	for _, id := range e.manifest.Special.EOS {
		a.eos[id] = !params.IgnoreEOS
	}
	a.splitter, a.stopper.stops = chat.NewSplitter(e.tokenizer, q.start), params.Stop
	a.closer, a.seeded = panel.NewCloser(e.budget(params, a.limit)), a.index
	if q.trace != nil {
		q.trace.answer, a.seeded = a, q.trace.index
	}
	return a
}

// unbegun are the answers that have not begun, and now end without.
func (q *question) unbegun(e *Engine) []*answer {
	var list []*answer
	for q.begun < q.n {
		a := q.next(e)
		a.end(message.Abort)
		list = append(list, a)
	}
	return list
}

// end takes the end of an answer in; true: it was the last.
func (q *question) end(a *answer) bool {
	q.ended++
	usage := a.usage()
	q.usage.AddAnswer(usage)
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
