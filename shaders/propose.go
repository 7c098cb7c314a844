package shaders

// ProposeParams are the uniform parameters of propose.wgsl.
type ProposeParams struct {
	Sequences uint32
	Capacity  uint32
}

type proposeVariant struct {
	Depth int
	Last  bool
}

var propose = register(kernel[proposeVariant, ProposeParams]{
	name: "propose",
	reference: func(v proposeVariant, p ProposeParams, _ Grid, m Memory) {
		drafting, tokens := m.U32("drafting"), m.U32("tokens")
		for n := range int(p.Sequences) {
			sequence, position := drafting[2*n], drafting[2*n+1]
			if position+2 < p.Capacity {
				tokens[sequence*p.Capacity+position+2] = m.U32("drawn")[n]
			}
			drafting[2*n+1]++
			for i := 0; v.Last && i <= v.Depth; i++ {
				m.U32("rows")[2*(n*(1+v.Depth)+i)+1] += m.U32("accepted")[n]
			}
		}
	},
})

// Propose makes drafts of what was drawn for them, and, the last time, moves the rows on: bindings drawn, accepted, drafting
// (Sequences), rows (Sequences, 1+depth), tokens (sequences, Capacity).
func Propose(depth int, last bool, p ProposeParams) Dispatch {
	return propose.dispatch(proposeVariant{depth, last}, p, 1, 1, 1)
}

// PickParams are the uniform parameters of pick.wgsl.
type PickParams struct {
	Width   uint32
	XStride uint32
	YStride uint32
}

type pickVariant struct{ Depth int }

var pick = register(kernel[pickVariant, PickParams]{
	name: "pick",
	reference: func(v pickVariant, p PickParams, grid Grid, m Memory) {
		for n := range int(grid[1]) {
			row := n*(1+v.Depth) + int(max(m.U32("accepted")[n], 1)) - 1
			copy(m.F32("y")[n*int(p.YStride):][:p.Width], m.F32("x")[row*int(p.XStride):][:p.Width])
		}
	},
})

// Pick takes each sequence's last accepted row of 1+depth: bindings accepted (sequences), x (sequences (1+depth), XStride),
// y (sequences, YStride).
func Pick(depth, sequences int, p PickParams) Dispatch {
	return pick.dispatch(pickVariant{depth}, p, (int(p.Width)+63)/64, sequences, 1)
}
