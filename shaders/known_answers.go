package shaders

import "fmt"

// productCase is a product of random numbers.
func productCase(profile Profile, label string, v MatVecVariant, rows, k, xOffset, yOffset int) Case {
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
			Rows: uint32(rows), K: uint32(k), XStride: uint32(xStride), XOffset: uint32(xOffset), YStride: uint32(yStride), YOffset: uint32(yOffset), Epsilon: 1e-6, Scale: 0.75,
		}),
		Buffers:   Memory{"x": r.floats(v.Batch*xStride, 1), "weights": quants, "scales": scales, "y": r.floats(v.Batch*yStride, 1)},
		Tolerance: profile.tolerance(v.Format, 5e-6), // f32 sums of up to a few thousand products of size 1/sqrt(k)
		Bytes:     4*(len(quants)+len(scales)) + 4*v.Batch*(k+rows),
		Flops:     2 * v.Batch * rows * k,
	}
	if v.Norm {
		c.Buffers["norm"] = r.floats(k, 1)
	}
	return c
}

// KnownAnswers are small products of a format by a profile, for one vector and for several, of odd sizes: what a device
// must get right before the profile is used on it. A driver may compile one variant wrongly and another well.
func KnownAnswers(profile Profile, format Format) []Case {
	return []Case{
		productCase(profile, " norm", MatVecVariant{Format: format, Batch: 1, Norm: true}, 131, format.Width(160), 0, 0),
		productCase(profile, " accumulate", MatVecVariant{Format: format, Batch: MaxBatch, Accumulate: true}, 67, format.Width(96), 32, 3),
	}
}
