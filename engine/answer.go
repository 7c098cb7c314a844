package engine

import (
	"tabseek/engine/message"
	"tabseek/engine/panel"
	"tabseek/engine/tokenizer/chat"
	"tabseek/shaders"
)

// An answer is what comes of one prompt: it takes tokens as they are chosen, turns them into text, and knows when it
// has ended. It knows no GPU.
type answer struct {
	request  uint32
	index    int // of the request's answers
	prompt   []int
	reused   int // tokens of the prompt that the cache held already
	limit    int // most tokens to generate
	eos      map[int]bool
	seeded   int // how far its seed is after the request's
	closer   panel.Closer
	splitter *chat.Splitter
	stopper  stopper
	logprobs bool                // of every token, and
	top      int                 // so many alternatives
	name     func(id int) string // a token's bytes

	decoding bool // the event of that name has been sent
	tokens   []int
	drafts   *message.Drafts      // nil: there were none
	reasoned int                  // of tokens, those of the reasoning
	event    message.Event        // what came since the last delta was sent
	reason   message.FinishReason // why the answer has ended; empty while it has not
}

// take adds the next token. After the answer has ended it takes no more: what a submit decoded past the end is dropped.
func (a *answer) take(c shaders.Chosen) {
	id := int(c.ID)
	if a.reason != "" {
		return
	}
	if a.eos[id] {
		a.end(message.Stopped)
		return
	}
	a.tokens = append(a.tokens, id)
	a.event.Tokens = append(a.event.Tokens, id)
	thinking := a.splitter.Thinking()
	a.show(a.splitter.Push(id))
	thinking = thinking || a.splitter.Thinking() // a tag counts with the reasoning
	if thinking {
		a.reasoned++
	}
	if a.logprobs {
		a.addLogprob(c, thinking || a.splitter.Omits(id))
	}
	if len(a.tokens) >= a.limit {
		a.end(message.Length)
	}
}

// addLogprob adds a token's log-probability to those of the answer, or apart from them.
func (a *answer) addLogprob(c shaders.Chosen, apart bool) {
	if a.event.Logprobs == nil {
		a.event.Logprobs = &message.Logprobs{Content: []message.Logprob{}}
	}
	to := &a.event.Logprobs.Content
	if apart {
		to = &a.event.Logprobs.ReasoningContent
	}
	*to = append(*to, a.logprob(c))
}

// show adds text. Stop texts end the answer, not the reasoning.
func (a *answer) show(content, reasoning string) {
	a.event.Reasoning += reasoning
	shown, stopped := a.stopper.push(content)
	a.event.Content += shown
	if stopped {
		a.reason = message.Stopped
	}
}

// end ends the answer, with what splitter and stopper still held back.
func (a *answer) end(reason message.FinishReason) {
	if a.reason != "" {
		return
	}
	a.show(a.splitter.Flush())
	if a.reason == "" {
		a.event.Content += a.stopper.flush()
		a.reason = reason
	}
}

// delta is what came since the last one; false if nothing did.
func (a *answer) delta() (message.Event, bool) {
	e := a.event
	a.event = message.Event{}
	e.Type, e.ID, e.Index = message.Delta, a.request, a.index
	return e, len(e.Tokens) > 0 || e.Content != "" || e.Reasoning != ""
}

// choice is the answer's last event.
func (a *answer) choice() message.Event {
	usage := a.usage()
	return message.Event{Type: message.Choice, ID: a.request, Index: a.index, FinishReason: a.reason, Usage: &usage}
}

func (a *answer) usage() message.Usage {
	return message.Usage{PromptTokens: len(a.prompt), CachedTokens: a.reused, CompletionTokens: len(a.tokens), ReasoningTokens: a.reasoned, Drafts: a.drafts}
}
