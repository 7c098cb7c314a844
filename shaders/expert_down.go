package shaders

import "math"

// ExpertDownParams are the uniform parameters of expert_down.wgsl.
type ExpertDownParams struct {
	Slots       uint32
	FF          uint32 // channels of an expert: the width of its matrix
	XStride     uint32 // elements from one slot of x to the next
	Width       uint32 // outputs: the rows of its matrix
	FirstExpert uint32
	ExpertCount uint32
	YStride     uint32
}

type expertDownVariant struct {
	Format Format
	productTile
	Aligned bool
}

var expertDown = register(kernel[expertDownVariant, ExpertDownParams]{
	name: "expert_down",
	libs: func(v expertDownVariant) []string {
		return append(v.libs(v.Format), xLib(v.Aligned), normLib(false, v.Aligned))
	},
	reference: func(v expertDownVariant, p ExpertDownParams, grid Grid, m Memory) {
		x, y, routes := m.F32("x"), m.F32("y"), m.U32("routes")
		w := viewMatrix(m, v.Format, int(p.Width), int(p.FF))
		for r := range int(grid[2]) {
			for i := range int(p.Width) {
				sum := float64(y[r*int(p.YStride)+i])
				for slot := r * int(p.Slots); slot < (r+1)*int(p.Slots); slot++ {
					expert := int(routes[2*slot]) - int(p.FirstExpert)
					if expert < 0 || expert >= int(p.ExpertCount) {
						continue
					}
					weight := float64(math.Float32frombits(routes[2*slot+1]))
					said := float32(w.dot(expert*int(p.Width)+i, v.factor(x[slot*int(p.XStride):][:p.FF]))) // as expert_out keeps it
					sum += weight * float64(said)
				}
				y[r*int(p.YStride)+i] = float32(sum)
			}
		}
	},
})

// ExpertDown adds the weighted outputs of the experts that each row visits: bindings routes (rows, Slots) of (expert, weight),
// x (rows, Slots, XStride), weights (ExpertCount, Width, FF), y (rows, YStride).
func ExpertDown(profile Profile, format Format, rows int, p ExpertDownParams) Dispatch {
	t := profile.productTile(format, int(p.Width), int(p.FF), 1).taking(1, false)
	return expertDown.dispatch(expertDownVariant{format, t, aligned(p.FF, p.XStride)}, p, t.workgroups(int(p.Width)), 1, rows)
}
