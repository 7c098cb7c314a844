package shaders

// ExpertOutParams are the uniform parameters of expert_out.wgsl.
type ExpertOutParams struct {
	FF          uint32 // channels of an expert: the width of its matrix
	XStride     uint32 // elements from one visit's x to the next
	Width       uint32 // outputs: the rows of its matrix
	FirstExpert uint32
	ExpertCount uint32
	YStride     uint32 // elements from one visit's y to the next
}

type expertOutVariant struct {
	Format Format
	productTile
	Aligned bool
}

var expertOut = register(kernel[expertOutVariant, ExpertOutParams]{
	name: "expert_out",
	libs: func(v expertOutVariant) []string {
		return append(v.libs(v.Format), xLib(v.Aligned), normLib(false, v.Aligned), "visits")
	},
	reference: func(v expertOutVariant, p ExpertOutParams, grid Grid, m Memory) {
		x, y := m.F32("x"), m.F32("y")
		w := viewMatrix(m, v.Format, int(p.Width), int(p.FF))
		for expert, visits := range visitsTo(m, int(grid[1])*v.Batch, int(p.FirstExpert), int(p.ExpertCount)) {
			vectors := make([][]float32, len(visits))
			for b, visit := range visits {
				vectors[b] = v.factor(x[visit*int(p.XStride):][:p.FF])
			}
			for i := range int(p.Width) {
				for b, sum := range w.dots(expert*int(p.Width)+i, vectors) {
					y[visits[b]*int(p.YStride)+i] = float32(sum)
				}
			}
		}
	},
})

// ExpertOut multiplies what visits have left by their experts' matrices, in `lists` lists of `batch` visits each: bindings x (visits, XStride), routes
// (visits) of (expert, weight), visits (lists, batch), weights (ExpertCount, Width, FF), y (visits, YStride).
func ExpertOut(profile Profile, format Format, lists, batch int, p ExpertOutParams) Dispatch {
	t := profile.productTile(format, int(p.Width), int(p.FF), 1).taking(batch, false)
	return expertOut.dispatch(expertOutVariant{format, t, aligned(p.FF, p.XStride)}, p, t.workgroups(int(p.Width)), lists, 1)
}
