package shaders

// NgramParams are the uniform parameters of ngram.wgsl.
type NgramParams struct {
	Sequences uint32
	Capacity  uint32
}

type ngramVariant struct{ Depth int }

var ngram = register(kernel[ngramVariant, NgramParams]{
	name: "ngram",
	reference: func(v ngramVariant, p NgramParams, _ Grid, m Memory) {
		drafting, tokens := m.U32("drafting"), m.U32("tokens")
		of := func(n int) []uint32 { // a sequence's tokens up to its last
			return tokens[drafting[2*n]*p.Capacity:][:drafting[2*n+1]+2]
		}
		for n := range int(p.Sequences) {
			own := of(n)
			last := len(own) - 1
			longest, next := 0, []uint32(nil)
			for other := range int(p.Sequences) {
				theirs := of(other)
				for i := 1; i < len(theirs)-1; i++ {
					same := 0
					for same < 3 && same <= i && same <= last && theirs[i-same] == own[last-same] {
						same++
					}
					if same >= 2 && same >= longest {
						longest, next = same, theirs[i+1:]
					}
				}
			}
			to := tokens[drafting[2*n]*p.Capacity:][:p.Capacity][last+1:]
			copy(to, next[:min(len(next), v.Depth)])
			for i := range 1 + v.Depth {
				m.U32("rows")[2*(n*(1+v.Depth)+i)+1] += m.U32("accepted")[n]
			}
		}
	},
})

// Ngram drafts up to depth tokens of each sequence from what has been said in any of them, and moves their rows on: bindings
// accepted, drafting (Sequences), rows (Sequences, 1+depth), tokens (sequences, Capacity). There may be 2^31 tokens.
func Ngram(depth int, p NgramParams) Dispatch {
	return ngram.dispatch(ngramVariant{depth}, p, int(p.Sequences), 1, 1)
}
