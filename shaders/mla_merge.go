package shaders

import "math"

// MLAMergeParams are the uniform parameters of mla_merge.wgsl.
type MLAMergeParams struct {
	Heads   uint32
	YStride uint32
}

// MLAMergeVariant holds the head sizes and the format of v_b.
type MLAMergeVariant struct {
	Format        Format
	KVLoraRank    int
	QKRopeHeadDim int
	VHeadDim      int
	Splits        int
}

type mlaMergeVariant struct {
	MLAMergeVariant
	tile
	Tile   int // of MLADecode
	Blocks int // of the rank
	Merged int // vec4 of a merged output, in whole blocks
}

var mlaMerge = register(kernel[mlaMergeVariant, MLAMergeParams]{
	name: "mla_merge",
	libs: func(v mlaMergeVariant) []string { return append(v.tile.libs(v.Format), "nothing", "splits") },
	reference: func(v mlaMergeVariant, p MLAMergeParams, grid Grid, m Memory) {
		partial, y := m.F32("partial_sums"), m.F32("y")
		w := viewMatrix(m, v.Format, v.VHeadDim, v.KVLoraRank)
		merged := make([]float32, v.KVLoraRank)
		for r := range int(grid[1]) {
			splits := len(splitsAt(int(m.U32("positions")[r*(whereWords+v.QKRopeHeadDim)+1]), v.Splits, v.Tile))
			for h := range int(p.Heads) {
				at := partial[(r*v.Splits*int(p.Heads)+h)*(2+v.KVLoraRank):]
				mergeSplits(at, splits, int(p.Heads)*(2+v.KVLoraRank), merged)
				for i := range v.VHeadDim {
					y[r*int(p.YStride)+h*v.VHeadDim+i] = float32(w.dot(h*v.VHeadDim+i, merged))
				}
			}
		}
	},
})

// mergeSplits merges what attend made of splits that lie stride apart.
func mergeSplits(partial []float32, splits, stride int, to []float32) {
	largest, total := float64(nothing), 0.0
	for s := range splits {
		largest = max(largest, float64(partial[s*stride]))
	}
	for s := range splits {
		total += float64(partial[s*stride+1]) * math.Exp(float64(partial[s*stride])-largest)
	}
	for i := range to {
		sum := 0.0
		for s := range splits {
			sum += float64(partial[s*stride+2+i]) * math.Exp(float64(partial[s*stride])-largest)
		}
		to[i] = float32(sum / total)
	}
}

// MLAMerge merges the splits of MLADecode and takes the result out of latent space: bindings positions, partial_sums
// (rows, Splits, Heads, 2+KVLoraRank), weights (Heads, VHeadDim, KVLoraRank), y (rows, YStride).
func MLAMerge(profile Profile, v MLAMergeVariant, rows int, p MLAMergeParams) Dispatch {
	t := profile.tile(v.VHeadDim, v.KVLoraRank, maxBand, enoughWorkgroups).covering(v.VHeadDim, 0)
	tile := profile.mlaTile(v.KVLoraRank, v.KVLoraRank+v.QKRopeHeadDim, int(p.Heads)).Tile
	blocks := (v.KVLoraRank + BlockSize - 1) / BlockSize
	return mlaMerge.dispatch(mlaMergeVariant{v, t.exchanging(2), tile, blocks, blocks * BlockSize / 4}, p, int(p.Heads), rows, 1)
}
