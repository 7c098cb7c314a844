package shaders

// GQAMergeParams are the uniform parameters of gqa_merge.wgsl.
type GQAMergeParams struct {
	Heads   uint32
	YStride uint32
}

type gqaMergeVariant struct {
	GQADecodeVariant
	Tile    int // of GQADecode
	Threads int
}

var gqaMerge = register(kernel[gqaMergeVariant, GQAMergeParams]{
	name: "gqa_merge",
	libs: func(gqaMergeVariant) []string { return []string{"nothing", "splits"} },
	reference: func(v gqaMergeVariant, p GQAMergeParams, grid Grid, m Memory) {
		partial, y := m.F32("partial_sums"), m.F32("y")
		for r := range int(grid[1]) {
			splits := len(splitsAt(int(m.U32("positions")[r*(whereWords+v.HeadDim)+1]), v.Splits, v.Tile))
			for h := range int(p.Heads) {
				at := partial[(r*v.Splits*int(p.Heads)+h)*(2+v.HeadDim):]
				mergeSplits(at, splits, int(p.Heads)*(2+v.HeadDim), y[r*int(p.YStride)+h*v.HeadDim:][:v.HeadDim])
			}
		}
	},
})

// GQAMerge merges the splits of GQADecode, told the profile and the heads of each group that it was told: bindings positions,
// partial_sums (rows, Splits, Heads, 2+HeadDim), y (rows, YStride).
func GQAMerge(profile Profile, v GQADecodeVariant, together, rows int, p GQAMergeParams) Dispatch {
	return gqaMerge.dispatch(gqaMergeVariant{v, profile.gqaTile(v.HeadDim, together).Tile, 32}, p, int(p.Heads), rows, 1)
}
