package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"tabseek/engine/message"
	"tabseek/wasm/harness"
)

// measured is what bench prints.
type measured struct {
	PrefillTokensPerSecond  float64 `json:"prefill_tokens_per_second"`
	DecodeTokensPerSecond   float64 `json:"decode_tokens_per_second"`
	DispatchesPerLayerToken float64 `json:"dispatches_per_layer_token"`
	SubmitsPerToken         float64 `json:"submits_per_token"`
	CPUSecondsPerToken      float64 `json:"guest_seconds_per_token"`
	BytesPerToken           int64   `json:"bytes_per_token"` // of the weights
	GBPerSecond             float64 `json:"gb_per_second"`
	Layers                  int     `json:"layers"`
	message.Stats

	Experts []spread  `json:"experts,omitempty"` // of each layer that has them
	Probes  probes    `json:"probes"`
	Kernels []timed   `json:"kernels"` // of a step in the middle of what was decoded, the dearest first
	Depths  []atDepth `json:"depths"`
}

// bench continues a prompt of random ids and prints speeds; with a batch, by as many answers side by side.
func bench(ctx context.Context, args []string, to streams) error {
	a, err := parseBench(args)
	if err != nil {
		return err
	}
	return withModel(ctx, a.target, a.model, to, func(host *harness.Host) error {
		if most := host.Model().Sequences; a.batch > most {
			return fmt.Errorf("--batch %d: the engine computes %d answers side by side at most", a.batch, most)
		}
		random := rand.New(rand.NewPCG(1, 2))
		if _, err := a.round(ctx, host, random, min(16, a.prompt), min(16, a.generate)); err != nil { // the first of everything is slow
			return err
		}
		before, err := host.Experts(ctx)
		if err != nil {
			return err
		}
		total, err := a.round(ctx, host, random, a.prompt, a.generate)
		if err != nil {
			return err
		}
		m := measure(total, host.Model())
		after, err := host.Experts(ctx)
		if err != nil {
			return err
		}
		m.Experts = spreads(before, after)
		if err := a.time(ctx, host, &m); err != nil {
			return err
		}
		if a.compare != "" {
			if err := m.compare(a.compare, to); err != nil {
				return err
			}
		}
		if a.json {
			return printJSON(to, m)
		}
		return m.print(to)
	})
}

// round continues a prompt of random ids by as many tokens as wanted: greedily, or in a batch by as many answers, each
// drawn with a seed of its own, so that they visit different experts.
func (a *benchArgs) round(ctx context.Context, host *harness.Host, random *rand.Rand, prompt, generate int) (message.Stats, error) {
	tokens := make([]int, prompt)
	for i := range tokens {
		tokens[i] = random.IntN(host.Model().VocabSize)
	}
	temperature, seed := 0.0, uint32(1)
	if a.batch > 1 {
		temperature = 1
	}
	var total message.Stats
	params := message.Params{Temperature: &temperature, Seed: &seed, N: &a.batch, MaxTokens: &generate, IgnoreEOS: true, Draft: a.guesses(a.draft)}
	_, err := host.Answers(ctx, harness.Prompt{Tokens: tokens}, params, func(e harness.Event) {
		if e.Type == message.Done {
			total = *e.Stats
		}
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	return total, err
}

func measure(s message.Stats, model message.ModelInfo) measured {
	tokens := float64(max(s.CompletionTokens, 1))
	m := measured{Stats: s, Layers: model.Layers}
	m.PrefillTokensPerSecond = float64(s.PromptTokens) / s.PrefillSeconds
	m.DecodeTokensPerSecond = tokens / s.DecodeSeconds
	m.DispatchesPerLayerToken = float64(s.Dispatches) / tokens / float64(max(model.Layers, 1))
	m.SubmitsPerToken = float64(s.Submits) / tokens
	m.CPUSecondsPerToken = s.GuestSeconds / tokens
	m.BytesPerToken = model.BytesPerToken
	m.GBPerSecond = float64(m.BytesPerToken) * m.DecodeTokensPerSecond / 1e9
	return m
}
