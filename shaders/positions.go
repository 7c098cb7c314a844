package shaders

import "math"

// PositionsParams are the uniform parameters of positions.wgsl.
type PositionsParams struct {
	Rope     uint32
	Capacity uint32
}

type positionsVariant struct{}

var positions = register(kernel[positionsVariant, PositionsParams]{
	name: "positions",
	reference: func(_ positionsVariant, p PositionsParams, grid Grid, m Memory) {
		rows, rope, out := m.U32("rows"), m.F32("rope"), m.U32("positions")
		for r := range int(grid[0]) {
			sequence, position := rows[2*r], rows[2*r+1]
			at := out[r*int(2+p.Rope):]
			at[0], at[1] = sequence*p.Capacity+position, position
			for i := range int(p.Rope / 2) {
				fine := rope[2*(int(position%256)*int(p.Rope/2)+i):]
				coarse := rope[2*(int(256+position/256)*int(p.Rope/2)+i):]
				a := complex(float64(fine[0]), float64(fine[1])) * complex(float64(coarse[0]), float64(coarse[1]))
				at[2+2*i] = math.Float32bits(float32(real(a)))
				at[3+2*i] = math.Float32bits(float32(imag(a)))
			}
		}
	},
})

// Positions works out where the rows of a step are: bindings rows, rope (of rope.Table), positions (rows, 2+Rope).
func Positions(rows int, p PositionsParams) Dispatch {
	return positions.dispatch(positionsVariant{}, p, rows, 1, 1)
}
