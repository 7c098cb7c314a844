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
	YStride     uint32 // elements from one slot of y to the next
	Epsilon     float32
}

// ExpertVariant chooses the format of a stack of experts.
type ExpertVariant struct{ Format Format }

type expertVariant struct {
	ExpertVariant
	tile
	Aligned bool
}

// ExpertGateUpVariant chooses the format of a stack of experts and their activation.
type ExpertGateUpVariant struct {
	Format Format
	Relu   bool // in place of silu
}

type expertGateUpVariant struct {
	ExpertGateUpVariant
	tile
	Aligned bool
}

var expertGateUp = register(kernel[expertGateUpVariant, ExpertGateUpParams]{
	name: "expert_gate_up",
	libs: func(v expertGateUpVariant) []string {
		return append(v.tile.libs(v.Format), xLib(v.Aligned), normLib(true, v.Aligned))
	},
	reference: func(v expertGateUpVariant, p ExpertGateUpParams, grid Grid, m Memory) {
		x, y, routes := m.F32("x"), m.F32("y"), m.U32("routes")
		w := viewMatrix(m, v.Format, int(p.MatrixRows), int(p.Width))
		n := make([]float32, p.Width)
		for r := range int(grid[2]) {
			normalise(x[r*int(p.XStride):][:p.Width], m.F32("norm"), float64(p.Epsilon), n)
			n := v.factor(n)
			for s := range int(p.Slots) {
				slot := r*int(p.Slots) + s
				expert := int(routes[2*slot]) - int(p.FirstExpert)
				if expert < 0 || expert >= int(p.ExpertCount) {
					continue
				}
				for i := range int(p.FF) {
					gate := w.dot(expert*int(p.MatrixRows)+i, n)
					up := w.dot(expert*int(p.MatrixRows)+int(p.UpRow)+i, n)
					activated := gate / (1 + math.Exp(-gate))
					if v.Relu {
						activated = max(gate, 0)
					}
					y[slot*int(p.YStride)+i] = float32(activated * up)
				}
			}
		}
	},
})

// ExpertGateUp computes act(gate n) * (up n), n = RMSNorm(x), for the experts that each row visits: bindings
// x (rows, XStride), norm (Width), routes (rows, Slots) of (expert, weight), weights (ExpertCount, MatrixRows, Width), y (rows, Slots, YStride).
func ExpertGateUp(profile Profile, v ExpertGateUpVariant, rows int, p ExpertGateUpParams) Dispatch {
	t := profile.tile(int(p.FF), int(p.Width), MaxRows/2, rows*int(p.Slots)).rounding(profile, v.Format) // each with a gate and an up part
	return expertGateUp.dispatch(expertGateUpVariant{v, t.exchanging(3), aligned(p.Width, p.XStride)}, p, t.workgroups(int(p.FF)), int(p.Slots), rows)
}
