package shaders

import (
	"encoding/binary"
	"math"
	"slices"
)

// SamplerParams are the uniform parameters of the kernels of sampling.
type SamplerParams struct {
	Vocab        uint32
	LogitsStride uint32
	Capacity     uint32 // positions from one sequence's tokens to the next
	Ring         uint32 // records of a sequence in chosen
	Shift        uint32 // how many positions after the row's the logits are of
}

// SamplingParams say how a row's next token is chosen: the Sampling struct of lib/sampling.wgsl.
type SamplingParams struct {
	Temperature       float32 // 0: the greatest logit
	TopP              float32 // 1: off
	MinP              float32 // 0: off
	RepetitionPenalty float32 // 1: off
	PresencePenalty   float32 // 0: off
	FrequencyPenalty  float32 // 0: off
	TopK              uint32  // 0: off
	Seed              uint32
	AnswerStart       uint32 // position of the answer's first token: presence and frequency count from there on
	BiasCount         uint32 // set by Encode
}

// A Bias is added to the logit of a token.
type Bias struct {
	ID    uint32
	Value float32
}

// Penalises tells whether the row needs its tokens counted, by SampleCount, before its first token is chosen.
func (s SamplingParams) Penalises() bool {
	return s.RepetitionPenalty != 1 || s.PresencePenalty != 0 || s.FrequencyPenalty != 0
}

// cuts tells whether fewer than all tokens are candidates.
func (s SamplingParams) cuts(vocab uint32) bool {
	return s.TopP < 1 || s.MinP > 0 || s.TopK > 0 && s.TopK < vocab
}

const (
	// MaxBiases is how many tokens of a row can have a bias.
	MaxBiases = 300
	// TopChosen is how many of the likeliest tokens a record has.
	TopChosen = 20
	// SamplingWords is the size of a row's choices on the GPU, in words.
	SamplingWords = 10 + 2*MaxBiases
	// ChosenWords is the size of a record of a choice.
	ChosenWords = 4 + 2*TopChosen

	// FaultToken is what Sample writes as a token when a logit is not finite.
	FaultToken = math.MaxUint32

	blockWords   = 5 + 2*TopChosen // of what SampleBlocks writes of a block
	inPrompt     = 1 << 31         // IN_PROMPT
	lowestLogit  = -math.MaxFloat32
	largestLogit = 3e38
)

// Encode lays the parameters and biases of a row out as the GPU reads them. There may be MaxBiases.
func (s SamplingParams) Encode(biases []Bias) []byte {
	s.BiasCount = uint32(len(biases))
	out := encodeParams(s)
	for _, b := range biases {
		out = append(out, encodeParams(b)...)
	}
	return append(out, make([]byte, 4*SamplingWords-len(out))...)
}

// rowSampling is Encode's inverse.
func rowSampling(words []uint32) (s SamplingParams, biases []Bias) {
	data := make([]byte, 0, 4*len(words))
	for _, w := range words {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	decodeParams(data, &s)
	for i := range int(s.BiasCount) {
		biases = append(biases, Bias{words[10+2*i], math.Float32frombits(words[11+2*i])})
	}
	return s, biases
}

// A Chosen is the record of a choice: the Chosen struct of sample.wgsl. Probabilities are the model's own, before
// penalties, biases, temperature and cuts.
type Chosen struct {
	ID                uint32
	LogProbability    float32
	TopMass           float32 // the sum of the TopChosen greatest probabilities
	TopLogProbability float32 // the mean of their logarithms: a measure of confidence
	Top               [TopChosen]TopToken
}

// A TopToken is one of the likeliest tokens of a place; FaultToken where the vocabulary has no more.
type TopToken struct {
	LogProbability float32
	ID             uint32
}

// DecodeChosen reads a record.
func DecodeChosen(data []byte) Chosen {
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(data[4*i:]) }
	float := func(i int) float32 { return math.Float32frombits(word(i)) }
	c := Chosen{ID: word(0), LogProbability: float(1), TopMass: float(2), TopLogProbability: float(3)}
	for i := range c.Top {
		c.Top[i] = TopToken{float(4 + 2*i), word(5 + 2*i)}
	}
	return c
}

// samplerVariant is what the kernels of sampling have compiled in.
type samplerVariant struct {
	Block     int // tokens of a block
	Threads   int // of a workgroup
	Top       int
	MaxBiases int
}

// samplerFor cuts a vocabulary of up to 2^20 into at most 512 blocks, of 16 tokens a thread. Few threads, for barriers cost by
// the thread where a CPU plays the GPU.
func samplerFor(vocab uint32) samplerVariant {
	block := 1024
	for uint32(512*block) < vocab {
		block *= 2
	}
	return samplerVariant{block, block / 16, TopChosen, MaxBiases}
}

type sampleVariant struct {
	samplerVariant
	Record bool
}

// choosing is the variant with a thread for two blocks.
func (v samplerVariant) choosing(vocab uint32) samplerVariant {
	v.Threads = 64
	for 2*v.Threads < v.blocks(vocab) {
		v.Threads *= 2
	}
	return v
}

// blocks is how many blocks a vocabulary has.
func (v samplerVariant) blocks(vocab uint32) int { return (int(vocab) + v.Block - 1) / v.Block }

// SamplerScratch is how many words SampleBlocks writes for a row, of blocks and of sorted logits.
func SamplerScratch(vocab int) (blocks, sorted int) {
	v := samplerFor(uint32(vocab))
	n := v.blocks(uint32(vocab))
	return n * blockWords, n * v.Block * 2
}

var sampleCount = register(kernel[samplerVariant, SamplerParams]{
	name: "sample_count",
	libs: func(samplerVariant) []string { return []string{"sampling"} },
	reference: func(_ samplerVariant, p SamplerParams, grid Grid, m Memory) {
		rows, tokens := m.U32("rows"), m.U32("tokens")
		for r := range int(grid[1]) {
			s, _ := rowSampling(m.U32("sampling")[SamplingWords*rows[2*r]:][:SamplingWords])
			if !s.Penalises() {
				continue
			}
			sequence, position := rows[2*r], rows[2*r+1]
			counts := m.U32("counts")[sequence*p.Vocab:][:p.Vocab]
			clear(counts)
			for i, id := range tokens[sequence*p.Capacity:][:position+1] {
				switch {
				case id >= p.Vocab:
				case uint32(i) < s.AnswerStart:
					counts[id] |= inPrompt
				default:
					counts[id]++
				}
			}
		}
	},
})

// SampleCount counts the tokens of each row that has penalties: bindings sampling, rows, tokens (sequences, Capacity),
// counts (sequences, Vocab).
func SampleCount(rows int, p SamplerParams) Dispatch {
	v := samplerFor(p.Vocab)
	return sampleCount.dispatch(v, p, v.blocks(p.Vocab), rows, 1)
}

// adjusted are a row's logits with penalties and biases.
func adjusted(logits []float32, counts []uint32, s SamplingParams, biases []Bias) []float32 {
	out := slices.Clone(logits)
	if s.Penalises() {
		for id, count := range counts {
			out[id] = s.penalise(out[id], count)
		}
	}
	for _, b := range biases {
		if int(b.ID) < len(out) {
			out[b.ID] += b.Value
		}
	}
	return out
}

// penalise applies the penalties to the logit of a token.
func (s SamplingParams) penalise(l float32, count uint32) float32 {
	if count == 0 {
		return l
	}
	if l > 0 {
		l /= s.RepetitionPenalty
	} else {
		l *= s.RepetitionPenalty
	}
	if answered := count &^ inPrompt; answered > 0 {
		l -= s.PresencePenalty + float32(answered)*s.FrequencyPenalty
	}
	return min(max(l, -largestLogit), largestLogit)
}

var sampleBlocks = register(kernel[samplerVariant, SamplerParams]{
	name: "sample_blocks",
	libs: func(samplerVariant) []string { return []string{"sampling", "sample_own"} },
	reference: func(v samplerVariant, p SamplerParams, grid Grid, m Memory) {
		for r := range int(grid[1]) {
			sequence := m.U32("rows")[2*r]
			s, biases := rowSampling(m.U32("sampling")[SamplingWords*sequence:][:SamplingWords])
			logits := m.F32("logits")[r*int(p.LogitsStride):][:p.Vocab]
			changed := adjusted(logits, m.U32("counts")[sequence*p.Vocab:][:p.Vocab], s, biases)
			for b := range int(grid[0]) {
				first, end := b*v.Block, min((b+1)*v.Block, int(p.Vocab))
				at := r*int(grid[0]) + b
				writeBlock(m.U32("blocks")[at*blockWords:][:blockWords], first, logits[first:end], changed[first:end], s.Temperature)
				if s.Temperature > 0 && s.cuts(p.Vocab) {
					writeSorted(m.F32("sorted")[2*at*v.Block:][:2*v.Block], changed[first:end], s.Temperature)
				}
			}
		}
	},
})

// writeBlock writes what sample.wgsl wants to know of a block of logits, as they are and as they are changed.
func writeBlock(to []uint32, first int, logits, changed []float32, temperature float32) {
	broken, exponentials := uint32(0), 0.0
	order := bestFirst(logits)
	for _, l := range logits {
		if !finite(l) {
			broken++
		}
		exponentials += math.Exp(float64(l) - float64(logits[order[0]]))
	}
	best := bestFirst(changed)[0]
	mass := 0.0
	for _, l := range changed {
		if temperature > 0 {
			mass += math.Exp((float64(l) - float64(changed[best])) / float64(temperature))
		}
	}
	to[0], to[1] = broken, math.Float32bits(float32(exponentials))
	to[2], to[3], to[4] = math.Float32bits(changed[best]), uint32(first+best), math.Float32bits(float32(mass))
	for i := range TopChosen {
		value, id := float32(lowestLogit), first+i // the ids beyond the vocabulary
		if i < len(order) {
			value, id = logits[order[i]], first+order[i]
		}
		to[5+2*i], to[6+2*i] = math.Float32bits(value), uint32(id)
	}
}

// writeSorted writes pairs of a logit and the sum of the weights up to it, the greatest first.
func writeSorted(to []float32, changed []float32, temperature float32) {
	sorted := slices.Clone(changed)
	slices.SortFunc(sorted, func(a, b float32) int { return -compare(a, b) })
	mass := 0.0
	for i := range len(to) / 2 {
		to[2*i] = lowestLogit
		if i < len(sorted) {
			to[2*i] = sorted[i]
			mass += math.Exp((float64(sorted[i]) - float64(sorted[0])) / float64(temperature))
		}
		to[2*i+1] = float32(mass)
	}
}

func compare(a, b float32) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// bestFirst are the indices of logits, the greatest first, the lower among equals first.
func bestFirst(logits []float32) []int {
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(logits[b], logits[a]) })
	return order
}

func finite(l float32) bool { return math.Float32bits(l)&0x7f800000 != 0x7f800000 }

// SampleBlocks sums up the logits of each row by blocks, for Sample: bindings logits (rows, LogitsStride), sampling (sequences),
// rows, counts (sequences, Vocab), blocks and sorted, of the sizes that SamplerScratch says for a row.
func SampleBlocks(rows int, p SamplerParams) Dispatch {
	v := samplerFor(p.Vocab)
	return sampleBlocks.dispatch(v, p, v.blocks(p.Vocab), rows, 1)
}

// The reference of sample reads the logits alone, and nothing of what SampleBlocks made of them.
var sample = register(kernel[sampleVariant, SamplerParams]{
	name: "sample",
	libs: func(sampleVariant) []string { return []string{"sampling", "sample_own"} },
	reference: func(v sampleVariant, p SamplerParams, grid Grid, m Memory) {
		rows := m.U32("rows")
		for r := range int(grid[0]) {
			sequence, position := rows[2*r], rows[2*r+1]
			s, biases := rowSampling(m.U32("sampling")[SamplingWords*sequence:][:SamplingWords])
			counts := m.U32("counts")[sequence*p.Vocab:][:p.Vocab]
			logits := m.F32("logits")[r*int(p.LogitsStride):][:p.Vocab]
			id := uint32(FaultToken)
			if !slices.ContainsFunc(logits, func(l float32) bool { return !finite(l) }) {
				id = s.choose(adjusted(logits, counts, s, biases), position+p.Shift)
			}
			m.U32("drawn")[r] = id
			if v.Record {
				at := sequence*p.Ring + (position+1)%p.Ring
				writeChosen(m.U32("chosen")[at*ChosenWords:][:ChosenWords], logits, id)
			}
		}
	},
})

// writeChosen writes the record of a choice.
func writeChosen(to []uint32, logits []float32, id uint32) {
	order := bestFirst(logits)
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - float64(logits[order[0]]))
	}
	logProbability := func(id int) float64 { return float64(logits[id]) - float64(logits[order[0]]) - math.Log(sum) }
	mass, logs, n := 0.0, 0.0, min(TopChosen, len(logits))
	for i := range TopChosen {
		to[4+2*i], to[5+2*i] = 0, FaultToken
		if i < n && id != FaultToken {
			l := logProbability(order[i])
			mass += math.Exp(l)
			logs += l
			to[4+2*i], to[5+2*i] = math.Float32bits(float32(l)), uint32(order[i])
		}
	}
	own := 0.0
	if id != FaultToken {
		own = logProbability(int(id))
	}
	to[0], to[1], to[2], to[3] = id, math.Float32bits(float32(own)), math.Float32bits(float32(mass)), math.Float32bits(float32(logs/float64(n)))
}

// choose is sampling told by sorting, where sample.wgsl bisects.
func (s SamplingParams) choose(logits []float32, position uint32) uint32 {
	values := make([]float64, len(logits))
	for i, l := range logits {
		values[i] = float64(l)
	}
	order := bestFirst(logits)
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

// Sample chooses each row's next token from what SampleBlocks made of its logits: bindings as SampleBlocks', drawn (rows), chosen
// (sequences, Ring) records of ChosenWords, which it writes if record.
func Sample(rows int, record bool, p SamplerParams) Dispatch {
	return sample.dispatch(sampleVariant{samplerFor(p.Vocab).choosing(p.Vocab), record}, p, rows, 1, 1)
}
