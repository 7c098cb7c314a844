package openai

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

// A textChoice is an answer to a raw prompt, or a piece of one.
type textChoice struct {
	Index        int                   `json:"index"`
	Text         string                `json:"text"`
	Logprobs     *textLogprobs         `json:"logprobs"`
	FinishReason *message.FinishReason `json:"finish_reason"`
}

// textLogprobs are lists of the same length: an element for each token.
type textLogprobs struct {
	Tokens        []string             `json:"tokens"`
	TokenLogprobs []float64            `json:"token_logprobs"`
	TopLogprobs   []map[string]float64 `json:"top_logprobs"`
	TextOffset    []int                `json:"text_offset"` // in the answer, in characters
}

type textCompletion struct {
	head
	Choices []textChoice `json:"choices"`
	Usage   any          `json:"usage,omitempty"` // of a chunk: as a chat's
}

func (s *Server) completions(w http.ResponseWriter, r *http.Request) {
	body, failed := readBody(w, r)
	if failed != nil {
		failed.write(w)
		return
	}
	requests, delivery, err := message.ParseCompletion(body)
	if err != nil {
		failureOf(err).write(w)
		return
	}
	c := &call{model: requests[0].Params.Model, delivery: delivery, requests: requests, size: len(body)}
	c.form = &textForm{head: s.head("cmpl", "text_completion"), answers: make([]textAnswer, c.total()), noUsage: c.noUsage()}
	s.answer(w, r, c)
}

// A textForm writes completions of raw prompts.
type textForm struct {
	head
	answers []textAnswer
	noUsage any
}

// A textAnswer is what has come of an answer.
type textAnswer struct {
	text     strings.Builder
	length   int // of its tokens, in characters
	logprobs *textLogprobs
	reason   message.FinishReason
}

func (f *textForm) begin(int) []any { return nil }

func (f *textForm) chunks(index int, e harness.Event) []any {
	c := textChoice{Index: index, Text: e.Content, Logprobs: f.answers[index].convert(e.Logprobs)}
	if e.Type == message.Choice {
		c.FinishReason = &e.FinishReason
	} else if c.Text == "" && c.Logprobs == nil {
		return nil
	}
	return []any{&textCompletion{f.head, []textChoice{c}, f.noUsage}}
}

func (f *textForm) usage(u message.Usage) any {
	return &textCompletion{f.head, []textChoice{}, usageOf(u)}
}

func (f *textForm) add(index int, e harness.Event) {
	a := &f.answers[index]
	a.text.WriteString(e.Content)
	a.reason = e.FinishReason
	if l := a.convert(e.Logprobs); l != nil && a.logprobs == nil {
		a.logprobs = l
	} else if l != nil {
		a.logprobs.Tokens = append(a.logprobs.Tokens, l.Tokens...)
		a.logprobs.TokenLogprobs = append(a.logprobs.TokenLogprobs, l.TokenLogprobs...)
		a.logprobs.TopLogprobs = append(a.logprobs.TopLogprobs, l.TopLogprobs...)
		a.logprobs.TextOffset = append(a.logprobs.TextOffset, l.TextOffset...)
	}
}

func (f *textForm) whole(u message.Usage) any {
	choices := make([]textChoice, len(f.answers))
	for i := range f.answers {
		a := &f.answers[i]
		choices[i] = textChoice{i, a.text.String(), a.logprobs, &a.reason}
	}
	return &textCompletion{f.head, choices, usageOf(u)}
}

// convert gives log-probabilities the shape they have beside raw prompts.
func (a *textAnswer) convert(l *message.Logprobs) *textLogprobs {
	if l == nil {
		return nil
	}
	out := &textLogprobs{}
	for _, t := range l.Content {
		top := map[string]float64{}
		for _, other := range t.TopLogprobs {
			top[other.Token] = other.Logprob
		}
		out.Tokens = append(out.Tokens, t.Token)
		out.TokenLogprobs = append(out.TokenLogprobs, t.Logprob)
		out.TopLogprobs = append(out.TopLogprobs, top)
		out.TextOffset = append(out.TextOffset, a.length)
		a.length += utf8.RuneCountInString(t.Token)
	}
	return out
}
