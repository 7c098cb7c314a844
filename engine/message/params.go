package message

// Params are the parameters of an answer, in OpenAI's words. What is absent falls back on the model's recommendation,
// then on plain sampling: temperature 1, nothing cut off, nothing penalised.
type Params struct {
	// Temperature divides the logits; 0 always takes the likeliest token.
	Temperature *float64 `json:"temperature,omitempty" min:"0" max:"100"`
	// TopK keeps the k likeliest tokens; 0 keeps all.
	TopK *int `json:"top_k,omitempty" min:"0" max:"16777216"`
	// TopP keeps the likeliest tokens whose probabilities sum to p.
	TopP *float64 `json:"top_p,omitempty" min:"0" max:"1"`
	// MinP drops what is less likely than p times the likeliest.
	MinP *float64 `json:"min_p,omitempty" min:"0" max:"1"`
	// RepetitionPenalty divides positive logits of tokens seen in prompt or answer, and multiplies negative ones; 1 is none.
	RepetitionPenalty *float64 `json:"repetition_penalty,omitempty" min:"0.01" max:"100"`
	// PresencePenalty is taken from the logits of tokens that the answer has already.
	PresencePenalty *float64 `json:"presence_penalty,omitempty" min:"-2" max:"2"`
	// FrequencyPenalty is taken from a token's logit once for each time that the answer has it.
	FrequencyPenalty *float64 `json:"frequency_penalty,omitempty" min:"-2" max:"2"`
	// LogitBias is added to the logits of the tokens with these ids, before temperature: -100 bans, 100 forces.
	LogitBias map[int]float64 `json:"logit_bias,omitempty" min:"-100" max:"100"`
	// Seed makes an answer repeatable: the same seed on the same device draws the same tokens. Absent, it is random.
	Seed *uint32 `json:"seed,omitempty" min:"0" max:"4294967295"`

	// MaxTokens ends the answer, reasoning included, with finish_reason length.
	MaxTokens *int `json:"max_tokens,omitempty" min:"1"`
	// MaxCompletionTokens is OpenAI's newer word for MaxTokens; of both, the smaller holds.
	MaxCompletionTokens *int `json:"max_completion_tokens,omitempty" min:"1"`
	// Stop ends the answer before the first of these texts, with finish_reason stop; no part of it is in the answer.
	// Reasoning is not searched.
	Stop Stop `json:"stop,omitempty" ts:"string | string[]"`
	// IgnoreEOS goes on past the end of sequence, up to MaxTokens: for benchmarks.
	IgnoreEOS bool `json:"ignore_eos,omitempty"`

	// Logprobs asks for the log-probability of every token of the answer.
	Logprobs bool `json:"logprobs,omitempty"`
	// TopLogprobs asks for the likeliest alternatives to each as well; it needs Logprobs.
	TopLogprobs *int `json:"top_logprobs,omitempty" min:"0" max:"20"`
	// Thinking asks for an answer with or without reasoning, where the model's family leaves the choice: true, false, or
	// DeepSeek's {"type":"enabled"} and {"type":"disabled"}.
	Thinking *Thinking `json:"thinking,omitempty" ts:"boolean | { type: 'enabled' | 'disabled' }"`
	// N is how many answers are wanted. Answer i has the seed after the first's by i. With a strategy, it is another word for
	// the strategy's.
	N *int `json:"n,omitempty" min:"1" max:"128"`
	// Draft says how many of the tokens that follow are guessed and then verified in one pass: off, auto, or so many. Guesses
	// come of the model's MTP module or, where it has none, of what has been said before. The answer is the same in every
	// case. Absent, it is auto.
	Draft *Depth `json:"draft,omitempty" ts:"'off' | 'auto' | 0 | 1 | 2 | 3"`
	// Strategy makes one answer of several.
	Strategy *Strategy `json:"strategy,omitempty" ts:"Strategy | StrategyMode"`

	Budgets
	Delivery
	Labels
}

// Delivery is how a host hands answers on. The engine checks it and does nothing with it.
type Delivery struct {
	// Stream asks for chunks as they come, in place of the whole answer at the end.
	Stream bool `json:"stream,omitempty"`
	// StreamOptions need Stream.
	StreamOptions *StreamOptions `json:"stream_options,omitempty"`
}

// StreamOptions say what a stream has beside the answer.
type StreamOptions struct {
	// IncludeUsage asks for one last chunk without choices, with the usage of all of them.
	IncludeUsage bool `json:"include_usage,omitempty"`
}

// Labels are for a service's own books. They are taken, so that programs written for one run here, and change nothing.
type Labels struct {
	Model            string            `json:"model,omitempty"` // the loaded model answers, whatever it is called
	User             string            `json:"user,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
	SafetyIdentifier string            `json:"safety_identifier,omitempty"`
	PromptCacheKey   string            `json:"prompt_cache_key,omitempty"`
}

// Stop is a list of texts; its JSON may be one text alone.
type Stop []string

// The bounds of Stop: DeepSeek's number, and bytes of each.
const (
	MaxStops     = 16
	MaxStopBytes = 256
)

// Depth is a number of drafts, up to MaxDepth; its JSON may be off, which is 0, or auto.
type Depth int

// The depths that have no number.
const (
	AutoDepth = -1
	MaxDepth  = 3
)

// Thinking says whether an answer begins with reasoning; its JSON may be DeepSeek's object.
type Thinking bool

// SeedOrZero is the seed; a host that wants chance sets one.
func (p *Params) SeedOrZero() uint32 {
	if p.Seed == nil {
		return 0
	}
	return *p.Seed
}

// Limit is the most tokens that the answer may have; false if it is not limited.
func (p *Params) Limit() (int, bool) {
	switch a, b := p.MaxTokens, p.MaxCompletionTokens; {
	case a != nil && b != nil:
		return min(*a, *b), true
	case a != nil:
		return *a, true
	case b != nil:
		return *b, true
	}
	return 0, false
}
