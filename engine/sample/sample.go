// Package sample says how a next token is chosen: the parameters and their defaults, whose bounds are in engine/message.
// The choosing itself is a kernel (shaders.Sample).
package sample

// Params are one request's sampling parameters, in OpenAI's words. The zero value of a field but Temperature and
// TopP turns that step off; see Default.
type Params struct {
	Temperature       float64 // 0: always the likeliest token
	TopK              int     // keep the k likeliest; 0: all
	TopP              float64 // keep the likeliest whose probabilities sum to p; 1: all
	MinP              float64 // drop what is less likely than p times the likeliest; 0: nothing
	RepetitionPenalty float64 // divide (or, if negative, multiply) logits of tokens seen before; 1: off
	Seed              uint32  // same seed, same model, same device: same answer
}

// Default is plain sampling: temperature 1, nothing cut off.
func Default() Params { return Params{Temperature: 1, TopP: 1, RepetitionPenalty: 1} }
