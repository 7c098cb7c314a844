package shaders

import "math"

// MLADecodeParams are the uniform parameters of mla_decode.wgsl.
type MLADecodeParams struct {
	Heads uint32
	Scale float32 // of the scores, see deepseek.Config.SoftmaxScale
}

// MLADecodeVariant holds the head sizes and how many workgroups share a sequence.
type MLADecodeVariant struct {
	KVLoraRank    int
	QKRopeHeadDim int
	Splits        int
}

type mlaDecodeVariant struct {
	MLADecodeVariant
	LatentWidth int
	attentionTile
	Aligned bool // the cache can be read as vec4
}

// An attentionTile is how a workgroup of attention shares its work: lib/attend.wgsl.
type attentionTile struct {
	Page       int // rows of a page
	Lanes      int // threads that share a head
	HeadsHere  int // heads of a workgroup
	Threads    int
	KeyParts   int // vec4s of a query that one lane keeps
	ValueParts int
	RowVecs    int // vec4s of a row of a tile
	Tile       int // rows in workgroup memory
	TileSize   int
	DotsSize   int
	ScoresSize int
}

// attentionThreads are the most threads of a workgroup.
const attentionThreads = 256

// mostParts is how many vec4s a lane can keep of a query, by name.
const mostParts = 16

// attention is the tile for heads that share rows of the cache: keys and values of so many elements, apart from each other or the
// values being part of the keys.
func (p Profile) attention(key, value, together int, apart bool) attentionTile {
	parts := func(width, lanes int) int { return (width + 4*lanes - 1) / (4 * lanes) }
	t := attentionTile{Page: PageSize, Lanes: max(min(p.Lanes/2, 16), 4)}
	for parts(max(key, value), t.Lanes) > mostParts {
		t.Lanes *= 2
	}
	t.HeadsHere = max(min(together, attentionThreads/t.Lanes), 1)
	t.Threads = t.Lanes * t.HeadsHere
	t.KeyParts, t.ValueParts = parts(key, t.Lanes), parts(value, t.Lanes)
	if t.RowVecs = t.KeyParts * t.Lanes; apart {
		t.RowVecs += t.ValueParts * t.Lanes
	}
	// A power of two, so that a tile lies in one page.
	t.Tile = 1
	for 2*t.Tile <= min(workgroupWords/(4*t.RowVecs+t.Threads+2*t.HeadsHere), 16) {
		t.Tile *= 2
	}
	t.TileSize, t.DotsSize, t.ScoresSize = t.Tile*t.RowVecs, t.Tile*t.Threads, t.Tile*t.HeadsHere
	return t
}

func cacheLib(aligned bool) string {
	if aligned {
		return "cache_aligned"
	}
	return "cache_any"
}

// nothing is below every score, as in lib/nothing.wgsl.
const nothing = -3e38

var mlaDecode = register(kernel[mlaDecodeVariant, MLADecodeParams]{
	name: "mla_decode",
	libs: func(v mlaDecodeVariant) []string { return []string{"nothing", "splits", cacheLib(v.Aligned), "attend"} },
	reference: func(v mlaDecodeVariant, p MLADecodeParams, grid Grid, m Memory) {
		width := v.LatentWidth
		query, latent, partial := m.F32("query"), m.F32("cache"), m.F32("partial")
		for r := range int(grid[2]) {
			where := m.U32("positions")[r*(whereWords+v.QKRopeHeadDim):]
			position, list := int(where[1]), m.U32("pages")[where[2]:]
			for split, first := range splitsAt(position, v.Splits, v.Tile) {
				end := min(first+splitShare(position, v.Splits, v.Tile), position+1)
				rows := pagedRows(latent, list, v.Page, width, first, end)
				for h := range int(p.Heads) {
					q := query[(r*int(p.Heads)+h)*width:][:width]
					to := partial[((r*v.Splits+split)*int(p.Heads)+h)*(2+v.KVLoraRank):][:2+v.KVLoraRank]
					attend(q, rows, rows, float64(p.Scale), to)
				}
			}
		}
	},
})

// attend is softmax attention of one query over rows of keys and values, not yet divided: to = [max score, sum of weights,
// weighted sum of the first elements of each value].
func attend(q, keys, values []float32, scale float64, to []float32) {
	largest, total := float64(nothing), 0.0
	scores := make([]float64, len(keys)/len(q))
	for t := range scores {
		for i, v := range q {
			scores[t] += float64(v) * float64(keys[t*len(q)+i]) * scale
		}
		largest = max(largest, scores[t])
	}
	sums := make([]float64, len(to)-2)
	for t, score := range scores {
		weight := math.Exp(score - largest)
		total += weight
		for i := range sums {
			sums[i] += weight * float64(values[t*(len(values)/len(scores))+i])
		}
	}
	to[0], to[1] = float32(largest), float32(total)
	for i, sum := range sums {
		to[2+i] = float32(sum)
	}
}

// MLADecode attends each row over its sequence, in splits: bindings positions, query (rows, Heads, LatentWidth), cache (cache rows,
// LatentWidth), pages, partial (rows, Splits, Heads, 2+KVLoraRank) of max score, sum of weights and weighted sum of latents, of
// the splits that a position needs.
func MLADecode(profile Profile, v MLADecodeVariant, rows int, p MLADecodeParams) Dispatch {
	width, heads := v.KVLoraRank+v.QKRopeHeadDim, int(p.Heads)
	t := profile.mlaTile(v.KVLoraRank, width, heads)
	return mlaDecode.dispatch(mlaDecodeVariant{v, width, t, width%4 == 0}, p, v.Splits, (heads+t.HeadsHere-1)/t.HeadsHere, rows)
}

// mlaTile is that of MLADecode.
func (p Profile) mlaTile(rank, width, heads int) attentionTile {
	return p.attention(width, rank, heads, false)
}

// splitShare is how many positions a split takes, and splitsAt where each of the splits in use begins: lib/splits.wgsl.
func splitShare(position, splits, tile int) int {
	tiles := position/tile + 1
	return (tiles + splits - 1) / splits * tile
}

func splitsAt(position, splits, tile int) []int {
	var at []int
	for first := 0; first <= position; first += splitShare(position, splits, tile) {
		at = append(at, first)
	}
	return at
}

// workgroupWords is WebGPU's default limit of workgroup memory, 16 KiB, in 32-bit words.
const workgroupWords = 4096
