package engine

import (
	"math"
	"slices"

	"tabseek/engine/message"
	"tabseek/shaders"
)

// sampling merges the request's parameters over the model's recommendation, for an answer that starts at a position.
func (e *Engine) sampling(p message.Params, start int) shaders.SamplingParams {
	out, g := shaders.SamplingParams{Temperature: 1, TopP: 1, RepetitionPenalty: 1, AnswerStart: uint32(start)}, e.manifest.Generation
	pick := func(to *float32, choices ...*float64) {
		for _, c := range choices {
			if c != nil {
				*to = float32(*c)
				return
			}
		}
	}
	pick(&out.Temperature, p.Temperature, g.Temperature)
	pick(&out.TopP, p.TopP, g.TopP)
	pick(&out.MinP, p.MinP, g.MinP)
	pick(&out.RepetitionPenalty, p.RepetitionPenalty, g.RepetitionPenalty)
	pick(&out.PresencePenalty, p.PresencePenalty)
	pick(&out.FrequencyPenalty, p.FrequencyPenalty)
	for _, k := range []*int{g.TopK, p.TopK} {
		if k != nil {
			out.TopK = uint32(*k)
		}
	}
	out.Seed = p.SeedOrZero()
	return out
}

// biases are the request's, in order of id.
func (e *Engine) biases(p message.Params) ([]shaders.Bias, error) {
	if len(p.LogitBias) > shaders.MaxBiases {
		return nil, message.Refuse("logit_bias", "has %d tokens, at most %d can have one", len(p.LogitBias), shaders.MaxBiases)
	}
	var list []shaders.Bias
	for id, value := range p.LogitBias {
		if id < 0 || id >= e.sizes.VocabSize {
			return nil, message.Refuse("logit_bias", "names token %d, the vocabulary has ids 0 to %d", id, e.sizes.VocabSize-1)
		}
		list = append(list, shaders.Bias{ID: uint32(id), Value: float32(value)})
	}
	slices.SortFunc(list, func(a, b shaders.Bias) int { return int(a.ID) - int(b.ID) })
	return list, nil
}

// leastLogprob stands for whatever is too unlikely to tell, as OpenAI has it.
const leastLogprob = -9999

// logprob is what a record says of a token that was chosen, with the top likeliest alternatives.
func (a *answer) logprob(c shaders.Chosen) message.Logprob {
	l := message.Logprob{ID: int(c.ID), Token: a.name(int(c.ID)), Logprob: tellable(c.LogProbability), TopLogprobs: []message.TopLogprob{}}
	l.Bytes = bytesOf(l.Token)
	for _, t := range c.Top[:a.top] {
		if t.ID != shaders.FaultToken {
			name := a.name(int(t.ID))
			l.TopLogprobs = append(l.TopLogprobs, message.TopLogprob{ID: int(t.ID), Token: name, Logprob: tellable(t.LogProbability), Bytes: bytesOf(name)})
		}
	}
	return l
}

func tellable(logprob float32) float64 {
	return max(math.Round(float64(logprob)*1e6)/1e6, leastLogprob)
}

func bytesOf(text string) []int {
	list := make([]int, len(text))
	for i := range len(text) {
		list[i] = int(text[i])
	}
	return list
}
