package harness

import (
	"context"
	"encoding/json"
	"fmt"

	"tabseek/wasm/abi"
)

// A Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Params are a request's parameters; nil falls back on the model's recommendation.
type Params struct {
	Temperature *float64 `json:"temperature,omitempty"`
	TopP        *float64 `json:"top_p,omitempty"`
	Seed        *uint32  `json:"seed,omitempty"`
	MaxTokens   *int     `json:"max_tokens,omitempty"`
	IgnoreEOS   bool     `json:"ignore_eos,omitempty"` // go on past the end of sequence, up to MaxTokens
}

// A Prompt is what is to be continued: a conversation, or raw ids.
type Prompt struct {
	Messages []Message
	Tokens   []int
}

// An Answer is what a prompt led to.
type Answer struct {
	Text         string `json:"text"`
	Reasoning    string `json:"reasoning"`
	Tokens       []int  `json:"tokens"`        // ids generated, without the end-of-sequence id
	FinishReason string `json:"finish_reason"` // stop, length, abort
	Stats        Stats  `json:"stats"`
}

// request is the JSON of the message Request; the engine says which fields matter to which type.
type request struct {
	Type     string    `json:"type"`
	ID       uint32    `json:"id"`
	Messages []Message `json:"messages,omitempty"`
	Tokens   []int     `json:"tokens,omitempty"`
	Params   *Params   `json:"params,omitempty"`
	Mode     string    `json:"mode,omitempty"`
	Draft    bool      `json:"draft,omitempty"`
}

// An Event is what the engine tells. Which fields are set depends on Type.
type Event struct {
	Type         string     `json:"type"` // ready, prefill, decoding, delta, done, error
	ID           uint32     `json:"id"`
	Model        *ModelInfo `json:"model"`
	Content      string     `json:"content"`
	Reasoning    string     `json:"reasoning"`
	Tokens       []int      `json:"tokens"`
	FinishReason string     `json:"finish_reason"`
	Usage        usage      `json:"usage"`
	Code         string     `json:"code"`
	Message      string     `json:"message"`
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
}

// ModelInfo is what the engine says about the loaded model.
type ModelInfo struct {
	Context         int    `json:"context"`
	VocabSize       int    `json:"vocab_size"`
	Layers          int    `json:"layers"`
	WeightBytes     int64  `json:"weight_bytes"`
	BytesPerToken   int64  `json:"bytes_per_token"`
	KVBytesPerToken int64  `json:"kv_bytes_per_token"`
	Profile         string `json:"profile"`
}

// An Error is a failure the engine reports.
type Error struct {
	Code    string // context_full, bad_request, bad_model, numeric_fault, internal
	Message string
}

func (e *Error) Error() string { return e.Message }

func (e Event) failure() error { return &Error{e.Code, e.Message} }

// Generate continues a prompt. onDelta sees the answer as it grows; it may be nil. When ctx ends, the request is
// cancelled and the answer so far comes back with the finish reason abort.
func (h *Host) Generate(ctx context.Context, p Prompt, params Params, onDelta func(Event)) (*Answer, error) {
	r := request{Type: "chat", Messages: p.Messages, Params: &params}
	if p.Messages == nil {
		r.Type, r.Tokens = "generate", p.Tokens
	}
	answer := &Answer{Tokens: []int{}}
	begin := h.counters()
	var decoding counters
	last, err := h.run(ctx, r, nil, func(e Event, start counters) {
		switch e.Type {
		case "decoding":
			decoding = start
		case "delta":
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
	answer.Stats = h.stats(begin, decoding, last.Usage)
	return answer, nil
}

// Row is one row of logits: of token Index of the prompt, or of the draft for the token after the next.
type Row struct {
	Index  int
	Draft  bool
	Values []byte // vocabulary size times little-endian float32
}

// Logits computes a row of logits for each token, and of drafts if asked to. Mode is prefill or decode: which
// kernels are to do it. A row's values are valid only while onRow runs.
func (h *Host) Logits(ctx context.Context, tokens []int, mode string, draft bool, onRow func(Row) error) error {
	_, err := h.run(ctx, request{Type: "logits", Tokens: tokens, Mode: mode, Draft: draft}, func(l abi.Logits) error {
		return onRow(Row{int(l.Row), l.Draft, l.Values})
	}, nil)
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// run sends a request and works until it is done; it returns its last event.
func (h *Host) run(ctx context.Context, r request, onLogits func(abi.Logits) error, onEvent func(Event, counters)) (last Event, err error) {
	h.lastRequest++
	r.ID = h.lastRequest
	var failure error
	take := func(b batch) error {
		for _, e := range b.events {
			switch {
			case e.Type == "error" && (e.ID == r.ID || e.ID == 0):
				failure = e.failure()
			case e.ID == r.ID && e.Type == "done":
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
			if err = h.request(calls, request{Type: "cancel", ID: r.ID}); err == nil {
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

func (h *Host) request(ctx context.Context, r request) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return h.guest.send(ctx, abi.Request, data)
}
