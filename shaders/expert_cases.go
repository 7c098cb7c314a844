//go:build !wasip1

package shaders

import (
	"fmt"
	"math"
)

func init() {
	caseTables["expert_gate_up"] = expertGateUpCases
	caseTables["expert_down"] = expertDownCases
}

// An expertShape is a stack of experts, of which [first, first+count) are bound.
type expertShape struct {
	label               string
	rows, slots         int
	ff, width           int
	experts             int
	first, count, upRow int // upRow 0: right after the gate rows
	relu                bool
}

var expertShapes = []expertShape{
	{"", 1, 3, 64, 128, 9, 0, 9, 0, false},
	{" 8 rows", 8, 5, 96, 192, 17, 0, 17, 0, false},
	{" odd sizes", 3, 2, 21, 100, 5, 0, 5, 0, false},
	{" dense", 2, 1, 352, 128, 1, 0, 1, 0, false},
	{" up part at 128", 2, 3, 96, 160, 6, 0, 6, 128, false},
	{" part of the stack", 4, 4, 33, 64, 12, 3, 5, 0, false},
}

// wideExperts are large enough for every tile of a profile.
var wideExperts = []expertShape{
	{"", 4, 4, 345, 160, 3, 0, 3, 352, false},
	{" odd sizes", 3, 2, 130, 1033, 3, 1, 2, 0, false},
}

// superExperts have rows of whole super-blocks.
var superExperts = expertShape{" part of the stack", 2, 3, 256, 256, 6, 1, 4, 0, false}

// routes are random experts, and weights between 0 and 1.
func (r random) routes(s expertShape) []uint32 {
	routes := make([]uint32, 2*s.rows*s.slots)
	for i := range s.rows * s.slots {
		routes[2*i], routes[2*i+1] = uint32(r.IntN(s.experts)), math.Float32bits(r.Float32())
	}
	return routes
}

func expertGateUpCases() []Case {
	var cases []Case
	add := func(profile Profile, format Format, shapes ...expertShape) {
		for _, s := range shapes {
			name := fmt.Sprintf("%s ff=%d width=%d%s%s", format, s.ff, s.width, s.label, profile.label())
			r := randomFor(name)
			upRow := max(s.upRow, s.ff)
			matrixRows := upRow + s.ff
			quants, scales := r.matrix(format, s.count, matrixRows, s.width)
			stride := s.ff + 1
			cases = append(cases, Case{
				Name: name,
				Dispatch: ExpertGateUp(profile, ExpertGateUpVariant{format, s.relu}, s.rows, ExpertGateUpParams{
					Slots: uint32(s.slots), FF: uint32(s.ff), UpRow: uint32(upRow), MatrixRows: uint32(matrixRows), Width: uint32(s.width),
					FirstExpert: uint32(s.first), ExpertCount: uint32(s.count), XStride: uint32(s.width), YStride: uint32(stride), Epsilon: 1e-6,
				}),
				Buffers: Memory{
					"x": r.floats(s.rows*s.width, 2), "norm": r.floats(s.width, 1), "routes": r.routes(s),
					"weights": quants, "scales": scales, "y": r.floats(s.rows*s.slots*stride, 1),
				},
				Tolerance: profile.tolerance(format, 1e-5), // a product of two f32 sums
				Bytes:     s.rows * s.slots * 2 * s.ff * s.width * format.QuantBytes() / BlockSize,
				Flops:     4 * s.rows * s.slots * s.ff * s.width,
			})
		}
	}
	for _, format := range plainFormats {
		add(Minimum(), format, expertShapes...)
		for _, p := range others() {
			add(p, format, wideExperts...)
		}
	}
	for _, format := range ggmlFormats {
		add(Minimum(), format, superExperts)
	}
	add(Minimum(), BF16, expertShape{" relu", 2, 2, 45, 64, 3, 0, 3, 0, true})
	return cases
}

func expertDownCases() []Case {
	var cases []Case
	add := func(profile Profile, format Format, shapes ...expertShape) {
		for _, s := range shapes {
			name := fmt.Sprintf("%s ff=%d width=%d%s%s", format, s.ff, s.width, s.label, profile.label())
			r := randomFor(name)
			quants, scales := r.matrix(format, s.count, s.width, s.ff)
			xStride := (s.ff + 3) &^ 3
			cases = append(cases, Case{
				Name: name,
				Dispatch: ExpertDown(profile, ExpertVariant{format}, s.rows, ExpertDownParams{
					Slots: uint32(s.slots), FF: uint32(s.ff), XStride: uint32(xStride), Width: uint32(s.width),
					FirstExpert: uint32(s.first), ExpertCount: uint32(s.count), YStride: uint32(s.width),
				}),
				Buffers: Memory{
					"routes": r.routes(s), "x": r.floats(s.rows*s.slots*xStride, 1),
					"weights": quants, "scales": scales, "y": r.floats(s.rows*s.width, 1),
				},
				Tolerance: profile.tolerance(format, 5e-6), // f32 sums of a few hundred products
				Bytes:     s.rows * s.slots * s.ff * s.width * format.QuantBytes() / BlockSize,
				Flops:     2 * s.rows * s.slots * s.ff * s.width,
			})
		}
	}
	for _, format := range plainFormats {
		add(Minimum(), format, expertShapes...)
		for _, p := range others() {
			add(p, format, wideExperts...)
		}
	}
	for _, format := range ggmlFormats {
		add(Minimum(), format, superExperts)
	}
	return cases
}
