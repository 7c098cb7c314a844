package engine

import (
	"encoding/json"
	"errors"
	"fmt"

	"tabseek/engine/sample"
	"tabseek/engine/tokenizer/chat"
)

// A Request is what a caller asks of the engine. Type says which fields matter:
//
//	chat      Messages, Params: format the conversation, generate the answer
//	generate  Tokens, Params: continue raw prompt ids
//	logits    Tokens, Mode, Draft: a row of logits for each token
//	cancel    ID: stop that request; it ends with finish_reason abort
type Request struct {
	Type     string         `json:"type"`
	ID       uint32         `json:"id"`
	Messages []chat.Message `json:"messages"`
	Tokens   []int          `json:"tokens"`
	Params   Params         `json:"params"`
	Mode     string         `json:"mode"`  // prefill or decode: which kernels a logits request runs
	Draft    bool           `json:"draft"` // logits of the MTP module as well
}

// Params are a request's parameters; what is absent falls back on the model's recommendation, then on plain sampling.
type Params struct {
	Temperature       *float64 `json:"temperature"`
	TopK              *int     `json:"top_k"`
	TopP              *float64 `json:"top_p"`
	MinP              *float64 `json:"min_p"`
	RepetitionPenalty *float64 `json:"repetition_penalty"`
	Seed              *uint32  `json:"seed"`
	MaxTokens         *int     `json:"max_tokens"`
	IgnoreEOS         bool     `json:"ignore_eos"` // go on past the end of sequence, up to max_tokens: for benchmarks
	Thinking          *bool    `json:"thinking"`
}

// An Event is what the engine tells the caller.
//
//	ready     Model: the weights are on the GPU
//	prefill   Done of Total prompt tokens are processed
//	decoding  the prompt is done, the first step of the answer is submitted
//	delta     Content, Reasoning and the Tokens they come from
//	done      FinishReason (stop, length, abort), Usage
//	error     Code, Message
//
// A logits request yields rows in place of deltas; they are binary and come as Logits.
type Event struct {
	Type         string     `json:"type"`
	ID           uint32     `json:"id"`
	Model        *ModelInfo `json:"model,omitempty"`
	Done         int        `json:"done,omitempty"`
	Total        int        `json:"total,omitempty"`
	Content      string     `json:"content,omitempty"`
	Reasoning    string     `json:"reasoning,omitempty"`
	Tokens       []int      `json:"tokens,omitempty"`
	FinishReason string     `json:"finish_reason,omitempty"`
	Usage        *Usage     `json:"usage,omitempty"`
	Code         string     `json:"code,omitempty"`
	Message      string     `json:"message,omitempty"`

	Logits *Logits `json:"-"` // set only on events of a logits request; Type is logits
}

// Logits is one row of a logits request: for prompt token Row, or, as a draft, for the token after the next.
type Logits struct {
	ID, Row uint32
	Draft   bool
	Values  []byte // VocabSize little-endian float32
}

// Usage counts a finished request's tokens.
type Usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CachedTokens     int `json:"cached_tokens"` // of the prompt, found in the cache
	CompletionTokens int `json:"completion_tokens"`
}

// ModelInfo is what a caller may want to know of the loaded model.
type ModelInfo struct {
	Name            string  `json:"name"`
	Chat            string  `json:"chat"`
	Context         int     `json:"context"`
	VocabSize       int     `json:"vocab_size"`
	Layers          int     `json:"layers"`
	ParamsTotal     int64   `json:"params_total"`
	ParamsActive    int64   `json:"params_active"`
	WeightBytes     int64   `json:"weight_bytes"`
	BytesPerToken   int64   `json:"bytes_per_token"` // of the weights, read to decode one token
	KVBytesPerToken int     `json:"kv_bytes_per_token"`
	Chunk           int     `json:"chunk"`
	Profile         string  `json:"profile"`
	Temperature     float64 `json:"temperature"`
	TopP            float64 `json:"top_p"`
	Drafts          bool    `json:"drafts"` // the model has an MTP module
}

// An Error is a failure with a code that programs can tell apart.
type Error struct {
	Code string
	Err  error
}

// The codes of errors.
const (
	BadRequest   = "bad_request"
	BadModel     = "bad_model"
	ContextFull  = "context_full"
	NumericFault = "numeric_fault"
	Internal     = "internal"
)

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func fail(code, format string, args ...any) error { return &Error{code, fmt.Errorf(format, args...)} }

// ErrorEvent turns an error into the event that reports it.
func ErrorEvent(id uint32, err error) Event {
	code := Internal
	var coded *Error
	if errors.As(err, &coded) {
		code = coded.Code
	}
	return Event{Type: "error", ID: id, Code: code, Message: err.Error()}
}

// ParseRequest reads a request's JSON.
func ParseRequest(data []byte) (Request, error) {
	var r Request
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fail(BadRequest, "request: %w", err)
	}
	return r, nil
}

// sampling merges the request's parameters over the model's recommendation.
func (e *Engine) sampling(p Params) (sample.Params, error) {
	out, g := sample.Default(), e.manifest.Generation
	pick := func(to *float64, choices ...*float64) {
		for _, c := range choices {
			if c != nil {
				*to = *c
				return
			}
		}
	}
	pick(&out.Temperature, p.Temperature, g.Temperature)
	pick(&out.TopP, p.TopP, g.TopP)
	pick(&out.MinP, p.MinP, g.MinP)
	pick(&out.RepetitionPenalty, p.RepetitionPenalty, g.RepetitionPenalty)
	for _, k := range []*int{g.TopK, p.TopK} {
		if k != nil {
			out.TopK = *k
		}
	}
	if p.Seed != nil {
		out.Seed = *p.Seed
	}
	if err := out.Validate(); err != nil {
		return out, fail(BadRequest, "%w", err)
	}
	return out, nil
}
