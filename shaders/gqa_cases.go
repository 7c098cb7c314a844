//go:build !wasip1

package shaders

import (
	"fmt"
	"math"
)

func init() {
	caseTables["gqa_prepare"] = gqaPrepareCases
	caseTables["gqa_decode"] = gqaDecodeCases
	caseTables["gqa_merge"] = gqaMergeCases
}

func gqaPrepareCases() []Case {
	var cases []Case
	add := func(v GQAPrepareVariant, heads, kvHeads int, at ...int) {
		name := fmt.Sprintf("dim=%d heads=%d kv_heads=%d bias=%t norm=%t rows=%d", v.HeadDim, heads, kvHeads, v.Bias, v.Norm, len(at))
		const capacity = 40
		r := randomFor(name)
		dim := v.HeadDim
		k, v2 := heads*dim, (heads+kvHeads)*dim+3
		stride := v2 + kvHeads*dim + 2
		cases = append(cases, Case{
			Name: name,
			Dispatch: GQAPrepare(v, len(at), GQAPrepareParams{
				Heads: uint32(heads), KVHeads: uint32(kvHeads), XStride: uint32(stride), KOffset: uint32(k), VOffset: uint32(v2), Epsilon: 1e-6,
			}),
			Buffers: Memory{
				"positions": r.positions(at, r.pages(capacity), dim), "x": r.floats(len(at)*stride, 1), "cache": r.floats(2*pagesOf(capacity)*PageSize*kvHeads*2*dim, 1),
				"query": r.floats(len(at)*heads*dim, 1),
			},
			Tolerance: 2e-6, // a turn, after a norm over a head
			Bytes:     4 * len(at) * stride,
		})
		m := cases[len(cases)-1].Buffers
		if v.Bias {
			m["q_bias"], m["k_bias"], m["v_bias"] = r.floats(heads*dim, 1), r.floats(kvHeads*dim, 1), r.floats(kvHeads*dim, 1)
		}
		if v.Norm {
			m["q_norm"], m["k_norm"] = r.floats(dim, 1), r.floats(dim, 1)
		}
	}
	for _, v := range []GQAPrepareVariant{{48, false, false}, {48, true, false}, {48, false, true}} {
		add(v, 4, 2, 5)
		add(v, 3, 1, 0, 1, 39)
	}
	add(GQAPrepareVariant{2, true, false}, 1, 1, 7)
	add(GQAPrepareVariant{128, true, false}, 12, 2, 7, 8)
	add(GQAPrepareVariant{128, false, false}, 32, 8, 7)
	add(GQAPrepareVariant{128, false, true}, 32, 8, 0, 1, 2, 3, 4, 5, 6, 7)
	return cases
}

func gqaDecodeCases() []Case {
	var cases []Case
	add := func(profile Profile, heads, kvHeads, dim, splits int, at ...int) {
		name := fmt.Sprintf("heads=%d kv_heads=%d dim=%d splits=%d positions=%v%s", heads, kvHeads, dim, splits, at, profile.label())
		const capacity = 400
		r := randomFor(name)
		pages, length := r.pages(capacity), 0
		for _, position := range at {
			length += position + 1
		}
		cases = append(cases, Case{
			Name: name,
			Dispatch: GQADecode(profile, GQADecodeVariant{dim, splits}, len(at), GQADecodeParams{
				Heads: uint32(heads), KVHeads: uint32(kvHeads), Scale: float32(1 / math.Sqrt(float64(dim))),
			}),
			Buffers: Memory{
				"positions": r.positions(at, pages, dim), "query": r.floats(len(at)*heads*dim, 1), "cache": r.floats(len(pages)*PageSize*kvHeads*2*dim, 1), "pages": pages,
				"partial": r.floats(len(at)*splits*heads*(2+dim), 1),
			},
			Tolerance: 2e-5, // f32 exponentials and sums over up to 400 positions
			Bytes:     4 * length * kvHeads * 2 * dim,
			Flops:     4 * length * heads * dim,
		})
	}
	add(Minimum(), 4, 4, 64, 1, 0)
	add(Minimum(), 4, 2, 48, 4, 5)
	add(Minimum(), 3, 1, 10, 3, 0, 1, 63)
	add(Minimum(), 40, 1, 32, 2, 99)
	for _, p := range Candidates(Features{}) {
		add(p, 12, 2, 128, 2, 300)
		add(p, 28, 4, 128, 8, 11, 399)
		add(p, 5, 1, 66, 3, 100, 101, 102, 103, 104, 105, 106, 107)
	}
	return cases
}

func gqaMergeCases() []Case {
	var cases []Case
	add := func(heads, together, dim, splits int, at ...int) {
		name := fmt.Sprintf("heads=%d of %d dim=%d splits=%d positions=%v", heads, together, dim, splits, at)
		const capacity = 3000
		r := randomFor(name)
		rows := len(at)
		partial := r.floats(rows*splits*heads*(2+dim), 1)
		for i := range rows * splits * heads {
			partial[i*(2+dim)+1] = math.Float32bits(1 + r.Float32()*9)
		}
		cases = append(cases, Case{
			Name:      name,
			Dispatch:  GQAMerge(Minimum(), GQADecodeVariant{dim, splits}, together, rows, GQAMergeParams{Heads: uint32(heads), YStride: uint32(heads*dim + 1)}),
			Buffers:   Memory{"positions": r.positions(at, r.pages(capacity), dim), "partial_sums": partial, "y": r.floats(rows*(heads*dim+1), 1)},
			Tolerance: 2e-6, // f32 sums of up to 32 products
			Bytes:     4 * len(partial),
		})
	}
	add(4, 2, 64, 3, 17)
	add(3, 3, 10, 2, 0, 40)
	add(28, 7, 128, 32, 2000)
	add(12, 6, 128, 8, 0, 1, 2, 3, 4, 7, 8, 999)
	return cases
}
