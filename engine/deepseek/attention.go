package deepseek

import (
	"tabseek/engine/gpu"
	"tabseek/engine/record"
	"tabseek/shaders"
)

// attention records multi-head latent attention in its absorbed form (DeepSeek-V2, section 2.1): h += W_o MLA(norm(h)).
//
// Instead of expanding a cached latent c into every head's key W_UK c and value W_UV c, the query is brought
// into latent space, q~ = W_UK^T q, and the output taken out of it, W_UV (sum of p c). So all heads read the same
// cached rows of LatentWidth numbers, each once: key and, in its first KVLoraRank numbers, value.
func (m *Model) attention(r *gpu.Recorder, layer, rows int, h record.Activation) {
	c := m.Config
	heads, rank, rope := c.NumAttentionHeads, c.KVLoraRank, c.QKRopeHeadDim
	w := &m.layers[layer]

	// (rows, QLoraRank or QueryWidth | LatentWidth): the two projections of the token, in one product
	down := record.Temp(r, "qkv", rows, w.qkvA.Rows)
	m.Product(r, rows, w.qkvA, h, w.attnNorm, down)

	query := down // (rows, heads x (nope+rope)), its rope part last in each head
	if c.QLoraRank > 0 {
		query = record.Temp(r, "q", rows, c.QueryWidth())
		m.Product(r, rows, w.qB, down, w.qANorm, query)
	}

	// (rows, heads, LatentWidth): queries in latent space; and the token's own latent row joins the cache
	latentQuery := r.Temp("latent_query", rows*heads*c.LatentWidth())
	r.Dispatch(shaders.MLAPrepare(
		m.Profile,
		shaders.MLAPrepareVariant{Format: w.kB.Format, KVLoraRank: rank, QKNopeHeadDim: c.QKNopeHeadDim, QKRopeHeadDim: rope, Halves: c.Halves()},
		rows, shaders.MLAPrepareParams{
			Heads: uint32(heads), QStride: uint32(query.Stride), QOffset: uint32(query.Offset),
			KVStride: uint32(down.Stride), KVOffset: uint32(w.qkvA.PartsAt[1]), Epsilon: float32(w.kvANorm.Epsilon),
		}),
		w.kB.Pieces[0].Bind(gpu.Bind{
			"positions": m.Positions, "x": query.Slice, "kv": down.Slice, "norm": w.kvANorm.Weight,
			"latent": m.Latents[layer].All(), "query": latentQuery,
		}))

	// (rows, splits, heads, 2+KVLoraRank): each split of the sequence by itself
	splits := m.Sizes.Splits()
	partial := r.Temp("partial", rows*splits*heads*(rank+2))
	r.Dispatch(shaders.MLADecode(
		m.Profile,
		shaders.MLADecodeVariant{KVLoraRank: rank, QKRopeHeadDim: rope, Splits: splits},
		rows, shaders.MLADecodeParams{Heads: uint32(heads), Scale: float32(c.SoftmaxScale())}),
		gpu.Bind{"positions": m.Positions, "query": latentQuery, "cache": m.Latents[layer].All(), "pages": m.Pages.All(), "partial": partial})

	// (rows, heads x VHeadDim): the splits together, out of latent space
	values := record.Temp(r, "values", rows, heads*c.VHeadDim)
	r.Dispatch(shaders.MLAMerge(
		m.Profile,
		shaders.MLAMergeVariant{Format: w.vB.Format, KVLoraRank: rank, QKRopeHeadDim: rope, VHeadDim: c.VHeadDim, Splits: splits},
		rows, shaders.MLAMergeParams{Heads: uint32(heads), YStride: uint32(values.Stride)}),
		w.vB.Pieces[0].Bind(gpu.Bind{"positions": m.Positions, "partial_sums": partial, "y": values.Slice}))

	m.AddProduct(r, rows, w.o, values, h)
}
