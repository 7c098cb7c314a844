// Package message holds what caller, host and engine say to each other, as JSON: requests with their parameters, events,
// the model's description, counts, errors. It has no behaviour but to read a request strictly and to check it.
//
// The TypeScript of the page (web/src/shared/messages.gen.ts) is generated from these structs, and so are the golden
// examples in testdata/messages that both languages read. What a field's tags say holds everywhere: its name, and for
// a number the least and the most it may be.
package message

//go:generate go run ./gen

// A Request is what a caller asks of the engine. Type says which fields matter.
type Request struct {
	Type     RequestType `json:"type"`
	ID       uint32      `json:"id" min:"0" max:"4294967295"` // of the caller's choosing; every event of the request carries it
	Messages []Message   `json:"messages,omitempty"`
	Tokens   []int       `json:"tokens,omitempty" min:"0"` // ids of a raw prompt
	Prompt   string      `json:"prompt,omitempty"`         // text of one
	Params   Params      `json:"params,omitzero"`
	Mode     Mode        `json:"mode,omitempty"`
	Draft    bool        `json:"draft,omitempty"` // logits of the MTP module as well
	Measure  *Measure    `json:"measure,omitempty"`
	Trace    int         `json:"trace,omitempty" min:"0"`
	Accepted bool        `json:"accepted,omitempty"` // what the verifier says
	// Content and Reasoning are what a trace elsewhere has said since it was last told of, and FinishReason why it ended.
	Content      string       `json:"content,omitempty"`
	Reasoning    string       `json:"reasoning,omitempty"`
	FinishReason FinishReason `json:"finish_reason,omitempty"`
}

// Answers is how many answers the request has: n, or with a strategy one made of several.
func (r *Request) Answers() int {
	switch p := &r.Params; {
	case r.Type != Chat && r.Type != Generate && r.Type != Complete:
		return 0
	case p.N == nil || p.Strategy != nil:
		return 1
	default:
		return *p.N
	}
}

// A RequestType says what is asked for.
type RequestType string

// The types of requests.
const (
	Chat     RequestType = "chat"     // Messages, Params: format the conversation, generate the answer
	Generate RequestType = "generate" // Tokens, Params: continue raw prompt ids
	Complete RequestType = "complete" // Prompt or Tokens, Params: continue a raw text as it stands, reasoning and answer alike
	Logits   RequestType = "logits"   // Tokens, Mode, Draft: a row of logits for each token
	Timing   RequestType = "measure"  // Measure: what kernels take on this device
	Experts  RequestType = "experts"  // how often each expert has been visited
	Cancel   RequestType = "cancel"   // ID: end that request early; it ends with finish_reason abort

	AnswerNow   RequestType = "answer_now"   // ID: that request is to end its thinking and answer
	ThinkLonger RequestType = "think_longer" // ID: that request is to go on with its thinking, once more, where it would end it
	Panel       RequestType = "panel"        // Messages, Params: lead a strategy whose traces an engine elsewhere computes; no model need be open
	Said        RequestType = "said"         // ID, Trace, Content, Reasoning: what came of a trace of that panel
	Ended       RequestType = "ended"        // ID, Trace, FinishReason: it has come to its end

	Verdict RequestType = "verdict" // ID, Trace, Accepted: what the host's verifier says of that trace, which an event verify asked for
)

// A Mode says by which kernels logits are computed; none is prefill.
type Mode string

// The modes.
const (
	Prefill Mode = "prefill"
	Decode  Mode = "decode"
)

// A Message is one turn of a conversation. Its content may come as one text, or as OpenAI's list of parts
// [{"type":"text","text":…}], which are joined.
type Message struct {
	Role    Role   `json:"role"`
	Content string `json:"content" ts:"string | { type: 'text'; text: string }[]"`
	// ReasoningContent is what the assistant thought. Earlier turns' is not shown to the model again; that of a last
	// message, which the answer continues, is.
	ReasoningContent string `json:"reasoning_content,omitempty"`
	// Prefix marks a last message from the assistant as the beginning of the answer, in DeepSeek's words. It is taken for
	// that without the mark as well.
	Prefix bool `json:"prefix,omitempty"`
}

// A Role is who speaks.
type Role string

// The roles.
const (
	System    Role = "system"
	Developer Role = "developer" // OpenAI's newer word for system
	User      Role = "user"
	Assistant Role = "assistant"
)

// What Options are where they are 0; a context is at most the model's own.
const (
	DefaultContext    = 4096
	DefaultCacheBytes = 64 << 20
	DefaultSequences  = 16 // as many as a step has rows
)

// Options are the caller's choices when a model is opened.
type Options struct {
	Context int `json:"context,omitempty" min:"0"` // positions of a sequence; 0: the model's own, at most 4096
	Chunk   int `json:"chunk,omitempty" min:"0"`   // most tokens decoded in one submit; 0: as many as its time allows
	// Sequences is how many answers are computed side by side at most, but no more than a step has rows; 0: so many.
	Sequences int `json:"sequences,omitempty" min:"0"`
	// CacheBytes is how much cache there is at most beyond that of one full context: what answers side by side share, and what
	// stays for prompts to come. 0: 64 MiB.
	CacheBytes int64 `json:"cache_bytes,omitempty" min:"0"`
	// Profile is the choice of kernels to use, as an event tuned told it before. Empty: the candidates are timed.
	Profile string `json:"profile,omitempty"`
}
