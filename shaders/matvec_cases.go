//go:build !wasip1

package shaders

import "fmt"

func init() { caseTables["matvec"] = matVecCases }

func matVecCases() []Case {
	var cases []Case
	add := func(profile Profile, label string, v MatVecVariant, rows, k, xOffset, yOffset int) {
		name := fmt.Sprintf("%s %dx%d batch=%d%s%s", v.Format, rows, k, v.Batch, label, profile.label())
		r := randomFor(name)
		quants, scales := r.matrix(v.Format, 1, rows, k)
		xStride, yStride := xOffset+k, yOffset+rows+1
		if k%BlockSize == 0 {
			xStride = (xStride + 3) &^ 3
		}
		c := Case{
			Name: name,
			Dispatch: MatVec(profile, v, MatVecParams{
				Rows: uint32(rows), K: uint32(k), XStride: uint32(xStride), XOffset: uint32(xOffset), YStride: uint32(yStride), YOffset: uint32(yOffset), Epsilon: 1e-6,
			}),
			Buffers:   Memory{"x": r.floats(v.Batch*xStride, 1), "weights": quants, "scales": scales, "y": r.floats(v.Batch*yStride, 1)},
			Tolerance: 5e-6, // f32 sums of up to a few thousand products of size 1/sqrt(k)
			Bytes:     4*(len(quants)+len(scales)) + 4*v.Batch*(k+rows),
			Flops:     2 * v.Batch * rows * k,
		}
		if v.Norm {
			c.Buffers["norm"] = r.floats(k, 1)
		}
		cases = append(cases, c)
	}
	for _, f := range Formats {
		add(Minimum(), "", MatVecVariant{Format: f, Batch: 1}, 272, 128, 0, 0)
		add(Minimum(), " norm", MatVecVariant{Format: f, Batch: 1, Norm: true}, 321, 192, 0, 0)
		add(Minimum(), " norm", MatVecVariant{Format: f, Batch: 8, Norm: true}, 80, 128, 0, 0)
		add(Minimum(), " accumulate, odd width", MatVecVariant{Format: f, Batch: 3, Accumulate: true}, 33, 100, 0, 5)
		add(Minimum(), " norm, narrow, offsets", MatVecVariant{Format: f, Batch: 5, Norm: true}, 3, 7, 9, 2)
	}
	add(Minimum(), " x offset", MatVecVariant{Format: F32, Batch: 2, Norm: true}, 100, 96, 128, 0)
	add(Minimum(), " many rows", MatVecVariant{Format: Q4_0, Batch: 1}, 140000, 33, 0, 0) // more than 65535 workgroups
	for _, f := range []Format{Q4_0, Q8_0, BF16, FP8} {
		for _, batch := range []int{1, 8} {
			add(Minimum(), " large", MatVecVariant{Format: f, Batch: batch, Norm: true}, 2048, 2048, 0, 0)
		}
	}
	for _, p := range others() {
		for _, f := range Formats {
			add(p, " norm", MatVecVariant{Format: f, Batch: 1, Norm: true}, 4099, 64, 0, 0)
			add(p, " accumulate, odd width", MatVecVariant{Format: f, Batch: 3, Accumulate: true}, 33, 300, 0, 5)
			add(p, " norm", MatVecVariant{Format: f, Batch: 8, Norm: true}, 2051, 96, 32, 3)
		}
		add(p, " large", MatVecVariant{Format: Q4_0, Batch: 1, Norm: true}, 2048, 2048, 0, 0)
	}
	return cases
}
