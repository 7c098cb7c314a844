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
}

// bench decodes after prompts of random ids, greedily, and prints speeds.
func bench(ctx context.Context, args []string, to streams) error {
	a, err := parseBench(args)
	if err != nil {
		return err
	}
	return withModel(ctx, a.target, a.model, to, func(host *harness.Host) error {
		random := rand.New(rand.NewPCG(1, 2))
		if _, err := round(ctx, host, random, min(16, a.prompt), min(16, a.generate), a.draft); err != nil { // the first of everything is slow
			return err
		}
		total, err := round(ctx, host, random, a.prompt, a.generate, a.draft)
		if err != nil {
			return err
		}
		m := measure(total, host.Model())
		if a.json {
			return printJSON(to, m)
		}
		_, err = fmt.Fprintf(to.out, "prefill %.1f tokens/s, decode %.1f tokens/s on %s\n", m.PrefillTokensPerSecond, m.DecodeTokensPerSecond, m.Device)
		return err
	})
}

// round continues a prompt of random ids by as many tokens as wanted.
func round(ctx context.Context, host *harness.Host, random *rand.Rand, prompt, generate int, draft *message.Depth) (message.Stats, error) {
	tokens := make([]int, prompt)
	for i := range tokens {
		tokens[i] = random.IntN(host.Model().VocabSize)
	}
	greedy := 0.0
	answer, err := host.Generate(ctx, harness.Prompt{Tokens: tokens}, message.Params{Temperature: &greedy, MaxTokens: &generate, IgnoreEOS: true, Draft: draft}, nil)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return message.Stats{}, err
	}
	return answer.Stats, nil
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
