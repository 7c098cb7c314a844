package shaders

import "math"

// MatVecParams are the uniform parameters of matvec.wgsl.
type MatVecParams struct {
	Rows    uint32 // of the matrix
	Width   uint32
	Vectors uint32
	XStride uint32 // elements from one vector to the next
	XOffset uint32 // first element of a vector that is used
	YStride uint32
	YOffset uint32
	Epsilon float32 // of the norm
	Scale   float32 // of the products

	Accumulate uint32 // 1: y is added to
}

type matVecVariant struct {
	Format Format
	productTile
	Aligned bool // x can be read as vec4
}

var matVec = register(kernel[matVecVariant, MatVecParams]{
	name: "matvec",
	libs: func(v matVecVariant) []string {
		return append(v.libs(v.Format), xLib(v.Aligned), normLib(v.Norm, v.Aligned))
	},
	reference: func(v matVecVariant, p MatVecParams, _ Grid, m Memory) {
		x, y := m.F32("x"), m.F32("y")
		w := viewMatrix(m, v.Format, int(p.Rows), int(p.Width))
		vectors := make([][]float32, p.Vectors)
		for b := range vectors {
			vectors[b] = v.factor(v.normed(x[b*int(p.XStride)+int(p.XOffset):][:p.Width], m, p.Epsilon))
		}
		for i := range int(p.Rows) {
			for b, sum := range w.dots(i, vectors) {
				at := b*int(p.YStride) + int(p.YOffset) + i
				sum *= float64(p.Scale)
				if p.Accumulate != 0 {
					sum += float64(y[at])
				}
				y[at] = float32(sum)
			}
		}
	},
})

// dot is row r times a vector.
func (w *matrixView) dot(r int, x []float32) float64 { return dot(w.row(r), x) }

// dots are row r times each vector.
func (w *matrixView) dots(r int, vectors [][]float32) []float64 {
	row, sums := w.row(r), make([]float64, len(vectors))
	for b, x := range vectors {
		sums[b] = dot(row, x)
	}
	return sums
}

func dot(row []float64, x []float32) float64 {
	sum := 0.0
	for k, v := range x {
		sum += row[k] * float64(v)
	}
	return sum
}

// MatVec multiplies a matrix (Rows, Width) with vectors, which with norm are RMS-normalised on the way: bindings x (Vectors, XStride), norm (Width)
// if so, weights, y (Vectors, YStride).
func MatVec(profile Profile, format Format, norm bool, p MatVecParams) Dispatch {
	t := profile.productTile(format, int(p.Rows), int(p.Width), 1).taking(int(p.Vectors), norm)
	groups := t.workgroups(int(p.Rows))
	x := min(groups, maxGroups)
	return matVec.dispatch(matVecVariant{format, t, aligned(p.Width, p.XStride, p.XOffset)}, p, x, (groups+x-1)/x, t.batches(int(p.Vectors)))
}

// maxGroups is WebGPU's default limit of workgroups in one dimension.
const maxGroups = math.MaxUint16

// aligned tells whether vectors of width k can be read as vec4 in whole blocks.
func aligned(k uint32, offsets ...uint32) bool {
	for _, o := range offsets {
		if o%4 != 0 {
			return false
		}
	}
	return k%BlockSize == 0
}

func xLib(aligned bool) string {
	if aligned {
		return "x_aligned"
	}
	return "x_any"
}

func normLib(norm, aligned bool) string {
	switch {
	case !norm:
		return "norm_none"
	case aligned:
		return "norm_aligned"
	}
	return "norm_any"
}
