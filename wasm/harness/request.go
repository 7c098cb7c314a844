package harness

import (
	"context"
	"errors"
	"io"

	"tabseek/engine/message"
)

// A Prompt is what is to be continued: a conversation, or raw ids.
type Prompt struct {
	Messages []message.Message
	Tokens   []int
}

func (p Prompt) request(params message.Params) message.Request {
	if p.Messages == nil {
		return message.Request{Type: message.Generate, Tokens: p.Tokens, Params: params}
	}
	return message.Request{Type: message.Chat, Messages: p.Messages, Params: params}
}

// An Answer is what a prompt led to.
type Answer struct {
	Text         string               `json:"text"`
	Reasoning    string               `json:"reasoning"`
	Tokens       []int                `json:"tokens"` // ids generated, without the end-of-sequence id
	FinishReason message.FinishReason `json:"finish_reason"`
	Usage        message.Usage        `json:"usage"`
	Stats        message.Stats        `json:"stats"`
	Result       *message.Result      `json:"tabseek,omitempty"` // of a strategy
}

// Add takes an event of the answer.
func (a *Answer) Add(e Event) {
	switch e.Type {
	case message.Delta:
		a.Text += e.Content
		a.Reasoning += e.Reasoning
		a.Tokens = append(a.Tokens, e.Tokens...)
	case message.Choice:
		a.FinishReason, a.Usage, a.Stats, a.Result = e.FinishReason, *e.Usage, *e.Stats, e.Result
	}
}

// failureOf is the error that an event reports.
func failureOf(e message.Event) error {
	return &message.Error{Code: e.Code, Param: e.Param, Err: errors.New(e.Message)}
}

// Generate continues a prompt. onDelta sees the answer as it grows; it may be nil. When ctx ends, the request is
// cancelled and the answer so far comes back with the finish reason abort.
func (h *Host) Generate(ctx context.Context, p Prompt, params message.Params, onDelta func(message.Event)) (*Answer, error) {
	answers, err := h.Answers(ctx, p, params, func(e Event) {
		if e.Type == message.Delta && onDelta != nil {
			onDelta(e.Event)
		}
	})
	if err != nil {
		return nil, err
	}
	return answers[0], nil
}

// Answers continues a prompt as often as params say. onEvent sees how; it may be nil.
func (h *Host) Answers(ctx context.Context, p Prompt, params message.Params, onEvent func(Event)) ([]*Answer, error) {
	var answers []*Answer
	err := read(h.Start(ctx, p.request(params)), func(e Event) {
		for len(answers) <= e.Index {
			answers = append(answers, &Answer{Tokens: []int{}})
		}
		answers[e.Index].Add(e)
		if onEvent != nil {
			onEvent(e)
		}
	})
	if err != nil {
		return nil, err
	}
	return answers, nil
}

// Logits computes a row of logits for each token, and of drafts if asked to. Mode is prefill or decode: which
// kernels are to do it. A row's values are valid only while onRow runs, which keeps everything else waiting.
func (h *Host) Logits(ctx context.Context, tokens []int, mode message.Mode, draft bool, onRow func(message.LogitsRow) error) error {
	r := message.Request{Type: message.Logits, Tokens: tokens, Mode: mode, Draft: draft}
	err := read(h.start(ctx, r, onRow), func(Event) {})
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// Measure times kernels on the device: the first two are probes of what it can do.
func (h *Host) Measure(ctx context.Context, m message.Measure) ([]message.Measured, error) {
	var list []message.Measured
	err := read(h.Start(ctx, message.Request{Type: message.Timing, Measure: &m}), func(e Event) {
		if e.Measured != nil {
			list = append(list, *e.Measured)
		}
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	return list, err
}

// Experts tells how often each expert has been visited since the model was opened, by layer; nothing of a model that has none.
func (h *Host) Experts(ctx context.Context) ([][]int, error) {
	var layers [][]int
	err := read(h.Start(ctx, message.Request{Type: message.Experts}), func(e Event) {
		if e.Experts != nil {
			layers = e.Experts.Layers
		}
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	return layers, err
}

// read reads a stream to its end.
func read(s *Stream, use func(Event)) error {
	defer s.Close()
	for {
		e, err := s.Next(context.Background())
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		use(e)
	}
}
