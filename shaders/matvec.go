package shaders

import "math"

// MatVecParams are the uniform parameters of matvec.wgsl.
type MatVecParams struct {
	Rows    uint32 // of the matrix
	K       uint32 // its width
	XStride uint32 // elements from one vector to the next
	XOffset uint32 // first element of a vector that is used
	YStride uint32
	YOffset uint32
	Epsilon float32 // of the norm
	Scale   float32 // of the products
}

// MatVecVariant chooses what a product does beside multiplying.
type MatVecVariant struct {
	Format     Format
	Batch      int  // vectors, 1 to MaxBatch
	Norm       bool // x is RMS-normalised by the binding norm first
	Accumulate bool // y is added to
}

// MaxBatch is the most vectors that one product takes.
const MaxBatch = 8

// matVecVariant adds what follows from the shape.
type matVecVariant struct {
	MatVecVariant
	tile
	Aligned bool // x and norm can be read as vec4
}

var matVec = register(kernel[matVecVariant, MatVecParams]{
	name: "matvec",
	libs: func(v matVecVariant) []string {
		return append(v.tile.libs(v.Format), xLib(v.Aligned), normLib(v.Norm, v.Aligned))
	},
	reference: func(v matVecVariant, p MatVecParams, _ Grid, m Memory) {
		x, y := m.F32("x"), m.F32("y")
		w := viewMatrix(m, v.Format, int(p.Rows), int(p.K))
		vectors := make([][]float32, v.Batch)
		for b := range vectors {
			vectors[b] = x[b*int(p.XStride)+int(p.XOffset):][:p.K]
			if v.Norm {
				n := make([]float32, p.K)
				normalise(vectors[b], m.F32("norm"), float64(p.Epsilon), n)
				vectors[b] = n
			}
			vectors[b] = v.factor(vectors[b])
		}
		for i := range int(p.Rows) {
			row := w.row(i)
			for b, vector := range vectors {
				at := b*int(p.YStride) + int(p.YOffset) + i
				sum := dot(row, vector) * float64(p.Scale)
				if v.Accumulate {
					sum += float64(y[at])
				}
				y[at] = float32(sum)
			}
		}
	},
})

// dot is row r times a vector.
func (w matrixView) dot(r int, x []float32) float64 { return dot(w.row(r), x) }

func dot(row []float64, x []float32) float64 {
	sum := 0.0
	for k, v := range x {
		sum += row[k] * float64(v)
	}
	return sum
}

// MatVec multiplies a matrix (Rows, K) with v.Batch vectors: bindings x (Batch, XStride), norm (K) with v.Norm,
// weights, y (Batch, YStride).
func MatVec(profile Profile, v MatVecVariant, p MatVecParams) Dispatch {
	t := profile.tile(int(p.Rows), int(p.K), mostRows(v.Batch), 1).rounding(profile, v.Format)
	slots := v.Batch
	if v.Norm {
		slots *= 2
	}
	groups := t.workgroups(int(p.Rows))
	x := min(groups, maxGroups)
	return matVec.dispatch(matVecVariant{v, t.exchanging(slots), aligned(p.K, p.XStride, p.XOffset)}, p, x, (groups+x-1)/x, 1)
}

// mostRows is how many rows a thread takes at most for a batch: their sums stay in registers.
func mostRows(batch int) int {
	if batch > 4 {
		return 2
	}
	return MaxRows
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
