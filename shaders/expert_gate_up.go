package shaders

import "math"

// ExpertGateUpParams are the uniform parameters of expert_gate_up.wgsl.
type ExpertGateUpParams struct {
	Slots       uint32 // experts that a row visits
	FF          uint32 // channels of an expert
	UpRow       uint32 // first row of the up part in an expert's matrix
	MatrixRows  uint32
	Width       uint32
	FirstExpert uint32 // of the part of the stack that is bound
	ExpertCount uint32
	XStride     uint32
	YStride     uint32 // elements from one visit's y to the next
	Epsilon     float32
}

// ExpertGateUpVariant chooses the format of a stack of experts and their activation.
type ExpertGateUpVariant struct {
	Format Format
	Relu   bool // in place of silu
	Norm   bool // x is RMS-normalised by the binding norm on the way
}

type expertGateUpVariant struct {
	Format Format
	Relu   bool
	productTile
	Aligned bool
}

var expertGateUp = register(kernel[expertGateUpVariant, ExpertGateUpParams]{
	name: "expert_gate_up",
	libs: func(v expertGateUpVariant) []string {
		return append(v.libs(v.Format), xLib(v.Aligned), normLib(v.Norm, v.Aligned), "visits")
	},
	reference: func(v expertGateUpVariant, p ExpertGateUpParams, grid Grid, m Memory) {
		x, y := m.F32("x"), m.F32("y")
		w := viewMatrix(m, v.Format, int(p.MatrixRows), int(p.Width))
		for expert, visits := range visitsTo(m, int(grid[1])*v.Batch, int(p.FirstExpert), int(p.ExpertCount)) {
			vectors := make([][]float32, len(visits))
			for b, visit := range visits {
				vectors[b] = v.factor(v.normed(x[visit/int(p.Slots)*int(p.XStride):][:p.Width], m, p.Epsilon))
			}
			for i := range int(p.FF) {
				gates := w.dots(expert*int(p.MatrixRows)+i, vectors)
				ups := w.dots(expert*int(p.MatrixRows)+int(p.UpRow)+i, vectors)
				for b, visit := range visits {
					activated := gates[b] / (1 + math.Exp(-gates[b]))
					if v.Relu {
						activated = max(gates[b], 0)
					}
					y[visit*int(p.YStride)+i] = float32(activated * ups[b])
				}
			}
		}
	},
})

// visitsTo are the visits in the first n places of the lists, by their experts' matrices, of those of a part of a stack.
func visitsTo(m Memory, n, first, count int) map[int][]int {
	routes, to := m.U32("routes"), map[int][]int{}
	for _, visit := range m.U32("visits")[:n] {
		if visit == noVisit {
			continue
		}
		if expert := int(routes[2*visit]) - first; expert >= 0 && expert < count {
			to[expert] = append(to[expert], int(visit))
		}
	}
	return to
}

// ExpertGateUp computes act(gate x) * (up x) for visits to experts, in `lists` lists of `batch` each: bindings x (rows, XStride), norm (Width) with v.Norm, routes (rows, Slots) of
// (expert, weight), visits (lists, batch), weights (ExpertCount, MatrixRows, Width), y (rows, Slots, YStride).
func ExpertGateUp(profile Profile, v ExpertGateUpVariant, lists, batch int, p ExpertGateUpParams) Dispatch {
	t := profile.pairTile(v.Format, int(p.FF), int(p.Width), int(p.Slots)).taking(batch, v.Norm)
	return expertGateUp.dispatch(expertGateUpVariant{v.Format, v.Relu, t, aligned(p.Width, p.XStride)}, p, t.tile.workgroups(int(p.FF)), lists, 1)
}
