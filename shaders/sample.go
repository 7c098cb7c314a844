package shaders

import (
	"math"
	"slices"
)

// SampleParams are the uniform parameters of sample.wgsl.
type SampleParams struct {
	Vocab        uint32
	LogitsStride uint32
	Capacity     uint32
}

// SamplingParams say how a row's next token is chosen: the Sampling struct of sample.wgsl.
type SamplingParams struct {
	Temperature       float32 // 0: the greatest logit
	TopP              float32 // 1: off
	MinP              float32 // 0: off
	RepetitionPenalty float32 // 1: off
	TopK              uint32  // 0: off
	Seed              uint32
	Spare0, Spare1    uint32
}

// SamplingWords is the size of SamplingParams on the GPU, in words.
const SamplingWords = 8

// Encode lays the parameters out as the GPU reads them.
func (s SamplingParams) Encode() []byte { return encodeParams(s) }

// FaultToken is what Sample writes as a token when a logit is not finite.
const FaultToken = math.MaxUint32

type sampleVariant struct{}

var sample = register(kernel[sampleVariant, SampleParams]{
	name: "sample",
	reference: func(_ sampleVariant, p SampleParams, grid Grid, m Memory) {
		rows, tokens := m.U32("rows"), m.U32("tokens")
		for r := range int(grid[0]) {
			sequence, position := rows[2*r], rows[2*r+1]
			var s SamplingParams
			decodeParams(m.Bytes("sampling")[4*SamplingWords*r:], &s)
			history := tokens[sequence*p.Capacity:][:position+1]
			logits := m.F32("logits")[r*int(p.LogitsStride):][:p.Vocab]
			words := int(p.Vocab+31) / 32
			id := s.choose(penalise(logits, history, s.RepetitionPenalty, m.U32("seen")[r*words:][:words]), position)
			if position+1 < p.Capacity {
				tokens[sequence*p.Capacity+position+1] = id
				rows[2*r+1] = position + 1
			}
		}
	},
})

// penalise applies the repetition penalty, and notes the tokens seen as bits.
func penalise(logits []float32, history []uint32, penalty float32, seen []uint32) []float32 {
	if penalty == 1 {
		return logits
	}
	clear(seen)
	for _, id := range history {
		if int(id) < len(logits) {
			seen[id/32] |= 1 << (id % 32)
		}
	}
	out := slices.Clone(logits)
	for id := range out {
		if seen[id/32]>>(id%32)&1 == 0 {
			continue
		}
		if out[id] > 0 {
			out[id] /= penalty
		} else {
			out[id] *= penalty
		}
	}
	return out
}

// choose is sampling told by sorting, where sample.wgsl bisects.
func (s SamplingParams) choose(logits []float32, position uint32) uint32 {
	for _, l := range logits {
		if math.IsNaN(float64(l)) || math.IsInf(float64(l), 0) {
			return FaultToken
		}
	}
	values := make([]float64, len(logits))
	for i, l := range logits {
		values[i] = float64(l)
	}
	order := best(values, len(values))
	if s.Temperature <= 0 {
		return uint32(order[0])
	}
	weights := make([]float64, len(values))
	for i, v := range values {
		weights[i] = math.Exp((v - values[order[0]]) / float64(s.Temperature))
	}
	// A cut keeps everything as large as the last that it must keep.
	keepFrom := math.Inf(-1)
	if k := int(s.TopK); k > 0 && k < len(order) {
		keepFrom = values[order[k-1]]
	}
	if s.TopP < 1 {
		mass, sum := 0.0, 0.0
		for _, id := range order {
			if values[id] >= keepFrom {
				mass += weights[id]
			}
		}
		for _, id := range order {
			if sum += weights[id]; sum >= float64(s.TopP)*mass {
				keepFrom = max(keepFrom, values[id])
				break
			}
		}
	}
	total := 0.0
	for id := range weights {
		if values[id] < keepFrom || weights[id] < float64(s.MinP) {
			weights[id] = 0
		}
		total += weights[id]
	}
	drawn, sum, last := UniformNumber(s.Seed, position)*total, 0.0, order[0]
	for id, w := range weights {
		if w > 0 {
			last = id
			if sum += w; drawn < sum {
				break
			}
		}
	}
	return uint32(last)
}

// UniformNumber is the number in [0, 1) that decides the token after a position: two rounds of the PCG output hash
// (Jarzynski and Olano 2020), as in sample.wgsl.
func UniformNumber(seed, position uint32) float64 {
	hash := func(state uint32) uint32 {
		state = state*747796405 + 2891336453
		state = ((state >> ((state >> 28) + 4)) ^ state) * 277803737
		return state>>22 ^ state
	}
	return float64(hash(hash(seed)+position)>>8) / (1 << 24)
}

// Sample chooses each row's next token and moves the row on: bindings logits (rows, LogitsStride), sampling (rows) SamplingParams,
// rows, tokens (sequences, Capacity), seen (rows, ceil(Vocab/32)) scratch.
func Sample(rows int, p SampleParams) Dispatch {
	return sample.dispatch(sampleVariant{}, p, rows, 1, 1)
}
