package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tabseek/engine/message"
	"tabseek/wasm/abi"
)

// A Prompt is what is to be continued: a conversation, or raw ids.
type Prompt struct {
	Messages []message.Message
	Tokens   []int
}

// An Answer is what a prompt led to.
type Answer struct {
	Text         string               `json:"text"`
	Reasoning    string               `json:"reasoning"`
	Tokens       []int                `json:"tokens"` // ids generated, without the end-of-sequence id
	FinishReason message.FinishReason `json:"finish_reason"`
	Stats        message.Stats        `json:"stats"`
}

// failureOf is the error that an event reports.
func failureOf(e message.Event) error {
	return &message.Error{Code: e.Code, Param: e.Param, Err: errors.New(e.Message)}
}

// Generate continues a prompt. onDelta sees the answer as it grows; it may be nil. When ctx ends, the request is
// cancelled and the answer so far comes back with the finish reason abort.
func (h *Host) Generate(ctx context.Context, p Prompt, params message.Params, onDelta func(message.Event)) (*Answer, error) {
	r := message.Request{Type: message.Chat, Messages: p.Messages, Params: params}
	if p.Messages == nil {
		r.Type, r.Tokens = message.Generate, p.Tokens
	}
	answer := &Answer{Tokens: []int{}}
	begin := h.counters()
	var decoding counters
	last, err := h.run(ctx, r, nil, func(e message.Event, start counters) {
		switch e.Type {
		case message.Decoding:
			decoding = start
		case message.Delta:
			answer.Text += e.Content
			answer.Reasoning += e.Reasoning
			answer.Tokens = append(answer.Tokens, e.Tokens...)
			if onDelta != nil {
				onDelta(e)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if decoding.at.IsZero() { // cancelled before it came to that
		decoding = h.counters()
	}
	answer.FinishReason = last.FinishReason
	answer.Stats = h.stats(begin, decoding, *last.Usage)
	return answer, nil
}

// Logits computes a row of logits for each token, and of drafts if asked to. Mode is prefill or decode: which
// kernels are to do it. A row's values are valid only while onRow runs.
func (h *Host) Logits(ctx context.Context, tokens []int, mode message.Mode, draft bool, onRow func(message.LogitsRow) error) error {
	_, err := h.run(ctx, message.Request{Type: message.Logits, Tokens: tokens, Mode: mode, Draft: draft}, onRow, nil)
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// run sends a request and works until it is done; it returns its last event.
func (h *Host) run(ctx context.Context, r message.Request, onLogits func(message.LogitsRow) error, onEvent func(message.Event, counters)) (last message.Event, err error) {
	h.lastRequest++
	r.ID = h.lastRequest
	var failure error
	take := func(b batch) error {
		for _, e := range b.events {
			switch {
			case e.Type == message.Failed && (e.ID == r.ID || e.ID == 0):
				failure = failureOf(e)
			case e.ID == r.ID && e.Type == message.Done:
				last = e
			case e.ID == r.ID && onEvent != nil:
				onEvent(e, b.start)
			}
		}
		return failure
	}
	// The guest is called without ctx's end: it is told to cancel, and may finish.
	calls := context.WithoutCancel(ctx)
	if err := h.request(calls, r); err != nil {
		return last, err
	}
	b, err := h.step(calls, onLogits)
	if err == nil {
		err = take(b)
	}
	for cancelled := false; err == nil && last.Type == ""; {
		if ctx.Err() != nil && !cancelled {
			cancelled = true
			if err = h.request(calls, message.Request{Type: message.Cancel, ID: r.ID}); err == nil {
				if b, err = h.step(calls, onLogits); err == nil {
					err = take(b)
				}
			}
			continue
		}
		err = h.deliver(calls, onLogits, take)
	}
	return last, err
}

func (h *Host) request(ctx context.Context, r message.Request) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return h.guest.send(ctx, abi.Request, data)
}
