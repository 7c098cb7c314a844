package shaders

// AdvanceParams are the uniform parameters of advance.wgsl.
type AdvanceParams struct {
	Rows uint32
	By   uint32
}

type advanceVariant struct{}

var advance = register(kernel[advanceVariant, AdvanceParams]{
	name: "advance",
	reference: func(_ advanceVariant, p AdvanceParams, _ Grid, m Memory) {
		rows := m.U32("rows")
		for r := range int(p.Rows) {
			rows[2*r+1] += p.By
		}
	},
})

// Advance moves the first rows rows on by as many positions: binding rows.
func Advance(rows, by int) Dispatch {
	return advance.dispatch(advanceVariant{}, AdvanceParams{uint32(rows), uint32(by)}, 1, 1, 1)
}
