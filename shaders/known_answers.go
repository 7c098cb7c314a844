package shaders

import "fmt"

// productCase is a product of random numbers, added to what is there where yOffset is odd.
func productCase(profile Profile, label string, format Format, norm bool, vectors, rows, k, xOffset, yOffset int) Case {
	name := fmt.Sprintf("%s %dx%d vectors=%d%s%s%s", format, rows, k, vectors, map[bool]string{true: " norm"}[norm], label, profile.label())
	r := randomFor(name)
	quants, scales := r.matrix(format, 1, rows, k)
	xStride, yStride := xOffset+k, yOffset+rows+1
	if k%BlockSize == 0 {
		xStride = (xStride + 3) &^ 3
	}
	c := Case{
		Name: name,
		Dispatch: MatVec(profile, format, norm, MatVecParams{
			Rows: uint32(rows), Width: uint32(k), Vectors: uint32(vectors), XStride: uint32(xStride), XOffset: uint32(xOffset),
			YStride: uint32(yStride), YOffset: uint32(yOffset), Epsilon: 1e-6, Scale: 0.75, Accumulate: uint32(yOffset % 2),
		}),
		Buffers:   Memory{"x": r.floats(vectors*xStride, 1), "weights": quants, "scales": scales, "y": r.floats(vectors*yStride, 1)},
		Tolerance: profile.tolerance(format, 5e-6), // f32 sums of up to a few thousand products of size 1/sqrt(k)
		Bytes:     4*(len(quants)+len(scales)) + 4*vectors*(k+rows),
		Flops:     2 * vectors * rows * k,
	}
	if norm {
		c.Buffers["norm"] = r.floats(k, 1)
	}
	return c
}

// KnownAnswer is a small product of a format by a profile, of odd sizes: what a device must get right before the profile is used on it. A
// driver may compile one variant wrongly and another well: so there is one for one vector and one for many.
func KnownAnswer(profile Profile, format Format, vectors int) Case {
	if vectors == 1 {
		return productCase(profile, "", format, !profile.NormFirst, 1, 131, format.Width(160), 0, 0)
	}
	return productCase(profile, "", format, false, vectors, 67, format.Width(96), 32, 3)
}
