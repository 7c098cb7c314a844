package shaders

import (
	"math"
	"slices"
)

// RouterParams are the uniform parameters of router.wgsl.
type RouterParams struct {
	Width         uint32
	XStride       uint32
	Epsilon       float32
	ScalingFactor float32
	Parked        uint32
}

// RouterVariant says how experts are chosen.
type RouterVariant struct {
	Experts   int
	TopK      int
	Shared    int  // further experts that every row visits, numbered after Experts
	Groups    int  // 1: no groups
	TopKGroup int  // groups that take part
	Sigmoid   bool // or else softmax
	Bias      bool // the binding bias is added for ranking
	NormTopK  bool // weights are divided by their sum
	GroupMax  bool // a group ranks by its best expert, or else by the sum of its best two
	Norm      bool // x is RMS-normalised by the binding norm first
	Count     bool // visits are counted
}

type routerVariant struct {
	RouterVariant
	Format Format // f32: rounding would change the choice
	tile
	Aligned bool
}

var router = register(kernel[routerVariant, RouterParams]{
	name: "router",
	libs: func(v routerVariant) []string {
		bias, count := "router_no_bias", "router_no_count"
		if v.Bias {
			bias = "router_bias"
		}
		if v.Count {
			count = "router_count"
		}
		return append(v.tile.libs(v.Format), xLib(v.Aligned), normLib(v.Norm, v.Aligned), "nothing", bias, count)
	},
	reference: func(v routerVariant, p RouterParams, grid Grid, m Memory) {
		x, routes := m.F32("x"), m.U32("routes")
		w := viewMatrix(m, F32, v.Experts, int(p.Width))
		n := make([]float32, p.Width)
		for r := range int(grid[0]) {
			copy(n, x[r*int(p.XStride):])
			if v.Norm {
				normalise(x[r*int(p.XStride):][:p.Width], m.F32("norm"), float64(p.Epsilon), n)
			}
			scores := make([]float64, v.Experts)
			for e := range scores {
				scores[e] = w.dot(e, n)
			}
			out := routes[2*r*(v.TopK+v.Shared):]
			for i, c := range v.choose(scores, m.F32("bias"), float64(p.ScalingFactor)) {
				out[2*i], out[2*i+1] = uint32(c.expert), math.Float32bits(float32(c.weight))
				if v.Count && m.U32("rows")[2*r] != p.Parked {
					m.U32("experts")[c.expert]++
				}
			}
			for i := v.TopK; i < v.TopK+v.Shared; i++ {
				out[2*i], out[2*i+1] = uint32(v.Experts+i-v.TopK), math.Float32bits(1)
			}
		}
	},
})

type choice struct {
	expert int
	weight float64
}

// choose ranks experts by their logits, by sorting: the plain form of what router.wgsl counts.
func (v routerVariant) choose(logits []float64, bias []float32, factor float64) []choice {
	scores := make([]float64, len(logits))
	sum := 0.0
	for i, l := range logits {
		scores[i] = 1 / (1 + math.Exp(-l))
		if !v.Sigmoid {
			scores[i] = math.Exp(l - slices.Max(logits))
			sum += scores[i]
		}
	}
	ranks := make([]float64, len(scores))
	for i := range scores {
		if !v.Sigmoid {
			scores[i] /= sum
		}
		ranks[i] = scores[i]
		if v.Bias {
			ranks[i] += float64(bias[i])
		}
	}
	per := v.Experts / v.Groups
	groupRanks := make([]float64, v.Groups)
	for g := range groupRanks {
		members := slices.Sorted(slices.Values(ranks[g*per : (g+1)*per]))
		groupRanks[g] = members[per-1]
		if !v.GroupMax && per > 1 {
			groupRanks[g] += members[per-2]
		}
	}
	var open []int // experts of the groups that take part
	for _, g := range best(groupRanks, v.TopKGroup) {
		for e := g * per; e < (g+1)*per; e++ {
			open = append(open, e)
		}
	}
	slices.Sort(open)
	openRanks := make([]float64, len(open))
	for i, e := range open {
		openRanks[i] = ranks[e]
	}
	var choices []choice
	weights := 0.0
	for _, i := range best(openRanks, v.TopK) {
		choices = append(choices, choice{open[i], scores[open[i]]})
		weights += scores[open[i]]
	}
	for i := range choices {
		if v.NormTopK {
			choices[i].weight /= weights + 1e-20
		}
		choices[i].weight *= factor
	}
	return choices
}

// best lists the indices of the n greatest values, greatest first, lower index first among equals.
func best(values []float64, n int) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case values[a] > values[b]:
			return -1
		case values[a] < values[b]:
			return 1
		}
		return 0
	})
	return order[:n]
}

// Router chooses each row's experts: bindings x (rows, XStride), norm (Width) with v.Norm, weights (Experts, Width) in F32, bias (Experts) with
// v.Bias, routes (rows, TopK+Shared) of (expert, weight); with v.Count rows, and experts (Experts), which counts.
func Router(profile Profile, v RouterVariant, rows int, p RouterParams) Dispatch {
	t := profile.tile(v.Experts, int(p.Width), maxBand, enoughWorkgroups).covering(v.Experts, v.TopK+v.Shared)
	return router.dispatch(routerVariant{v, F32, t.exchanging(2), aligned(p.Width, p.XStride)}, p, rows, 1, 1)
}
