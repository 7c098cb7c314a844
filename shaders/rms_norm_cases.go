//go:build !wasip1

package shaders

import "fmt"

func init() { caseTables["rms_norm"] = rmsNormCases }

func rmsNormCases() []Case {
	var cases []Case
	for _, shape := range []struct{ rows, width, stride, offset int }{
		{1, 128, 128, 0}, {3, 100, 104, 0}, {8, 7, 7, 0}, {2, 96, 192, 96}, {1, 2048, 2048, 0},
	} {
		name := fmt.Sprintf("rows=%d width=%d offset=%d", shape.rows, shape.width, shape.offset)
		r := randomFor(name)
		cases = append(cases, Case{
			Name: name,
			Dispatch: RMSNorm(shape.rows, RMSNormParams{
				Width: uint32(shape.width), XStride: uint32(shape.stride), XOffset: uint32(shape.offset), YStride: uint32(2 * shape.stride), YOffset: uint32(shape.offset), Epsilon: 1e-6,
			}),
			Buffers: Memory{
				"x": r.floats(shape.rows*shape.stride, 3), "norm": r.floats(shape.width, 1), "y": make([]uint32, shape.rows*2*shape.stride),
			},
			Tolerance: 2e-6, // f32 sums of a few thousand squares
			Bytes:     4 * (2*shape.rows*shape.width + shape.width),
			Flops:     4 * shape.rows * shape.width,
		})
	}
	return cases
}
