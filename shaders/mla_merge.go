package shaders

import "math"

// MLAMergeParams are the uniform parameters of mla_merge.wgsl.
type MLAMergeParams struct {
	Heads   uint32
	YStride uint32
}

// MLAMergeVariant holds the head sizes and the format of v_b.
type MLAMergeVariant struct {
	Format     Format
	KVLoraRank int
	VHeadDim   int
	Splits     int
}

type mlaMergeVariant struct {
	Format     Format
	KVLoraRank int
	VHeadDim   int
	Splits     int
	PaddedRank int // KVLoraRank in whole blocks
	Lanes      int
}

var mlaMerge = register(kernel[mlaMergeVariant, MLAMergeParams]{
	name: "mla_merge",
	reference: func(v mlaMergeVariant, p MLAMergeParams, grid Grid, m Memory) {
		partial, y := m.F32("partial"), m.F32("y")
		w := viewMatrix(m, v.Format, v.VHeadDim, v.KVLoraRank)
		merged := make([]float32, v.KVLoraRank)
		for r := range int(grid[2]) {
			for h := range int(p.Heads) {
				split := func(s int) []float32 {
					return partial[((r*v.Splits+s)*int(p.Heads)+h)*(2+v.KVLoraRank):][:2+v.KVLoraRank]
				}
				largest, total := float64(noScore), 0.0
				for s := range v.Splits {
					largest = max(largest, float64(split(s)[0]))
				}
				for s := range v.Splits {
					total += float64(split(s)[1]) * math.Exp(float64(split(s)[0])-largest)
				}
				for i := range merged {
					sum := 0.0
					for s := range v.Splits {
						sum += float64(split(s)[2+i]) * math.Exp(float64(split(s)[0])-largest)
					}
					merged[i] = float32(sum / total)
				}
				for i := range v.VHeadDim {
					y[r*int(p.YStride)+h*v.VHeadDim+i] = float32(w.dot(h*v.VHeadDim+i, merged))
				}
			}
		}
	},
})

// MLAMerge merges the splits of MLADecode and takes the result out of latent space: bindings partial (rows, Splits, Heads, 2+KVLoraRank),
// weights (Heads, VHeadDim, KVLoraRank), y (rows, YStride).
func MLAMerge(profile Profile, v MLAMergeVariant, rows int, p MLAMergeParams) Dispatch {
	lanes := profile.lanes(v.KVLoraRank)
	padded := (v.KVLoraRank + BlockSize - 1) / BlockSize * BlockSize
	groups := (v.VHeadDim + 64/lanes - 1) / (64 / lanes)
	return mlaMerge.dispatch(mlaMergeVariant{v.Format, v.KVLoraRank, v.VHeadDim, v.Splits, padded, lanes}, p, groups, int(p.Heads), rows)
}
