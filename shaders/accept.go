package shaders

// AcceptParams are the uniform parameters of accept.wgsl.
type AcceptParams struct {
	Sequences uint32
	Vocab     uint32
	Capacity  uint32
	Ring      uint32
}

type acceptVariant struct {
	Depth     int
	MaxBiases int
	samplerBlock
}

// samplerBlock is what lib/sampling.wgsl wants to have and accept has no use for.
type samplerBlock struct{ Block, Threads, Top int }

// PassesWords is how many words Accept keeps of a sequence.
func PassesWords(ring int) int { return 2 + ring }

var accept = register(kernel[acceptVariant, AcceptParams]{
	name: "accept",
	libs: func(acceptVariant) []string { return []string{"sampling"} },
	reference: func(v acceptVariant, p AcceptParams, _ Grid, m Memory) {
		rows, drafting, passes := m.U32("rows"), m.U32("drafting"), m.U32("passes")
		for n := range int(p.Sequences) {
			first := n * (1 + v.Depth)
			sequence, position := rows[2*first], rows[2*first+1]
			s, _ := rowSampling(m.U32("sampling")[SamplingWords*sequence:][:SamplingWords])
			tokens, counts := m.U32("tokens")[sequence*p.Capacity:][:p.Capacity], m.U32("counts")[sequence*p.Vocab:][:p.Vocab]
			count := uint32(0)
			for i := range uint32(1 + v.Depth) {
				to := position + 1 + i
				if to >= p.Capacity {
					break
				}
				id, draft := m.U32("drawn")[first+int(i)], tokens[to]
				tokens[to] = id
				if s.Penalises() && id < p.Vocab {
					counts[id]++
				}
				if count = i + 1; id != draft {
					break
				}
			}
			m.U32("accepted")[n] = count
			own := passes[int(sequence)*PassesWords(int(p.Ring)):]
			own[2+own[1]%p.Ring] = count
			own[0], own[1] = position+count, own[1]+1
			drafting[2*n], drafting[2*n+1] = sequence, position+max(count, 1)-1
			if v.Depth == 0 {
				rows[2*first+1] = position + count
			}
		}
	},
})

// Accept makes tokens of what was drawn for sequences of 1+depth rows each: bindings drawn (Sequences, 1+depth), sampling, rows
// (Sequences, 1+depth), drafting (Sequences), tokens (sequences, Capacity), counts (sequences, Vocab), accepted (Sequences), passes
// (sequences, PassesWords).
func Accept(depth int, p AcceptParams) Dispatch {
	return accept.dispatch(acceptVariant{depth, MaxBiases, samplerBlock{1, 1, TopChosen}}, p, 1, 1, 1)
}
