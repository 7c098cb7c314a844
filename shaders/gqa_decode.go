package shaders

// GQADecodeParams are the uniform parameters of gqa_decode.wgsl.
type GQADecodeParams struct {
	Heads   uint32
	KVHeads uint32  // divides Heads
	Parts   uint32  // set by GQADecode
	Scale   float32 // of the scores: 1 / sqrt(HeadDim)
}

// GQADecodeVariant holds the head size and how many workgroups share a sequence.
type GQADecodeVariant struct {
	HeadDim int
	Splits  int
}

type gqaDecodeVariant struct {
	GQADecodeVariant
	attentionTile
	Aligned bool // the cache can be read as vec4
}

var gqaDecode = register(kernel[gqaDecodeVariant, GQADecodeParams]{
	name: "gqa_decode",
	libs: func(v gqaDecodeVariant) []string { return []string{"nothing", "splits", cacheLib(v.Aligned), "attend"} },
	reference: func(v gqaDecodeVariant, p GQADecodeParams, grid Grid, m Memory) {
		dim, heads, kvHeads := v.HeadDim, int(p.Heads), int(p.KVHeads)
		query, cache, partial := m.F32("query"), m.F32("cache"), m.F32("partial")
		for r := range int(grid[2]) {
			where := m.U32("positions")[r*(whereWords+dim):]
			position, list := int(where[1]), m.U32("pages")[where[2]:]
			for split, first := range splitsAt(position, v.Splits, v.Tile) {
				end := min(first+splitShare(position, v.Splits, v.Tile), position+1)
				rows := pagedRows(cache, list, v.Page, kvHeads*2*dim, first, end)
				for h := range heads {
					var keys, values []float32
					for t := range end - first {
						at := rows[(t*kvHeads+h*kvHeads/heads)*2*dim:]
						keys, values = append(keys, at[:dim]...), append(values, at[dim:2*dim]...)
					}
					q := query[(r*heads+h)*dim:][:dim]
					attend(q, keys, values, float64(p.Scale), partial[((r*v.Splits+split)*heads+h)*(2+dim):][:2+dim])
				}
			}
		}
	},
})

// GQADecode attends each row over its sequence, in splits: bindings positions, query (rows, Heads, HeadDim), cache (cache rows,
// KVHeads, 2 HeadDim), pages, partial (rows, Splits, Heads, 2+HeadDim) of max score, sum of weights and weighted sum of values, of the
// splits that a position needs.
func GQADecode(profile Profile, v GQADecodeVariant, rows int, p GQADecodeParams) Dispatch {
	together := int(p.Heads / p.KVHeads)
	t := profile.gqaTile(v.HeadDim, together)
	p.Parts = uint32((together + t.HeadsHere - 1) / t.HeadsHere)
	return gqaDecode.dispatch(gqaDecodeVariant{v, t, v.HeadDim%4 == 0}, p, v.Splits, int(p.KVHeads*p.Parts), rows)
}

// gqaTile is that of GQADecode, for so many heads of a group.
func (p Profile) gqaTile(dim, together int) attentionTile {
	return p.attention(dim, dim, together, true)
}
