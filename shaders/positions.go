package shaders

import "math"

// PositionsParams are the uniform parameters of positions.wgsl.
type PositionsParams struct {
	Rope  uint32
	Pages uint32
}

// PageSize is how many rows of a cache lie together: those of as many consecutive positions of a sequence.
const PageSize = 64

// whereWords is what Positions writes of a row before its rotation.
const whereWords = 3

// PositionWords is how many words Positions writes of a row.
func PositionWords(rope int) int { return whereWords + rope }

type positionsVariant struct{ Page int }

var positions = register(kernel[positionsVariant, PositionsParams]{
	name: "positions",
	reference: func(v positionsVariant, p PositionsParams, grid Grid, m Memory) {
		rows, rope, pages, out := m.U32("rows"), m.F32("rope"), m.U32("pages"), m.U32("positions")
		for r := range int(grid[0]) {
			sequence, position := rows[2*r], rows[2*r+1]
			at := out[r*int(whereWords+p.Rope):]
			list, page := sequence*p.Pages, uint32(v.Page)
			at[0], at[1], at[2] = pages[list+position/page]*page+position%page, position, list
			at = at[whereWords:]
			for i := range int(p.Rope / 2) {
				fine := rope[2*(int(position%256)*int(p.Rope/2)+i):]
				coarse := rope[2*(int(256+position/256)*int(p.Rope/2)+i):]
				a := complex(float64(fine[0]), float64(fine[1])) * complex(float64(coarse[0]), float64(coarse[1]))
				at[2*i] = math.Float32bits(float32(real(a)))
				at[2*i+1] = math.Float32bits(float32(imag(a)))
			}
		}
	},
})

// pagedRows are rows first .. end-1 of a sequence, of so many numbers each, from a cache in pages that a list names.
func pagedRows(cache []float32, list []uint32, page, width, first, end int) []float32 {
	var rows []float32
	for t := first; t < end; t++ {
		at := int(list[t/page])*page + t%page
		rows = append(rows, cache[at*width:][:width]...)
	}
	return rows
}

// Positions works out where the rows of a step are: bindings rows, rope (of rope.Table), pages (sequences, Pages), positions
// (rows, 3+Rope).
func Positions(rows int, p PositionsParams) Dispatch {
	return positions.dispatch(positionsVariant{PageSize}, p, rows, 1, 1)
}
