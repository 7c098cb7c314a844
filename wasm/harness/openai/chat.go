package openai

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

// A head is what a completion and each of its chunks begin with.
type head struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"` // seconds since 1970
	Model   string `json:"model"`
}

func (s *Server) head(kind, object string) head {
	var id [12]byte
	rand.Read(id[:])
	return head{kind + "-" + hex.EncodeToString(id[:]), object, time.Now().Unix(), s.Model}
}

// A usage counts tokens as OpenAI does.
type usage struct {
	PromptTokens        int `json:"prompt_tokens"`
	CompletionTokens    int `json:"completion_tokens"`
	TotalTokens         int `json:"total_tokens"`
	PromptTokensDetails struct {
		CachedTokens int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionTokensDetails struct {
		ReasoningTokens int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

func usageOf(u message.Usage) *usage {
	out := &usage{PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens, TotalTokens: u.PromptTokens + u.CompletionTokens}
	out.PromptTokensDetails.CachedTokens = u.CachedTokens
	out.CompletionTokensDetails.ReasoningTokens = u.ReasoningTokens
	return out
}

// A chatDelta is what has come of an answer since the chunk before.
type chatDelta struct {
	Role             message.Role `json:"role,omitempty"`
	Content          string       `json:"content,omitempty"`
	ReasoningContent string       `json:"reasoning_content,omitempty"`
}

type chatChunkChoice struct {
	Index        int                   `json:"index"`
	Delta        chatDelta             `json:"delta"`
	Logprobs     *message.Logprobs     `json:"logprobs"`
	FinishReason *message.FinishReason `json:"finish_reason"`
}

type chatChunk struct {
	head
	Choices []chatChunkChoice `json:"choices"`          // one; none with the usage
	Tokens  int               `json:"tokens,omitempty"` // of the choice so far, its reasoning included
	// Usage is absent, unless it is wanted: null then, but on the last chunk.
	Usage any `json:"usage,omitempty"`

	// Of a strategy: how a trace goes on, how they have answered so far, and with the end of the answer what came of them.
	Lane   *message.Lane   `json:"lane,omitempty"`
	Tally  *message.Tally  `json:"tally,omitempty"`
	Result *message.Result `json:"tabseek,omitempty"`
}

type chatMessage struct {
	Role             message.Role `json:"role"`
	Content          string       `json:"content"`
	ReasoningContent string       `json:"reasoning_content"`
}

type chatChoice struct {
	Index        int                  `json:"index"`
	Message      chatMessage          `json:"message"`
	Logprobs     *message.Logprobs    `json:"logprobs"`
	FinishReason message.FinishReason `json:"finish_reason"`
}

type chatCompletion struct {
	head
	Choices []chatChoice    `json:"choices"`
	Usage   *usage          `json:"usage"`
	Result  *message.Result `json:"tabseek,omitempty"` // of a strategy
}

func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	body, failed := readBody(w, r)
	if failed != nil {
		failed.write(w)
		return
	}
	request, err := message.ParseChat(body)
	if err != nil {
		failureOf(err).write(w)
		return
	}
	if strategy := request.Params.Strategy; strategy != nil && strategy.Verifier != nil && strategy.Verifier.Type == message.VerifyFunction {
		failureOf(message.Refuse("strategy.verifier.type", "is function, which needs a program beside the engine to ask")).write(w)
		return
	}
	c := &call{model: request.Params.Model, delivery: request.Params.Delivery, requests: []message.Request{request}, size: len(body)}
	f := &chatForm{head: s.head("chatcmpl", "chat.completion"), answers: make([]chatAnswer, c.total()), noUsage: c.noUsage()}
	if c.delivery.Stream {
		f.Object = "chat.completion.chunk"
	}
	c.form = f
	s.answer(w, r, c)
}

// A chatForm writes chats.
type chatForm struct {
	head
	answers []chatAnswer
	noUsage any
}

// A chatAnswer is what has come of an answer.
type chatAnswer struct {
	tokens             int
	content, reasoning strings.Builder
	logprobs           *message.Logprobs
	reason             message.FinishReason
	result             *message.Result
}

func (f *chatForm) choice(c chatChunkChoice) *chatChunk {
	return &chatChunk{head: f.head, Choices: []chatChunkChoice{c}, Tokens: f.answers[c.Index].tokens, Usage: f.noUsage}
}

func (f *chatForm) begin(index int) []any {
	return []any{f.choice(chatChunkChoice{Index: index, Delta: chatDelta{Role: message.Assistant}})}
}

func (f *chatForm) chunks(index int, e harness.Event) []any {
	switch e.Type {
	case message.Delta:
		return f.deltas(index, e)
	case message.Choice:
		c := f.choice(chatChunkChoice{Index: index, FinishReason: &e.FinishReason})
		c.Result = e.Result
		return []any{c}
	case message.LaneEvent, message.Tallied:
		c := f.choice(chatChunkChoice{Index: index})
		c.Lane, c.Tally = e.Lane, e.Tally
		return []any{c}
	}
	return nil
}

// deltas tell of reasoning and of the answer apart: there are clients that look for the one, and else for the other.
func (f *chatForm) deltas(index int, e harness.Event) []any {
	f.answers[index].tokens += len(e.Tokens)
	reasoned, answered := parts(e.Logprobs)
	var chunks []any
	if e.Reasoning != "" || reasoned != nil {
		chunks = append(chunks, f.choice(chatChunkChoice{Index: index, Delta: chatDelta{ReasoningContent: e.Reasoning}, Logprobs: reasoned}))
	}
	if e.Content != "" || answered != nil {
		chunks = append(chunks, f.choice(chatChunkChoice{Index: index, Delta: chatDelta{Content: e.Content}, Logprobs: answered}))
	}
	return chunks
}

// parts are the log-probabilities of a delta's reasoning and those of its answer; nil where there are none.
func parts(l *message.Logprobs) (reasoning, answer *message.Logprobs) {
	if l == nil {
		return nil, nil
	}
	if len(l.ReasoningContent) > 0 {
		reasoning = &message.Logprobs{Content: []message.Logprob{}, ReasoningContent: l.ReasoningContent}
	}
	if len(l.Content) > 0 {
		answer = &message.Logprobs{Content: l.Content}
	}
	return reasoning, answer
}

func (f *chatForm) usage(u message.Usage) any {
	return &chatChunk{head: f.head, Choices: []chatChunkChoice{}, Usage: usageOf(u)}
}

func (f *chatForm) add(index int, e harness.Event) {
	a := &f.answers[index]
	if e.Type == message.Choice {
		a.reason, a.result = e.FinishReason, e.Result
	}
	a.content.WriteString(e.Content)
	a.reasoning.WriteString(e.Reasoning)
	a.logprobs = a.logprobs.Append(e.Logprobs)
}

func (f *chatForm) whole(u message.Usage) any {
	choices := make([]chatChoice, len(f.answers))
	for i := range f.answers {
		a := &f.answers[i]
		choices[i] = chatChoice{i, chatMessage{message.Assistant, a.content.String(), a.reasoning.String()}, a.logprobs, a.reason}
	}
	return &chatCompletion{f.head, choices, usageOf(u), f.answers[0].result}
}
