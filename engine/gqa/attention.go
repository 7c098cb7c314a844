package gqa

import (
	"math"

	"tabseek/engine/gpu"
	"tabseek/engine/record"
	"tabseek/shaders"
)

// attention records grouped-query attention: h += W_o GQA(norm(h)). The heads of a group share a key and a value of every
// position, which a workgroup reads once for all of them.
func (m *Model) attention(r *gpu.Recorder, layer, rows int, h record.Activation) {
	c, w, family := m.Config, &m.layers[layer], families[m.Config.ModelType]
	heads, groups, dim := c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim

	// (rows, queries | keys | values), in one product
	qkv := record.Temp(r, "qkv", rows, w.qkv.Rows)
	m.Product(r, rows, w.qkv, h, w.attnNorm, qkv)

	// (rows, heads, HeadDim): queries turned; and the token's own keys and values join the cache
	query := r.Temp("query", rows*heads*dim)
	bind := gpu.Bind{"positions": m.Positions, "x": qkv.Slice, "cache": m.Caches[layer].All(), "query": query}
	if family.bias {
		bind["q_bias"], bind["k_bias"], bind["v_bias"] = w.qBias, w.kBias, w.vBias
	}
	if family.norm {
		bind["q_norm"], bind["k_norm"] = w.qNorm, w.kNorm
	}
	r.Dispatch(shaders.GQAPrepare(shaders.GQAPrepareVariant{HeadDim: dim, Bias: family.bias, Norm: family.norm}, rows, shaders.GQAPrepareParams{
		Heads: uint32(heads), KVHeads: uint32(groups), XStride: uint32(qkv.Stride),
		KOffset: uint32(w.qkv.PartsAt[1]), VOffset: uint32(w.qkv.PartsAt[2]), Epsilon: float32(c.RMSNormEps),
	}), bind)

	// (rows, splits, heads, 2+HeadDim): each split of the sequence by itself
	variant := shaders.GQADecodeVariant{HeadDim: dim, Splits: m.Sizes.Splits()}
	partial := r.Temp("partial", rows*variant.Splits*heads*(dim+2))
	r.Dispatch(shaders.GQADecode(m.Profile, variant, rows, shaders.GQADecodeParams{
		Heads: uint32(heads), KVHeads: uint32(groups), Scale: float32(1 / math.Sqrt(float64(dim))),
	}), gpu.Bind{"positions": m.Positions, "query": query, "cache": m.Caches[layer].All(), "pages": m.Pages.All(), "partial": partial})

	// (rows, heads x HeadDim): the splits together
	values := record.Temp(r, "values", rows, heads*dim)
	r.Dispatch(shaders.GQAMerge(m.Profile, variant, heads/groups, rows, shaders.GQAMergeParams{Heads: uint32(heads), YStride: uint32(values.Stride)}),
		gpu.Bind{"positions": m.Positions, "partial_sums": partial, "y": values.Slice})

	m.AddProduct(r, rows, w.o, values, h)
}
