package shaders

// NgramParams are the uniform parameters of ngram.wgsl.
type NgramParams struct {
	Sequences uint32
	Capacity  uint32
	Passes    uint32
}

type ngramVariant struct{ Depth int }

var ngram = register(kernel[ngramVariant, NgramParams]{
	name: "ngram",
	reference: func(v ngramVariant, p NgramParams, grid Grid, m Memory) {
		drafting, tokens, groups := m.U32("drafting"), m.U32("tokens"), m.U32("groups")
		of := func(sequence uint32) []uint32 { // its tokens up to its last
			return tokens[sequence*p.Capacity:][:m.U32("passes")[sequence*p.Passes]+1]
		}
		for n := range int(grid[0]) {
			sequence := drafting[2*n]
			own := of(sequence)
			last := len(own) - 1
			longest, next := 0, []uint32(nil)
			for other := range p.Sequences {
				if groups[other] != groups[sequence] {
					continue
				}
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
			to := tokens[sequence*p.Capacity:][:p.Capacity][last+1:]
			for i := range min(v.Depth, len(to)) {
				if to[i] = own[last]; i < len(next) {
					to[i] = next[i]
				}
			}
			for i := range 1 + v.Depth {
				m.U32("rows")[2*(n*(1+v.Depth)+i)+1] += m.U32("accepted")[n]
			}
		}
	},
})

// Ngram drafts up to depth tokens of each of rows sequences from what has been said in any of its group, and moves their rows on: bindings
// accepted, drafting (rows), rows (rows, 1+depth), tokens (Sequences, Capacity), groups (Sequences), passes (Sequences, Passes), as
// Accept leaves them. There may be 2^31 tokens.
func Ngram(depth, rows int, p NgramParams) Dispatch {
	return ngram.dispatch(ngramVariant{depth}, p, rows, 1, 1)
}
