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
	Page        int // rows of a page
	Lanes       int // threads that share a head
	HeadsHere   int // heads of a workgroup
	Threads     int
	Tile        int // latent rows in workgroup memory
	TileSize    int
	DotsSize    int
	QueryShare  int // elements of a query that one lane keeps
	ValueShare  int
}

// attentionThreads are the most threads of a workgroup.
const attentionThreads = 256

// attentionLanes are the threads that share a head.
func (p Profile) attentionLanes() int { return max(min(p.Lanes/2, 16), 4) }

// nothing is below every score, as in lib/nothing.wgsl.
const nothing = -3e38

var mlaDecode = register(kernel[mlaDecodeVariant, MLADecodeParams]{
	name: "mla_decode",
	libs: func(mlaDecodeVariant) []string { return []string{"nothing", "splits", "attend"} },
	reference: func(v mlaDecodeVariant, p MLADecodeParams, grid Grid, m Memory) {
		width := v.LatentWidth
		query, latent, partial := m.F32("query"), m.F32("latent"), m.F32("partial")
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

// MLADecode attends each row over its sequence, in splits: bindings positions, query (rows, Heads, LatentWidth), latent, pages, partial
// (rows, Splits, Heads, 2+KVLoraRank) of max score, sum of weights and weighted sum of latents, of the splits that a position needs.
func MLADecode(profile Profile, v MLADecodeVariant, rows int, p MLADecodeParams) Dispatch {
	width := v.KVLoraRank + v.QKRopeHeadDim
	lanes := profile.attentionLanes()
	heads := min(int(p.Heads), attentionThreads/lanes)
	threads := lanes * heads
	tile := profile.attentionTile(width, int(p.Heads))
	share := func(n int) int { return (n + lanes - 1) / lanes }
	return mlaDecode.dispatch(mlaDecodeVariant{
		MLADecodeVariant: v, LatentWidth: width, Page: PageSize, Lanes: lanes, HeadsHere: heads, Threads: threads,
		Tile: tile, TileSize: tile * width, DotsSize: tile * threads, QueryShare: share(width), ValueShare: share(v.KVLoraRank),
	}, p, v.Splits, (int(p.Heads)+heads-1)/heads, rows)
}

// attentionTile is how many cached rows a workgroup of attention keeps in its memory, beside their scores: a power of two, so
// that a tile lies in one page.
func (p Profile) attentionTile(width, heads int) int {
	most := workgroupWords / (width + min(p.attentionLanes()*heads, attentionThreads))
	tile := 1
	for 2*tile <= min(most, 16) {
		tile *= 2
	}
	return tile
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
