package shaders

import "math"

// ExpertSumParams are the uniform parameters of expert_sum.wgsl.
type ExpertSumParams struct {
	Slots       uint32
	FirstExpert uint32 // of the part of the stack that is added
	ExpertCount uint32
	Width       uint32
	XStride     uint32 // elements from one slot of x to the next
	YStride     uint32
}

type expertSumVariant struct{}

var expertSum = register(kernel[expertSumVariant, ExpertSumParams]{
	name: "expert_sum",
	reference: func(_ expertSumVariant, p ExpertSumParams, grid Grid, m Memory) {
		x, y, routes := m.F32("x"), m.F32("y"), m.U32("routes")
		for r := range int(grid[1]) {
			for i := range int(p.Width) {
				sum := float64(y[r*int(p.YStride)+i])
				for visit := r * int(p.Slots); visit < (r+1)*int(p.Slots); visit++ {
					if routes[2*visit]-p.FirstExpert < p.ExpertCount {
						sum += float64(math.Float32frombits(routes[2*visit+1])) * float64(x[visit*int(p.XStride)+i])
					}
				}
				y[r*int(p.YStride)+i] = float32(sum)
			}
		}
	},
})

// ExpertSum adds what the experts of each row say, by their weights: bindings routes (rows, Slots) of (expert, weight), x (rows, Slots, XStride), y (rows,
// YStride).
func ExpertSum(rows int, p ExpertSumParams) Dispatch {
	return expertSum.dispatch(expertSumVariant{}, p, (int(p.Width)+63)/64, rows, 1)
}
