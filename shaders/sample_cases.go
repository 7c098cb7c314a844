//go:build !wasip1

package shaders

import (
	"fmt"
	"math"
	"slices"
)

func init() {
	caseTables["sample_count"] = sampleCountCases
	caseTables["sample_blocks"] = sampleBlocksCases
	caseTables["sample"] = sampleCases
	caseTables["accept"] = acceptCases
	caseTables["propose"] = proposeCases
	caseTables["pick"] = pickCases
	caseTables["ngram"] = ngramCases
}

// A samplerCase is two rows of logits, of sequences 1 and 0, with how they are sampled; the logits are of the position after the row's.
type samplerCase struct {
	label    string
	vocab    int
	position int
	change   func(s *SamplingParams, logits []uint32)
	biases   []Bias
}

const samplerCapacity, samplerRing = 50, 16

func samplerTable() []samplerCase {
	var table []samplerCase
	add := func(label string, vocab, position int, change func(*SamplingParams, []uint32), biases ...Bias) {
		table = append(table, samplerCase{label, vocab, position, change, biases})
	}
	greedy := func(s *SamplingParams, _ []uint32) { s.Temperature = 0 }
	for _, vocab := range []int{3, 320, 1024, 2049, 32003} {
		add("greedy", vocab, 7, greedy)
		add("plain", vocab, 7, func(*SamplingParams, []uint32) {})
		add("cold", vocab, 7, func(s *SamplingParams, _ []uint32) { s.Temperature = 1e-4 })
		add("hot", vocab, 7, func(s *SamplingParams, _ []uint32) { s.Temperature = 2 })
		add("top_k", vocab, 8, func(s *SamplingParams, _ []uint32) { s.TopK = 20 })
		add("top_k 1", vocab, 8, func(s *SamplingParams, _ []uint32) { s.TopK, s.Temperature = 1, 5 })
		add("top_k beyond", vocab, 8, func(s *SamplingParams, _ []uint32) { s.TopK = 1 << 20 })
		add("top_p", vocab, 9, func(s *SamplingParams, _ []uint32) { s.TopP, s.Temperature = 0.9, 0.6 })
		add("top_p tiny", vocab, 9, func(s *SamplingParams, _ []uint32) { s.TopP, s.Temperature = 1e-6, 5 })
		add("min_p", vocab, 10, func(s *SamplingParams, _ []uint32) { s.MinP = 0.1 })
		add("min_p 1", vocab, 10, func(s *SamplingParams, _ []uint32) { s.MinP, s.Temperature = 1, 5 })
		add("repetition", vocab, 48, func(s *SamplingParams, _ []uint32) { s.RepetitionPenalty, s.Temperature = 1.5, 0 })
		add("presence and frequency", vocab, 48, func(s *SamplingParams, _ []uint32) {
			s.PresencePenalty, s.FrequencyPenalty, s.Temperature = 1.5, -0.5, 0
		})
		add("biases", vocab, 11, greedy, Bias{2, 100}, Bias{uint32(vocab - 1), 100}, Bias{1, -100}, Bias{1 << 21, 7})
		add("all of them", vocab, 30, func(s *SamplingParams, _ []uint32) {
			s.Temperature, s.TopK, s.TopP, s.MinP, s.RepetitionPenalty, s.PresencePenalty = 0.7, 50, 0.8, 0.02, 1.2, 0.3
		}, Bias{1, 2})
	}
	add("all of them", 163841, 30, func(s *SamplingParams, _ []uint32) {
		s.Temperature, s.TopK, s.TopP, s.MinP, s.RepetitionPenalty = 0.7, 50, 0.8, 0.02, 1.2
	})
	add("top_k", 600000, 5, func(s *SamplingParams, _ []uint32) { s.TopK = 20 }) // blocks of 2048
	add("equal greatest", 3000, 3, func(s *SamplingParams, logits []uint32) {
		s.Temperature = 0
		logits[17], logits[2000] = math.Float32bits(99), math.Float32bits(99)
	})
	add("all equal, top_k", 3000, 3, func(s *SamplingParams, logits []uint32) {
		s.TopK = 5 // equal logits stay together: all of them
		for i := range logits {
			logits[i] = math.Float32bits(1.5)
		}
	})
	add("far apart, top_k", 3000, 3, func(s *SamplingParams, logits []uint32) {
		s.TopK, s.Temperature = 2999, 1e38
		for i := range logits {
			switch i % 5 {
			case 0:
				logits[i] = math.Float32bits(-1e38)
			case 1:
				logits[i] = math.Float32bits(1e38)
			case 2:
				logits[i] = math.Float32bits(float32(i) * 1e30)
			}
		}
	})
	add("equal at the threshold", 3000, 3, func(s *SamplingParams, logits []uint32) {
		s.TopK = 3
		logits[5], logits[1500], logits[2900], logits[7] = math.Float32bits(30), math.Float32bits(29), math.Float32bits(29), math.Float32bits(29)
	})
	add("a logit is not a number", 3000, 3, func(_ *SamplingParams, logits []uint32) { logits[2999] = 0x7fc00000 })
	add("a logit is infinite", 3000, 3, func(s *SamplingParams, logits []uint32) { s.Temperature, logits[5] = 0, 0x7f800000 })
	return table
}

// memory is what the kernels of the case work on.
func (c samplerCase) memory() (SamplerParams, Memory) {
	const rows = 2
	r := randomFor(c.label + fmt.Sprint(c.vocab))
	p := SamplerParams{Vocab: uint32(c.vocab), LogitsStride: uint32(c.vocab + 3), Capacity: samplerCapacity, Ring: samplerRing, Shift: 1}
	blocks, sorted := SamplerScratch(c.vocab)
	m := Memory{
		"logits": r.floats(rows*(c.vocab+3), 3), "rows": {1, uint32(c.position), 0, uint32(c.position)}, "tokens": make([]uint32, rows*samplerCapacity),
		"counts": make([]uint32, rows*c.vocab), "blocks": make([]uint32, rows*blocks), "sorted": make([]uint32, rows*sorted),
		"drawn": make([]uint32, rows), "chosen": make([]uint32, rows*samplerRing*ChosenWords),
	}
	for i := range m["tokens"] {
		m["tokens"][i] = uint32(r.IntN(c.vocab))
	}
	var sampling []byte
	for range rows {
		s := SamplingParams{Temperature: 1, TopP: 1, RepetitionPenalty: 1, Seed: 5, AnswerStart: 12}
		c.change(&s, m["logits"])
		sampling = append(sampling, s.Encode(c.biases)...)
	}
	m["sampling"] = words(sampling)
	return p, m
}

// run runs the reference of a dispatch on the memory.
func (m Memory) run(d Dispatch) Memory {
	d.Program.Run(d.Params, d.Workgroups, m)
	return m
}

// part is a copy of the buffers that a program binds.
func (m Memory) part(p *Program) Memory {
	out := Memory{}
	for _, b := range p.Bindings {
		out[b.Name] = append([]uint32(nil), m[b.Name]...)
	}
	return out
}

func sampleCountCases() []Case {
	var cases []Case
	for _, c := range samplerTable() {
		p, m := c.memory()
		d := SampleCount(2, p)
		cases = append(cases, Case{
			Name: fmt.Sprintf("%s vocab=%d", c.label, c.vocab), Dispatch: d, Buffers: m.part(d.Program), Integers: []string{"counts"}, Bytes: 8 * c.vocab,
		})
	}
	return cases
}

func sampleBlocksCases() []Case {
	var cases []Case
	for _, c := range samplerTable() {
		if c.label == "a logit is not a number" || c.label == "a logit is infinite" { // sums of it are no numbers to compare
			continue
		}
		p, m := c.memory()
		d := SampleBlocks(2, p)
		cases = append(cases, Case{
			Name: fmt.Sprintf("%s vocab=%d", c.label, c.vocab), Dispatch: d, Buffers: m.run(SampleCount(2, p)).part(d.Program),
			Tolerance: 1e-5, // f32 exponentials and sums of a block's
			Bytes:     8 * c.vocab,
		})
	}
	return cases
}

func sampleCases() []Case {
	var cases []Case
	for _, c := range samplerTable() {
		p, m := c.memory()
		d := Sample(2, true, p)
		cases = append(cases, Case{
			Name: fmt.Sprintf("%s vocab=%d", c.label, c.vocab), Dispatch: d,
			Buffers:   m.run(SampleCount(2, p)).run(SampleBlocks(2, p)).part(d.Program),
			Integers:  []string{"drawn"},
			Tolerance: 1e-5, // logarithms of f32 sums over a vocabulary
			Bytes:     8 * c.vocab,
		})
	}
	return cases
}

// acceptCases are of two sequences, 2 and 0, at position 7, or at the end of what they can hold.
func acceptCases() []Case {
	const vocab, capacity, ring, sequences = 20, 30, 5, 3
	var cases []Case
	for _, c := range []struct {
		name     string
		position uint32
		drafts   [2][]uint32
		drawn    [2][]uint32
	}{
		{"no drafts", 7, [2][]uint32{}, [2][]uint32{{4}, {5}}},
		{"one draft", 7, [2][]uint32{{4}, {4}}, [2][]uint32{{4, 6}, {5, 6}}},
		{"three drafts", 7, [2][]uint32{{1, 2, 3}, {1, 2, 3}}, [2][]uint32{{1, 2, 3, 4}, {1, 9, 3, 4}}},
		{"a fault", 7, [2][]uint32{{1}, {FaultToken}}, [2][]uint32{{FaultToken, 2}, {1, 2}}},
		{"the sequence is full", capacity - 2, [2][]uint32{{1, 2}, {1, 2}}, [2][]uint32{{1, 2, 3}, {3, 2, 1}}},
	} {
		depth := len(c.drawn[0]) - 1
		m := Memory{
			"drawn": nil, "sampling": make([]uint32, sequences*SamplingWords), "rows": nil, "drafting": make([]uint32, 4),
			"tokens": make([]uint32, sequences*capacity), "counts": make([]uint32, sequences*vocab), "accepted": make([]uint32, 2),
			"passes": {3, 7, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 8, 4, 2, 2, 2, 2, 2},
		}
		for i, sequence := range []uint32{2, 0} {
			s := SamplingParams{Temperature: 1, TopP: 1, RepetitionPenalty: 1, PresencePenalty: float32(sequence)}
			copy(m["sampling"][sequence*SamplingWords:], words(s.Encode(nil)))
			m["drawn"] = append(m["drawn"], c.drawn[i]...)
			for k := range 1 + depth {
				m["rows"] = append(m["rows"], sequence, c.position+uint32(k))
			}
			for k, id := range c.drafts[i] {
				if to := c.position + 1 + uint32(k); to < capacity {
					m["tokens"][sequence*capacity+to] = id
				}
			}
		}
		cases = append(cases, Case{
			Name: c.name, Dispatch: Accept(depth, AcceptParams{Sequences: 2, Vocab: vocab, Capacity: capacity, Ring: ring}), Buffers: m,
			Integers: []string{"rows", "drafting", "tokens", "counts", "accepted", "passes"},
		})
	}
	return cases
}

func proposeCases() []Case {
	var cases []Case
	for _, last := range []bool{false, true} {
		cases = append(cases, Case{
			Name: fmt.Sprintf("one in the middle, one at the end last=%t", last), Dispatch: Propose(1, last, ProposeParams{Sequences: 2, Capacity: 10}),
			Buffers:  Memory{"drawn": {7, 8}, "accepted": {2, 1}, "drafting": {1, 3, 0, 8}, "rows": {1, 2, 1, 3, 0, 8, 0, 9}, "tokens": make([]uint32, 20)},
			Integers: []string{"drafting", "rows", "tokens"},
		})
	}
	return cases
}

func pickCases() []Case {
	const width, stride = 70, 73
	r := randomFor("pick")
	return []Case{{
		Name: "3 sequences of 3 rows", Dispatch: Pick(2, 3, PickParams{Width: width, XStride: stride, YStride: width}),
		Buffers: Memory{"accepted": {3, 1, 0}, "x": r.floats(9*stride, 1), "y": make([]uint32, 3*width)},
	}}
}

// ngramCases are of sequences of few different tokens; what follows their last one is 99.
func ngramCases() []Case {
	const capacity = 200
	var cases []Case
	const passes = 5
	grouped := func(name string, depth, step int, groups []uint32, texts ...[]uint32) { // the first step texts are of the step, the others have ended
		m := Memory{"accepted": nil, "drafting": nil, "rows": nil, "tokens": make([]uint32, (len(texts)+1)*capacity), "groups": make([]uint32, len(texts)+1), "passes": make([]uint32, (len(texts)+1)*passes)}
		for i := range m["tokens"] {
			m["tokens"][i] = 99
		}
		for i, text := range texts {
			sequence := uint32(len(texts) - i)
			copy(m["tokens"][sequence*capacity:], text)
			m["groups"][sequence], m["passes"][sequence*passes] = groups[i], uint32(len(text)-1)
			if i >= step {
				continue
			}
			m["accepted"] = append(m["accepted"], uint32(i+1))
			m["drafting"] = append(m["drafting"], sequence, uint32(len(text)-2))
			for range 1 + depth {
				m["rows"] = append(m["rows"], sequence, uint32(len(text)))
			}
		}
		cases = append(cases, Case{
			Name: name, Dispatch: Ngram(depth, step, NgramParams{Sequences: uint32(len(texts) + 1), Capacity: capacity, Passes: passes}), Buffers: m,
			Integers: []string{"rows", "tokens"},
		})
	}
	add := func(name string, depth int, texts ...[]uint32) {
		grouped(name, depth, len(texts), slices.Repeat([]uint32{7}, len(texts)), texts...)
	}
	add("nothing like it", 3, []uint32{1, 2, 3, 4, 5})
	add("two tokens", 1, []uint32{1, 2})
	add("the last of several places", 2, []uint32{1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3})
	add("three tokens before two later ones", 2, []uint32{1, 2, 3, 4, 7, 7, 2, 3, 5, 1, 2, 3})
	add("two tokens at the beginning", 3, []uint32{2, 3, 8, 8, 2, 3})
	add("it ends with the text", 3, []uint32{5, 5, 5})
	add("in another sequence", 3, []uint32{9, 1, 2, 3}, []uint32{0, 1, 2, 3, 6, 7})
	grouped("in one that has ended", 2, 1, []uint32{7, 7}, []uint32{9, 1, 2, 3}, []uint32{0, 1, 2, 3, 6, 7})
	grouped("not in another group", 2, 2, []uint32{7, 8, 8}, []uint32{9, 1, 2, 3}, []uint32{0, 1, 2, 3, 6, 7}, []uint32{1, 2, 3, 5, 5})
	r := randomFor("ngram")
	var texts [][]uint32
	for i := range 4 {
		text := make([]uint32, 150+i)
		for k := range text {
			text[k] = uint32(r.IntN(5))
		}
		texts = append(texts, text)
	}
	add("many places", 3, texts...)
	full := make([]uint32, capacity-1)
	for k := range full {
		full[k] = uint32(k % 7)
	}
	add("the sequence is nearly full", 3, full)
	return cases
}
