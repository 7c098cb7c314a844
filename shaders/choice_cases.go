//go:build !wasip1

package shaders

import (
	"fmt"
	"math"
)

func init() {
	caseTables["sample"] = sampleCases
}

func sampleCases() []Case {
	var cases []Case
	plain := SamplingParams{Temperature: 1, TopP: 1, RepetitionPenalty: 1, Seed: 5}
	add := func(label string, vocab, position int, change func(*SamplingParams, []uint32)) {
		name := fmt.Sprintf("%s vocab=%d", label, vocab)
		const rows, capacity = 2, 50
		r := randomFor(name)
		c := Case{
			Name:     name,
			Dispatch: Sample(rows, SampleParams{Vocab: uint32(vocab), LogitsStride: uint32(vocab + 3), Capacity: capacity}),
			Buffers: Memory{
				"logits": r.floats(rows*(vocab+3), 3), "rows": {1, uint32(position), 0, uint32(position)}, "tokens": make([]uint32, rows*capacity),
				"seen": make([]uint32, rows*((vocab+31)/32)),
			},
			Integers: []string{"rows", "tokens", "seen"},
			Bytes:    4 * rows * vocab,
		}
		for i := range c.Buffers["tokens"] {
			c.Buffers["tokens"][i] = uint32(r.IntN(vocab))
		}
		var sampling []byte
		for range rows {
			s := plain
			change(&s, c.Buffers["logits"])
			sampling = append(sampling, s.Encode()...)
		}
		c.Buffers["sampling"] = words(sampling)
		cases = append(cases, c)
	}
	for _, vocab := range []int{320, 1000, 32003} {
		add("greedy", vocab, 7, func(s *SamplingParams, _ []uint32) { s.Temperature = 0 })
		add("plain", vocab, 7, func(*SamplingParams, []uint32) {})
		add("top_k", vocab, 8, func(s *SamplingParams, _ []uint32) { s.TopK = 20 })
		add("top_p", vocab, 9, func(s *SamplingParams, _ []uint32) { s.TopP, s.Temperature = 0.9, 0.6 })
		add("min_p", vocab, 10, func(s *SamplingParams, _ []uint32) { s.MinP = 0.1 })
		add("penalty", vocab, 48, func(s *SamplingParams, _ []uint32) { s.RepetitionPenalty, s.Temperature = 1.5, 0 })
		add("all of them", vocab, 30, func(s *SamplingParams, _ []uint32) {
			s.Temperature, s.TopK, s.TopP, s.MinP, s.RepetitionPenalty = 0.7, 50, 0.8, 0.02, 1.2
		})
	}
	add("equal logits", 300, 3, func(s *SamplingParams, logits []uint32) {
		s.Temperature = 0
		logits[17], logits[200] = math.Float32bits(99), math.Float32bits(99)
	})
	add("a logit is not a number", 300, 3, func(_ *SamplingParams, logits []uint32) { logits[299] = 0x7fc00000 })
	add("a logit is infinite", 300, 3, func(s *SamplingParams, logits []uint32) { s.Temperature, logits[5] = 0, 0x7f800000 })
	add("the sequence is full", 300, 49, func(*SamplingParams, []uint32) {})
	return cases
}
