// Package sample says how a next token is chosen: the parameters, their defaults and their bounds. The choosing
// itself is a kernel (shaders.Sample).
package sample

import (
	"fmt"
	"math"
)

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

// Validate names the first parameter that is out of bounds.
func (p Params) Validate() error {
	for _, f := range []struct {
		name            string
		value, min, max float64
	}{
		{"temperature", p.Temperature, 0, 100},
		{"top_k", float64(p.TopK), 0, 1 << 24},
		{"top_p", p.TopP, 0, 1},
		{"min_p", p.MinP, 0, 1},
		{"repetition_penalty", p.RepetitionPenalty, 0.01, 100},
	} {
		if math.IsNaN(f.value) || f.value < f.min || f.value > f.max {
			return fmt.Errorf("%s is %g, must be %g to %g", f.name, f.value, f.min, f.max)
		}
	}
	return nil
}
