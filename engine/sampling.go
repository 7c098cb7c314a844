package engine

import (
	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/sample"
	"tabseek/shaders"
)

// unbuilt refuses by name what the engine does not do yet: a parameter is never ignored.
func unbuilt(p message.Params) error {
	for name, given := range map[string]bool{
		"presence_penalty": p.PresencePenalty != nil, "frequency_penalty": p.FrequencyPenalty != nil,
		"logit_bias": len(p.LogitBias) > 0, "logprobs": p.Logprobs,
	} {
		if given {
			return message.Refuse(name, "is not supported yet")
		}
	}
	return nil
}

// sampling merges the request's parameters over the model's recommendation.
func (e *Engine) sampling(p message.Params) (sample.Params, error) {
	out, g := sample.Default(), e.manifest.Generation
	if err := unbuilt(p); err != nil {
		return out, err
	}
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
	return out, nil
}

// writeSampling sets how row 0 chooses its tokens.
func (e *Engine) writeSampling(p message.Params) error {
	s, err := e.sampling(p)
	if err != nil {
		return err
	}
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Sampling.ID(), Data: shaders.SamplingParams{
		Temperature: float32(s.Temperature), TopP: float32(s.TopP), MinP: float32(s.MinP),
		RepetitionPenalty: float32(s.RepetitionPenalty), TopK: uint32(s.TopK), Seed: s.Seed,
	}.Encode()})
	return nil
}
