//go:build !wasip1

package shaders

import (
	"fmt"
	"math"
)

func init() {
	caseTables["positions"] = positionsCases
	caseTables["advance"] = advanceCases
	caseTables["copy_pages"] = copyPagesCases
	caseTables["mla_prepare"] = mlaPrepareCases
	caseTables["mla_decode"] = mlaDecodeCases
	caseTables["mla_merge"] = mlaMergeCases
}

// pages is a list of where the pages of two sequences of so many positions lie in a cache of that many pages, in disorder.
func (r random) pages(capacity int) []uint32 {
	list := make([]uint32, 2*pagesOf(capacity))
	for i, n := range r.Perm(len(list)) {
		list[i] = uint32(n)
	}
	return list
}

func pagesOf(positions int) int { return (positions + PageSize - 1) / PageSize }

// positions is a table of where rows are: row r at position[r] of sequence r%2, with random rotations.
func (r random) positions(at []int, pages []uint32, rope int) []uint32 {
	var table []uint32
	for i, position := range at {
		list := i % 2 * len(pages) / 2
		table = append(table, pages[list+position/PageSize]*PageSize+uint32(position%PageSize), uint32(position), uint32(list))
		for range rope / 2 {
			sin, cos := math.Sincos(r.Float64() * 2 * math.Pi)
			table = append(table, math.Float32bits(float32(cos)), math.Float32bits(float32(sin)))
		}
	}
	return table
}

func positionsCases() []Case {
	const rope, capacity = 10, 1000
	r := randomFor("positions")
	rows := []uint32{0, 0, 1, 1, 0, 255, 0, 256, 1, 999, 0, 700}
	return []Case{{
		Name:      "6 rows of 2 sequences",
		Dispatch:  Positions(len(rows)/2, PositionsParams{Rope: rope, Pages: uint32(pagesOf(capacity))}),
		Buffers:   Memory{"rows": rows, "rope": r.floats((256+4)*rope, 1), "pages": r.pages(capacity), "positions": make([]uint32, len(rows)/2*(whereWords+rope))},
		Tolerance: 1e-6, // a complex product
	}}
}

func advanceCases() []Case {
	return []Case{{
		Name:     "3 of 4 rows by 5",
		Dispatch: Advance(3, 5),
		Buffers:  Memory{"rows": {0, 7, 1, 8, 0, 9, 1, 10}},
		Integers: []string{"rows"},
	}}
}

func copyPagesCases() []Case {
	const words = 70
	r := randomFor("copy_pages")
	return []Case{{
		Name:     "2 of 5 pages, and one onto itself",
		Dispatch: CopyPages(3, CopyPagesParams{words}),
		Buffers:  Memory{"moves": {3, 1, 2, 2, 0, 4}, "cache": r.floats(5*words, 1)},
		Integers: []string{"cache"},
	}}
}

func mlaPrepareCases() []Case {
	var cases []Case
	halves, label := false, ""
	add := func(profile Profile, format Format, heads, rank, nope, rope, offset int, at ...int) {
		name := fmt.Sprintf("%s%s heads=%d rank=%d nope=%d rope=%d rows=%d%s", format, label, heads, rank, nope, rope, len(at), profile.label())
		const capacity = 40
		r := randomFor(name)
		quants, scales := r.matrix(format, heads, rank, nope)
		qStride, kvStride := offset+heads*(nope+rope), offset+rank+rope
		if nope%BlockSize == 0 {
			qStride = (qStride + 3) &^ 3
		}
		cases = append(cases, Case{
			Name: name,
			Dispatch: MLAPrepare(profile, MLAPrepareVariant{format, rank, nope, rope, halves}, len(at), MLAPrepareParams{
				Heads: uint32(heads), QStride: uint32(qStride), QOffset: uint32(offset), KVStride: uint32(kvStride), KVOffset: uint32(offset), Epsilon: 1e-6,
			}),
			Buffers: Memory{
				"positions": r.positions(at, r.pages(capacity), rope), "x": r.floats(len(at)*qStride, 1), "kv": r.floats(len(at)*kvStride, 1), "norm": r.floats(rank, 1),
				"weights": quants, "scales": scales, "latent": r.floats(2*pagesOf(capacity)*PageSize*(rank+rope), 1), "query": r.floats(len(at)*heads*(rank+rope), 1),
			},
			Tolerance: 5e-6, // f32 sums of a few hundred products
			Bytes:     4 * (len(quants) + len(scales)),
			Flops:     2 * len(at) * heads * rank * nope,
		})
	}
	for _, format := range plainFormats {
		add(Minimum(), format, 4, 64, 32, 16, 0, 5)
		add(Minimum(), format, 3, 48, 24, 8, 3, 0, 1, 39)
	}
	for _, format := range ggmlFormats {
		add(Minimum(), format, 2, 48, format.Width(40), 8, 3, 0, 39)
	}
	add(Minimum(), F32, 1, 100, 7, 2, 1, 3, 4)
	add(Minimum(), Q8_0, 16, 512, 128, 64, 0, 7)
	add(Minimum(), BF16, 20, 512, 192, 64, 4, 0, 1, 2, 3, 4, 5, 6, 7)
	for i, p := range others() {
		for _, format := range inTurn(i) {
			add(p, format, 5, 333, 40, 6, 3, 1, 2, 39)
		}
		add(p, Q4_0, 16, 512, 128, 64, 0, 7)
	}
	halves, label = true, " halves"
	add(Minimum(), F32, 3, 48, 24, 6, 3, 0, 1, 39)
	add(Minimum(), Q8_0, 8, 256, 64, 32, 0, 7)
	return cases
}

func mlaDecodeCases() []Case {
	var cases []Case
	add := func(profile Profile, heads, rank, rope, splits int, at ...int) {
		name := fmt.Sprintf("heads=%d rank=%d rope=%d splits=%d positions=%v%s", heads, rank, rope, splits, at, profile.label())
		const capacity = 400
		r := randomFor(name)
		width, pages := rank+rope, r.pages(capacity)
		length := 0
		for _, position := range at {
			length += position + 1
		}
		cases = append(cases, Case{
			Name:     name,
			Dispatch: MLADecode(profile, MLADecodeVariant{rank, rope, splits}, len(at), MLADecodeParams{Heads: uint32(heads), Scale: float32(1 / math.Sqrt(float64(width)))}),
			Buffers: Memory{
				"positions": r.positions(at, pages, rope), "query": r.floats(len(at)*heads*width, 1), "cache": r.floats(len(pages)*PageSize*width, 1), "pages": pages,
				"partial": r.floats(len(at)*splits*heads*(2+rank), 1),
			},
			Tolerance: 2e-5, // f32 exponentials and sums over up to 400 positions
			Bytes:     4 * length * width,
			Flops:     2 * length * heads * (width + rank),
		})
	}
	add(Minimum(), 4, 64, 16, 1, 0)
	add(Minimum(), 4, 64, 16, 4, 5)
	add(Minimum(), 3, 48, 8, 3, 0, 1, 63)
	add(Minimum(), 1, 100, 2, 2, 30, 31)
	add(Minimum(), 16, 512, 64, 2, 300)
	add(Minimum(), 20, 512, 64, 8, 11, 399)
	add(Minimum(), 32, 256, 32, 4, 100, 101, 102, 103, 104, 105, 106, 107)
	for _, p := range Candidates(Features{})[1:] {
		add(p, 3, 48, 8, 3, 0, 1, 63)
		add(p, 20, 512, 64, 8, 11, 399)
	}
	return cases
}

func mlaMergeCases() []Case {
	var cases []Case
	add := func(profile Profile, format Format, heads, rank, v, splits int, at ...int) {
		name := fmt.Sprintf("%s heads=%d rank=%d v=%d splits=%d positions=%v%s", format, heads, rank, v, splits, at, profile.label())
		const rope, capacity = 4, 3000
		r := randomFor(name)
		quants, scales := r.matrix(format, heads, v, rank)
		rows := len(at)
		partial := r.floats(rows*splits*heads*(2+rank), 1)
		for i := range rows * splits * heads {
			partial[i*(2+rank)+1] = math.Float32bits(1 + r.Float32()*9)
		}
		cases = append(cases, Case{
			Name: name,
			Dispatch: MLAMerge(profile, MLAMergeVariant{Format: format, KVLoraRank: rank, QKRopeHeadDim: rope, VHeadDim: v, Splits: splits}, rows,
				MLAMergeParams{Heads: uint32(heads), YStride: uint32(heads*v + 1)}),
			Buffers: Memory{
				"positions": r.positions(at, r.pages(capacity), rope), "partial_sums": partial, "weights": quants, "scales": scales, "y": r.floats(rows*(heads*v+1), 1),
			},
			Tolerance: 5e-6, // f32 sums of a few hundred products
			Bytes:     4 * (len(quants) + len(scales) + len(partial)),
			Flops:     2 * rows * heads * rank * v,
		})
	}
	for _, format := range plainFormats {
		add(Minimum(), format, 4, 64, 32, 3, 17)
		add(Minimum(), format, 3, 100, 40, 2, 0, 40)
	}
	for _, format := range ggmlFormats {
		add(Minimum(), format, 3, format.Width(100), 40, 2, 0, 40)
	}
	add(Minimum(), Q8_0, 16, 512, 128, 8, 9)
	add(Minimum(), BF16, 20, 512, 256, 4, 0, 1, 2, 3, 4, 7, 8, 2000)
	add(Minimum(), F32, 2, 48, 192, 1, 0, 1, 999)
	for i, p := range others() {
		for _, format := range inTurn(i) {
			add(p, format, 3, 100, 70, 5, 0, 33, 300)
		}
		add(p, Q4_0, 16, 512, 128, 32, 500)
	}
	return cases
}
