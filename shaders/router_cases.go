//go:build !wasip1

package shaders

import "fmt"

func init() { caseTables["router"] = routerCases }

func routerCases() []Case {
	var cases []Case
	add := func(profile Profile, label string, v RouterVariant, rows, width int) {
		name := fmt.Sprintf("%s experts=%d top=%d width=%d rows=%d%s", label, v.Experts, v.TopK, width, rows, profile.label())
		r := randomFor(name)
		quants, _ := r.matrix(F32, 1, v.Experts, width)
		slots := v.TopK + v.Shared
		c := Case{
			Name:      name,
			Dispatch:  Router(profile, v, rows, RouterParams{Width: uint32(width), XStride: uint32(width), Epsilon: 1e-6, ScalingFactor: 2.5}),
			Buffers:   Memory{"x": r.floats(rows*width, 1), "weights": quants, "routes": make([]uint32, 2*rows*slots)},
			Tolerance: 2e-5, // exponentials of f32 sums; an expert's number, read as a float, is a tiny one and must agree too
			Bytes:     4 * v.Experts * width,
			Flops:     2 * rows * v.Experts * width,
		}
		if v.Norm {
			c.Buffers["norm"] = r.floats(width, 1)
		}
		if v.Bias {
			c.Buffers["bias"] = r.floats(v.Experts, 0.2)
		}
		if v.Count {
			c.Dispatch = Router(profile, v, rows, RouterParams{Width: uint32(width), XStride: uint32(width), Epsilon: 1e-6, ScalingFactor: 2.5, Parked: 2})
			c.Buffers["rows"] = make([]uint32, 2*rows)
			for i := range rows {
				c.Buffers["rows"][2*i], c.Buffers["rows"][2*i+1] = uint32(i%3), uint32(i)
			}
			c.Buffers["experts"] = make([]uint32, v.Experts)
			for i := range c.Buffers["experts"] {
				c.Buffers["experts"][i] = uint32(i) // it goes on from there
			}
			c.Integers = []string{"experts"}
		}
		cases = append(cases, c)
	}
	add(Minimum(), "softmax", RouterVariant{Experts: 8, TopK: 3, Shared: 2, Groups: 1, TopKGroup: 1, Norm: true}, 8, 128)
	add(Minimum(), "softmax, width 100", RouterVariant{Experts: 10, TopK: 3, Groups: 1, TopKGroup: 1, NormTopK: true, Norm: true}, 3, 100)
	add(Minimum(), "softmax, best expert of a group", RouterVariant{Experts: 160, TopK: 6, Shared: 2, Groups: 8, TopKGroup: 3, GroupMax: true, Norm: true}, 3, 192)
	add(Minimum(), "sigmoid, bias, groups", RouterVariant{Experts: 16, TopK: 4, Shared: 1, Groups: 4, TopKGroup: 2, Sigmoid: true, Bias: true, NormTopK: true, Norm: true}, 8, 192)
	add(Minimum(), "sigmoid, bias", RouterVariant{Experts: 64, TopK: 6, Shared: 2, Groups: 1, TopKGroup: 1, Sigmoid: true, Bias: true, NormTopK: true}, 2, 256)
	add(Minimum(), "sigmoid, bias, groups", RouterVariant{Experts: 256, TopK: 8, Shared: 1, Groups: 8, TopKGroup: 4, Sigmoid: true, Bias: true, NormTopK: true}, 1, 512)
	add(Minimum(), "more experts than threads", RouterVariant{Experts: 384, TopK: 8, Shared: 1, Groups: 1, TopKGroup: 1, Sigmoid: true, Bias: true, NormTopK: true}, 1, 64)
	add(Minimum(), "one expert a group", RouterVariant{Experts: 4, TopK: 2, Groups: 4, TopKGroup: 3, Sigmoid: true, Bias: true}, 2, 7)
	add(Minimum(), "softmax, counted", RouterVariant{Experts: 8, TopK: 3, Shared: 2, Groups: 1, TopKGroup: 1, Norm: true, Count: true}, 16, 128)
	add(Minimum(), "sigmoid, bias, counted", RouterVariant{Experts: 16, TopK: 4, Groups: 4, TopKGroup: 2, Sigmoid: true, Bias: true, NormTopK: true, Norm: true, Count: true}, 7, 64)
	for _, p := range others() {
		add(p, "softmax, counted", RouterVariant{Experts: 67, TopK: 6, Groups: 1, TopKGroup: 1, Norm: true, Count: true}, 3, 64)
		add(p, "softmax", RouterVariant{Experts: 67, TopK: 6, Shared: 2, Groups: 1, TopKGroup: 1, Norm: true}, 3, 100)
		add(p, "sigmoid, bias", RouterVariant{Experts: 264, TopK: 8, Shared: 1, Groups: 8, TopKGroup: 4, Sigmoid: true, Bias: true, NormTopK: true}, 2, 512)
	}
	return cases
}
