package shaders

import "math"

// RMSNormParams are the uniform parameters of rms_norm.wgsl.
type RMSNormParams struct {
	Width   uint32
	XStride uint32 // elements from one row of x to the next
	XOffset uint32 // first element of a row of x that is used
	YStride uint32
	YOffset uint32 // first element of a row of y that is written
	Epsilon float32
}

type rmsNormVariant struct{}

var rmsNorm = register(kernel[rmsNormVariant, RMSNormParams]{
	name: "rms_norm",
	reference: func(_ rmsNormVariant, p RMSNormParams, grid Grid, m Memory) {
		x, norm, y := m.F32("x"), m.F32("norm"), m.F32("y")
		for row := 0; row < int(grid[0]); row++ {
			normalise(x[row*int(p.XStride)+int(p.XOffset):][:p.Width], norm, float64(p.Epsilon), y[row*int(p.YStride)+int(p.YOffset):])
		}
	},
})

// RMSNorm normalises rows of x (rows, XStride) into y (rows, YStride): bindings x, norm, y.
func RMSNorm(rows int, p RMSNormParams) Dispatch {
	return rmsNorm.dispatch(rmsNormVariant{}, p, rows, 1, 1)
}

// normalise is RMSNorm of one row (Zhang and Sennrich 2019, arXiv 1910.07467): y = norm * x / rms(x).
func normalise(x, norm []float32, epsilon float64, y []float32) {
	squares := 0.0
	for _, v := range x {
		squares += float64(v) * float64(v)
	}
	scale := 1 / math.Sqrt(squares/float64(len(x))+epsilon)
	for i, v := range x {
		y[i] = float32(float64(norm[i]) * float64(v) * scale)
	}
}
