package shaders

import (
	"iter"
	"math"
)

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
		for visit, expert := range visitsTo(m, int(grid[1])*v.Batch, int(p.FirstExpert), int(p.ExpertCount)) {
			n := v.factor(v.normed(x[visit/int(p.Slots)*int(p.XStride):][:p.Width], m, p.Epsilon))
			for i := range int(p.FF) {
				gate := w.dot(expert*int(p.MatrixRows)+i, n)
				up := w.dot(expert*int(p.MatrixRows)+int(p.UpRow)+i, n)
				activated := gate / (1 + math.Exp(-gate))
				if v.Relu {
					activated = max(gate, 0)
				}
				y[visit*int(p.YStride)+i] = float32(activated * up)
			}
		}
	},
})

// visitsTo are the visits of the first n places of the lists with the matrices of their experts, of those of a part of a stack.
func visitsTo(m Memory, n, first, count int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		routes := m.U32("routes")
		for _, visit := range m.U32("visits")[:n] {
			if visit == noVisit {
				continue
			}
			if expert := int(routes[2*visit]) - first; expert >= 0 && expert < count && !yield(int(visit), expert) {
				return
			}
		}
	}
}

// ExpertGateUp computes act(gate x) * (up x) for visits to experts, in `lists` lists of `batch` each: bindings x (rows, XStride), norm (Width) with v.Norm, routes (rows, Slots) of
// (expert, weight), visits (lists, batch), weights (ExpertCount, MatrixRows, Width), y (rows, Slots, YStride).
func ExpertGateUp(profile Profile, v ExpertGateUpVariant, lists, batch int, p ExpertGateUpParams) Dispatch {
	t := profile.pairTile(v.Format, int(p.FF), int(p.Width), int(p.Slots)).taking(batch, v.Norm)
	return expertGateUp.dispatch(expertGateUpVariant{v.Format, v.Relu, t, aligned(p.Width, p.XStride)}, p, t.tile.workgroups(int(p.FF)), lists, 1)
}
