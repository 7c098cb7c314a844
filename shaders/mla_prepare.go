package shaders

import "math"

// MLAPrepareParams are the uniform parameters of mla_prepare.wgsl.
type MLAPrepareParams struct {
	Heads    uint32
	QStride  uint32
	QOffset  uint32
	KVStride uint32
	KVOffset uint32
	Epsilon  float32
}

// MLAPrepareVariant holds the head sizes and the format of k_b.
type MLAPrepareVariant struct {
	Format        Format
	KVLoraRank    int
	QKNopeHeadDim int
	QKRopeHeadDim int
	Halves        bool // pairs that are turned lie in the two halves of the rope part, not side by side
}

type mlaPrepareVariant struct {
	MLAPrepareVariant
	tile
	Aligned bool
}

var mlaPrepare = register(kernel[mlaPrepareVariant, MLAPrepareParams]{
	name: "mla_prepare",
	libs: func(v mlaPrepareVariant) []string { return append(v.tile.libs(v.Format), xLib(v.Aligned)) },
	reference: func(v mlaPrepareVariant, p MLAPrepareParams, grid Grid, m Memory) {
		rank, nope, rope := v.KVLoraRank, v.QKNopeHeadDim, v.QKRopeHeadDim
		q, kv, latent, query := m.F32("x"), m.F32("kv"), m.F32("latent"), m.F32("query")
		w := viewMatrix(m, v.Format, rank, nope)
		for r := range int(grid[2]) {
			where := m.U32("positions")[r*(whereWords+rope):][:whereWords+rope]
			own := kv[r*int(p.KVStride)+int(p.KVOffset):][:rank+rope]
			to := latent[int(where[0])*(rank+rope):][:rank+rope]
			normalise(own[:rank], m.F32("norm"), float64(p.Epsilon), to)
			rotate(v.pairs(own[rank:]), where[whereWords:], to[rank:])
			for h := range int(p.Heads) {
				head := q[r*int(p.QStride)+int(p.QOffset)+h*(nope+rope):][:nope+rope]
				to := query[(r*int(p.Heads)+h)*(rank+rope):][:rank+rope]
				for i := range rank {
					to[i] = float32(w.dot(h*rank+i, head[:nope]))
				}
				rotate(v.pairs(head[nope:]), where[whereWords:], to[rank:])
			}
		}
	},
})

// pairs puts the pairs that are turned side by side.
func (v MLAPrepareVariant) pairs(x []float32) []float32 {
	if !v.Halves {
		return x
	}
	out := make([]float32, len(x))
	for i := range len(x) / 2 {
		out[2*i], out[2*i+1] = x[i], x[len(x)/2+i]
	}
	return out
}

// rotate turns adjacent pairs of x by (cos, sin) pairs given as f32 bits.
func rotate(x []float32, rotation []uint32, y []float32) {
	for i := 0; i < len(x); i += 2 {
		cos, sin := float64(math.Float32frombits(rotation[i])), float64(math.Float32frombits(rotation[i+1]))
		a, b := float64(x[i]), float64(x[i+1])
		y[i], y[i+1] = float32(a*cos-b*sin), float32(a*sin+b*cos)
	}
}

// MLAPrepare brings queries into latent space and the token's own latent row into the cache: bindings positions,
// x (rows, QStride) the queries, kv (rows, KVStride), norm (KVLoraRank), weights (Heads, KVLoraRank, QKNopeHeadDim),
// latent (cache rows, LatentWidth), query (rows, Heads, LatentWidth).
func MLAPrepare(profile Profile, v MLAPrepareVariant, rows int, p MLAPrepareParams) Dispatch {
	t := profile.tile(v.KVLoraRank, v.QKNopeHeadDim, maxBand, rows*int(p.Heads))
	readable := aligned(uint32(v.QKNopeHeadDim), p.QStride, p.QOffset, uint32(v.QKRopeHeadDim))
	return mlaPrepare.dispatch(mlaPrepareVariant{v, t.exchanging(1), readable}, p, t.workgroups(v.KVLoraRank), int(p.Heads)+1, rows)
}
