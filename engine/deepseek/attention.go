package deepseek

import (
	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// attention records multi-head latent attention in its absorbed form (DeepSeek-V2, section 2.1): h += W_o MLA(norm(h)).
//
// Instead of expanding a cached latent c into every head's key W_UK c and value W_UV c, the query is brought
// into latent space, q~ = W_UK^T q, and the output taken out of it, W_UV (sum of p c). So all heads read the same
// cached rows of LatentWidth numbers, each once: key and, in its first KVLoraRank numbers, value.
func (m *Model) attention(r *gpu.Recorder, layer, rows int, h activation) {
	c := m.Config
	heads, rank, rope := c.NumAttentionHeads, c.KVLoraRank, c.QKRopeHeadDim

	// (rows, QLoraRank or QueryWidth | LatentWidth): the two projections of the token, in one product
	qkvA := m.layer(layer, "qkv_a")
	down := temp(r, "qkv", rows, qkvA.rows)
	m.product(r, rows, qkvA, h, m.vector(SlotName(layer, "attn_norm")), c.RMSNormEps, down, false)

	query := down // (rows, heads x (nope+rope)), its rope part last in each head
	if c.QLoraRank > 0 {
		query = temp(r, "q", rows, c.QueryWidth())
		m.product(r, rows, m.layer(layer, "q_b"), down, m.vector(SlotName(layer, "q_a_norm")), latentNormEps, query, false)
	}

	// (rows, heads, LatentWidth): queries in latent space; and the token's own latent row joins the cache
	kB := m.layer(layer, "k_b")
	latentQuery := r.Temp("latent_query", rows*heads*c.LatentWidth())
	r.Dispatch(shaders.MLAPrepare(
		shaders.MLAPrepareVariant{Format: kB.format, KVLoraRank: rank, QKNopeHeadDim: c.QKNopeHeadDim, QKRopeHeadDim: rope},
		rows, shaders.MLAPrepareParams{
			Heads: uint32(heads), QStride: uint32(query.stride), QOffset: uint32(query.offset),
			KVStride: uint32(down.stride), KVOffset: uint32(qkvA.partsAt[1]), Epsilon: latentNormEps,
		}),
		kB.pieces[0].bind(gpu.Bind{
			"positions": m.positions, "x": query.slice, "kv": down.slice, "norm": m.vector(SlotName(layer, "kv_a_norm")),
			"latent": m.Latents[layer].All(), "query": latentQuery,
		}))

	// (rows, splits, heads, 2+KVLoraRank): each split of the sequence by itself
	splits := m.splits()
	partial := r.Temp("partial", rows*splits*heads*(rank+2))
	r.Dispatch(shaders.MLADecode(
		shaders.MLADecodeVariant{KVLoraRank: rank, QKRopeHeadDim: rope, Splits: splits},
		rows, shaders.MLADecodeParams{Heads: uint32(heads), Scale: float32(c.SoftmaxScale())}),
		gpu.Bind{"positions": m.positions, "query": latentQuery, "latent": m.Latents[layer].All(), "partial": partial})

	// (rows, heads x VHeadDim): the splits together, out of latent space
	vB := m.layer(layer, "v_b")
	values := temp(r, "values", rows, heads*c.VHeadDim)
	r.Dispatch(shaders.MLAMerge(
		shaders.MLAMergeVariant{Format: vB.format, KVLoraRank: rank, VHeadDim: c.VHeadDim, Splits: splits},
		rows, shaders.MLAMergeParams{Heads: uint32(heads), YStride: uint32(values.stride)}),
		vB.pieces[0].bind(gpu.Bind{"partial": partial, "y": values.slice}))

	m.product(r, rows, m.layer(layer, "o"), values, gpu.Slice{}, 0, h, true)
}

// splits is how many workgroups share a sequence: enough to fill a GPU when it is long, few to merge when it is short.
func (m *Model) splits() int { return min(max(m.Options.Context/128, 1), 32) }
