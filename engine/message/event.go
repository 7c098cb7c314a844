package message

import (
	"cmp"
	"slices"
)

// An Event is what the engine tells the caller. Type says which fields are set. Every request ends with exactly one
// event done or error of its ID; each of its answers ends with one event choice before that.
type Event struct {
	Type EventType `json:"type"`
	ID   uint32    `json:"id"` // the request's; 0: it concerns all

	Index int `json:"index,omitempty"` // decoding, delta, choice: of the request's answers, which one

	Profile string     `json:"profile,omitempty"` // tuned
	Model   *ModelInfo `json:"model,omitempty"`   // ready

	Done  int `json:"done,omitempty"`  // prefill: prompt tokens that are processed
	Total int `json:"total,omitempty"` // prefill: prompt tokens

	Content   string    `json:"content,omitempty"`   // delta: text of the answer
	Reasoning string    `json:"reasoning,omitempty"` // delta: text before the answer
	Tokens    []int     `json:"tokens,omitempty"`    // delta: the ids that came, without the end of sequence
	Logprobs  *Logprobs `json:"logprobs,omitempty"`  // delta: of Tokens, in order, if the request asked for them

	FinishReason FinishReason `json:"finish_reason,omitempty"` // choice, done: of the first answer
	Usage        *Usage       `json:"usage,omitempty"`         // choice; done: of all answers, the prompt counted once

	Messages []Message `json:"messages,omitempty"` // begin: the conversation; none: the request's

	Lane   *Lane   `json:"lane,omitempty"`    // lane, verify, begin, cut: which trace, and what came of it
	Tally  *Tally  `json:"tally,omitempty"`   // tally
	Result *Result `json:"tabseek,omitempty"` // choice, done: of a strategy

	Measured *Measured `json:"measured,omitempty"` // measured

	Experts *ExpertCounts `json:"experts,omitempty"` // experts

	Code    Code   `json:"code,omitempty"`    // error
	Param   string `json:"param,omitempty"`   // error: the parameter at fault, if it is one's
	Message string `json:"message,omitempty"` // error: one line for people

	Logits *LogitsRow `json:"-"` // logits: it travels apart from the JSON, as bytes
}

// An EventType says what is told.
type EventType string

// The types of events.
const (
	Tuned     EventType = "tuned"    // Profile is the fastest on this device, worth remembering for it
	Ready     EventType = "ready"    // the weights are on the GPU
	Prefilled EventType = "prefill"  // part of the prompt is processed
	Decoding  EventType = "decoding" // the prompt is done, the first step of the answer is submitted
	Delta     EventType = "delta"
	Row       EventType = "logits"   // a row of a logits request
	Timed     EventType = "measured" // a kernel's time
	Counted   EventType = "experts"  // how often each expert has been visited
	Choice    EventType = "choice"   // one of the request's answers has ended
	LaneEvent EventType = "lane"     // a trace of a strategy has gone on, or has ended
	Tallied   EventType = "tally"    // another trace of a strategy has ended
	Verify    EventType = "verify"   // the host's verifier is asked about a trace's answer
	Begin     EventType = "begin"    // of a panel: the host is to begin a trace
	Cut       EventType = "cut"      // of a panel: the host is to end a trace, or never to begin it
	Done      EventType = "done"
	Failed    EventType = "error"
)

// A FinishReason says why an answer ended.
type FinishReason string

// The reasons.
const (
	Stopped FinishReason = "stop"   // an end of sequence, or one of the request's stop texts
	Length  FinishReason = "length" // the limit of tokens, or the end of the context
	Abort   FinishReason = "abort"  // cancelled
)

// A LogitsRow is one row of a logits request: for prompt token Row, or, as a draft, for the token after the next.
type LogitsRow struct {
	ID, Row uint32
	Draft   bool
	Values  []byte // VocabSize little-endian float32
}

// Logprobs are the log-probabilities of a delta's tokens, in OpenAI's shape: those of the answer, and apart from them
// those of the reasoning. A token that opens or closes the reasoning counts with the reasoning, and so does white space at
// the beginning of either, which is not shown.
type Logprobs struct {
	Content          []Logprob `json:"content"`
	ReasoningContent []Logprob `json:"reasoning_content,omitempty"`
}

// Append adds the log-probabilities of the tokens that came next, to l or, where that is nil, to a list of its own.
func (l *Logprobs) Append(next *Logprobs) *Logprobs {
	if next == nil {
		return l
	}
	if l == nil {
		l = &Logprobs{Content: []Logprob{}}
	}
	l.Content = append(l.Content, next.Content...)
	l.ReasoningContent = append(l.ReasoningContent, next.ReasoningContent...)
	return l
}

// A Logprob is a token of the answer with its log-probability, in nats, by the model's own logits: before penalties,
// biases, temperature and cuts. What is too unlikely to tell is -9999.
type Logprob struct {
	ID      int     `json:"id"`
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"` // a token may be part of a character
	// TopLogprobs are the likeliest tokens at this place, most likely first; the token itself need not be among them.
	TopLogprobs []TopLogprob `json:"top_logprobs"`
}

// A TopLogprob is a token that might have come instead.
type TopLogprob struct {
	ID      int     `json:"id"`
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// Usage counts a finished request's tokens.
type Usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CachedTokens     int `json:"cached_tokens"` // of the prompt, found in the cache
	CompletionTokens int `json:"completion_tokens"`
	ReasoningTokens  int `json:"reasoning_tokens"` // of the completion, up to the end of the reasoning

	Drafts *Drafts `json:"drafts,omitempty"` // if there were any
}

// Add adds the usage of another request.
func (u *Usage) Add(other Usage) {
	u.PromptTokens += other.PromptTokens
	u.CachedTokens += other.CachedTokens
	u.AddAnswer(other)
}

// AddAnswer adds the usage of another answer to the same prompt.
func (u *Usage) AddAnswer(other Usage) {
	u.CompletionTokens += other.CompletionTokens
	u.ReasoningTokens += other.ReasoningTokens
	u.Drafts = u.Drafts.Plus(other.Drafts)
}

// Drafts count what came of guessing tokens.
type Drafts struct {
	Depth      int   `json:"depth"`       // drafts of the last pass
	Passes     int   `json:"passes"`      // of the model, each over a token and its drafts
	Drafted    int   `json:"drafted"`     // tokens that were guessed
	Accepted   int   `json:"accepted"`    // of these, the guesses that were right
	ByPosition []int `json:"by_position"` // accepted guesses of the next token, of the one after it, and so on
	// Warning tells, once for a loaded model, that its draft module seems to be a wrong one.
	Warning string `json:"warning,omitempty"`
}

// Pass counts a pass over so many drafts, which gave so many tokens: the drafts that were right, and one more.
func (d *Drafts) Pass(depth, tokens int) {
	d.Depth = depth
	d.Passes++
	d.Drafted += depth
	for i := range tokens - 1 {
		if i == len(d.ByPosition) {
			d.ByPosition = append(d.ByPosition, 0)
		}
		d.ByPosition[i]++
		d.Accepted++
	}
}

// Plus is the sum with the counts of another answer; nil stands for none.
func (d *Drafts) Plus(other *Drafts) *Drafts {
	if d == nil || other == nil {
		return cmp.Or(d, other)
	}
	long, short := d.ByPosition, other.ByPosition
	if len(long) < len(short) {
		long, short = short, long
	}
	sum := Drafts{other.Depth, d.Passes + other.Passes, d.Drafted + other.Drafted, d.Accepted + other.Accepted, slices.Clone(long), cmp.Or(d.Warning, other.Warning)}
	for i, n := range short {
		sum.ByPosition[i] += n
	}
	return &sum
}

// TokenBytes are the summands of bytes_per_token.
type TokenBytes struct {
	Attention int64 `json:"attention"`
	Routed    int64 `json:"routed"` // experts that were chosen
	Shared    int64 `json:"shared"` // experts that are always visited, and dense layers
	Head      int64 `json:"head"`
	Other     int64 `json:"other"` // norms, routers
}

// An Attention is the kind that a model has, and so what its cache keeps of a token.
type Attention string

// The kinds of attention.
const (
	MLA Attention = "MLA" // latent: a row that all heads share
	GQA Attention = "GQA" // grouped-query: a key and a value for each group of heads
)

// ModelInfo is what a caller may want to know of the loaded model.
type ModelInfo struct {
	Name                    string     `json:"name"`
	Chat                    string     `json:"chat"` // family of its conversation format; empty: it cannot chat
	Context                 int        `json:"context"`
	VocabSize               int        `json:"vocab_size"`
	Layers                  int        `json:"layers"`
	Attention               Attention  `json:"attention"`
	ParamsTotal             int64      `json:"params_total"`
	ParamsActive            int64      `json:"params_active"`
	WeightBytes             int64      `json:"weight_bytes"`
	BytesPerToken           int64      `json:"bytes_per_token"` // of the weights, read to decode one token
	KVBytesPerToken         int64      `json:"kv_bytes_per_token"`
	KVBytesPerTokenExpanded int64      `json:"kv_bytes_per_token_expanded"` // what keys and values of every head would take
	BytesByPart             TokenBytes `json:"bytes_by_part"`
	Chunk                   int        `json:"chunk"`
	Profile                 string     `json:"profile"` // which variants of the kernels run
	Temperature             float64    `json:"temperature"`
	TopP                    float64    `json:"top_p"`
	Drafts                  bool       `json:"drafts"`    // the model has an MTP module
	Sequences               int        `json:"sequences"` // answers that are computed side by side at most
}

// Stats tell what an answer took. Dispatches, submits, readbacks and guest calls are those of the decode phase,
// steps past the end of the answer included.
type Stats struct {
	PromptTokens     int     `json:"prompt_tokens"`
	CompletionTokens int     `json:"completion_tokens"`
	PrefillSeconds   float64 `json:"prefill_seconds"`
	DecodeSeconds    float64 `json:"decode_seconds"`
	LoadSeconds      float64 `json:"load_seconds"`
	Dispatches       int     `json:"dispatches"`
	Submits          int     `json:"submits"`
	Readbacks        int     `json:"readbacks"`
	GuestCalls       int     `json:"guest_calls"`
	GuestSeconds     float64 `json:"guest_seconds"`
	WeightBytes      int64   `json:"weight_bytes"`
	KVBytesPerToken  int64   `json:"kv_bytes_per_token"`
	GuestHeapBytes   int64   `json:"guest_heap_bytes"` // the guest's whole linear memory
	Device           string  `json:"device"`
	Profile          string  `json:"profile"`

	// With drafts: how many tokens were guessed, how many guesses were right, of the next token, the one after it and so on, the
	// tokens that a pass of the model gave, and how many drafts the last pass had.
	Drafted            int     `json:"drafted,omitempty"`
	Accepted           int     `json:"accepted,omitempty"`
	AcceptedByPosition []int   `json:"accepted_by_position,omitempty"`
	TokensPerPass      float64 `json:"tokens_per_pass,omitempty"`
	DraftDepth         int     `json:"draft_depth,omitempty"`
	// Warning is something about the model that came up while the answer was computed.
	Warning string `json:"warning,omitempty"`
}

// Count adds what came of drafts to the stats.
func (s *Stats) Count(d *Drafts) {
	if d != nil {
		s.Drafted, s.Accepted, s.AcceptedByPosition, s.DraftDepth = d.Drafted, d.Accepted, d.ByPosition, d.Depth
		s.Warning = d.Warning
		s.TokensPerPass = 1 + float64(d.Accepted)/float64(max(d.Passes, 1))
	}
}
