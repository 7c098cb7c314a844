package shaders

import (
	"math"
	"slices"
)

// GQAPrepareParams are the uniform parameters of gqa_prepare.wgsl.
type GQAPrepareParams struct {
	Heads   uint32
	KVHeads uint32
	XStride uint32
	KOffset uint32
	VOffset uint32
	Epsilon float32
}

// GQAPrepareVariant holds the head size and what the projections have beside their matrices.
type GQAPrepareVariant struct {
	HeadDim int
	Bias    bool // of queries, keys and values
	Norm    bool // RMSNorm of each query and key; not both
}

type gqaPrepareVariant struct {
	GQAPrepareVariant
	Threads int
}

var gqaPrepare = register(kernel[gqaPrepareVariant, GQAPrepareParams]{
	name: "gqa_prepare",
	libs: func(v gqaPrepareVariant) []string {
		files := []string{"gqa_no_bias", "gqa_no_norm"}
		if v.Bias {
			files[0] = "gqa_bias"
		}
		if v.Norm {
			files[1] = "gqa_norm"
		}
		return files
	},
	reference: func(v gqaPrepareVariant, p GQAPrepareParams, grid Grid, m Memory) {
		dim := v.HeadDim
		x, cache, query := m.F32("x"), m.F32("cache"), m.F32("query")
		for r := range int(grid[1]) {
			where := m.U32("positions")[r*(whereWords+dim):][:whereWords+dim]
			// head n of a part of the row, with its bias and norm
			head := func(offset uint32, n int, part string) []float32 {
				out := slices.Clone(x[r*int(p.XStride)+int(offset)+n*dim:][:dim])
				if v.Bias {
					for i := range out {
						out[i] += m.F32(part + "_bias")[n*dim+i]
					}
				}
				if v.Norm && part != "v" {
					normalise(out, m.F32(part+"_norm"), float64(p.Epsilon), out)
				}
				return out
			}
			for n := range int(p.Heads) {
				rotateHalves(head(0, n, "q"), where[whereWords:], query[(r*int(p.Heads)+n)*dim:])
			}
			for n := range int(p.KVHeads) {
				to := cache[(int(where[0])*int(p.KVHeads)+n)*2*dim:][:2*dim]
				rotateHalves(head(p.KOffset, n, "k"), where[whereWords:], to)
				copy(to[dim:], head(p.VOffset, n, "v"))
			}
		}
	},
})

// rotateHalves turns pairs of x, one of each half, by (cos, sin) pairs given as f32 bits.
func rotateHalves(x []float32, rotation []uint32, y []float32) {
	half := len(x) / 2
	for i := range half {
		cos, sin := float64(math.Float32frombits(rotation[2*i])), float64(math.Float32frombits(rotation[2*i+1]))
		a, b := float64(x[i]), float64(x[i+half])
		y[i], y[i+half] = float32(a*cos-b*sin), float32(a*sin+b*cos)
	}
}

// GQAPrepare turns a token's queries and puts its keys and values into the cache: bindings positions (with HeadDim turned
// elements), x (rows, XStride), cache (cache rows, KVHeads, 2 HeadDim), query (rows, Heads, HeadDim); with Bias q_bias, k_bias,
// v_bias, with Norm q_norm, k_norm.
func GQAPrepare(v GQAPrepareVariant, rows int, p GQAPrepareParams) Dispatch {
	return gqaPrepare.dispatch(gqaPrepareVariant{v, 32}, p, int(p.Heads+2*p.KVHeads), rows, 1)
}
