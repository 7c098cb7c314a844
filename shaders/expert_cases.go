//go:build !wasip1

package shaders

import (
	"fmt"
	"math"
)

func init() {
	caseTables["expert_gate_up"] = expertGateUpCases
	caseTables["expert_down"] = expertDownCases
	caseTables["expert_out"] = expertOutCases
	caseTables["expert_sum"] = expertSumCases
	caseTables["group_visits"] = groupVisitsCases
}

// An expertShape is a stack of experts, of which [first, first+count) are bound. Visits of several rows go in groups.
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
	{" 11 rows", 11, 5, 96, 192, 7, 0, 7, 0, false},
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

// lists are the visits by routes in lists of as many as a step has of an expert.
func (s expertShape) lists(routes []uint32) (visits []uint32, lists, batch int) {
	g := Grouping{Batch: productTile{}.taking(s.rows, false).Batch, Least: 1}
	n := s.rows * s.slots
	visits = make([]uint32, n*g.Batch) // lists at the end stay empty
	group := GroupVisits(g, GroupVisitsParams{Visits: uint32(n), Experts: uint32(s.experts)})
	group.Program.Run(group.Params, group.Workgroups, Memory{"routes": routes, "singles": make([]uint32, n), "groups": visits})
	return visits, n, g.Batch
}

// expertCases are those of the kernels that read a stack of experts: of every format by the minimum profile, and by other profiles.
func expertCases(add func(Profile, Format, ...expertShape)) {
	for _, format := range plainFormats {
		add(Minimum(), format, expertShapes[:3]...)
	}
	add(Minimum(), Q4_0, expertShapes[3:]...)
	for _, p := range others() {
		for _, format := range []Format{Q8_0, Q4_0} {
			add(p, format, wideExperts...)
		}
	}
	for _, format := range ggmlFormats {
		add(Minimum(), format, superExperts)
	}
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
			routes, stride := r.routes(s), s.ff+1
			visits, lists, batch := s.lists(routes)
			c := Case{
				Name: name,
				Dispatch: ExpertGateUp(profile, ExpertGateUpVariant{format, s.relu, !profile.NormFirst}, lists, batch, ExpertGateUpParams{
					Slots: uint32(s.slots), FF: uint32(s.ff), UpRow: uint32(upRow), MatrixRows: uint32(matrixRows), Width: uint32(s.width),
					FirstExpert: uint32(s.first), ExpertCount: uint32(s.count), XStride: uint32(s.width), YStride: uint32(stride), Epsilon: 1e-6,
				}),
				Buffers: Memory{
					"x": r.floats(s.rows*s.width, 1), "routes": routes, "visits": visits,
					"weights": quants, "scales": scales, "y": r.floats(s.rows*s.slots*stride, 1),
				},
				Tolerance: profile.tolerance(format, 1e-5), // a product of two f32 sums
				Bytes:     s.rows * s.slots * 2 * s.ff * s.width * format.QuantBytes() / BlockSize,
				Flops:     4 * s.rows * s.slots * s.ff * s.width,
			}
			if !profile.NormFirst {
				c.Buffers["norm"] = r.floats(s.width, 1)
			}
			cases = append(cases, c)
		}
	}
	expertCases(add)
	add(Minimum(), BF16, expertShape{" relu", 2, 2, 45, 64, 3, 0, 3, 0, true})
	return cases
}

func expertDownCases() []Case {
	var cases []Case
	expertCases(func(profile Profile, format Format, shapes ...expertShape) {
		for _, s := range shapes {
			name := fmt.Sprintf("%s ff=%d width=%d%s%s", format, s.ff, s.width, s.label, profile.label())
			r := randomFor(name)
			quants, scales := r.matrix(format, s.count, s.width, s.ff)
			routes, xStride := r.routes(s), (s.ff+3)&^3
			cases = append(cases, Case{
				Name: name,
				Dispatch: ExpertDown(profile, format, s.rows, ExpertDownParams{
					Slots: uint32(s.slots), FF: uint32(s.ff), XStride: uint32(xStride), Width: uint32(s.width),
					FirstExpert: uint32(s.first), ExpertCount: uint32(s.count), YStride: uint32(s.width),
				}),
				Buffers: Memory{
					"routes": routes, "x": r.floats(s.rows*s.slots*xStride, 1),
					"weights": quants, "scales": scales, "y": r.floats(s.rows*s.width, 1),
				},
				Tolerance: profile.tolerance(format, 5e-6), // f32 sums of a few hundred products
				Bytes:     s.rows * s.slots * s.ff * s.width * format.QuantBytes() / BlockSize,
				Flops:     2 * s.rows * s.slots * s.ff * s.width,
			})
		}
	})
	return cases
}

func expertOutCases() []Case {
	var cases []Case
	expertCases(func(profile Profile, format Format, shapes ...expertShape) {
		for _, s := range shapes {
			name := fmt.Sprintf("%s ff=%d width=%d%s%s", format, s.ff, s.width, s.label, profile.label())
			r := randomFor(name)
			quants, scales := r.matrix(format, s.count, s.width, s.ff)
			routes, xStride := r.routes(s), (s.ff+3)&^3
			visits, lists, batch := s.lists(routes)
			cases = append(cases, Case{
				Name: name,
				Dispatch: ExpertOut(profile, format, lists, batch, ExpertOutParams{
					FF: uint32(s.ff), XStride: uint32(xStride), Width: uint32(s.width),
					FirstExpert: uint32(s.first), ExpertCount: uint32(s.count), YStride: uint32(s.width),
				}),
				Buffers: Memory{
					"routes": routes, "visits": visits, "x": r.floats(s.rows*s.slots*xStride, 1),
					"weights": quants, "scales": scales, "y": r.floats(s.rows*s.slots*s.width, 1),
				},
				Tolerance: profile.tolerance(format, 5e-6), // f32 sums of a few hundred products
				Bytes:     s.rows * s.slots * s.ff * s.width * format.QuantBytes() / BlockSize,
				Flops:     2 * s.rows * s.slots * s.ff * s.width,
			})
		}
	})
	return cases
}

func expertSumCases() []Case {
	var cases []Case
	for _, s := range []expertShape{{rows: 1, slots: 8, width: 2048, experts: 64, count: 64}, {rows: 5, slots: 3, width: 67, experts: 9, first: 2, count: 5}} {
		name := fmt.Sprintf("rows=%d slots=%d width=%d", s.rows, s.slots, s.width)
		r := randomFor(name)
		cases = append(cases, Case{
			Name: name,
			Dispatch: ExpertSum(s.rows, ExpertSumParams{
				Slots: uint32(s.slots), FirstExpert: uint32(s.first), ExpertCount: uint32(s.count), Width: uint32(s.width), XStride: uint32(s.width + 1), YStride: uint32(s.width + 3),
			}),
			Buffers:   Memory{"routes": r.routes(s), "x": r.floats(s.rows*s.slots*(s.width+1), 1), "y": r.floats(s.rows*(s.width+3), 1)},
			Tolerance: 1e-6, // a few f32 sums
			Bytes:     4 * s.rows * (s.slots + 2) * s.width,
			Flops:     2 * s.rows * s.slots * s.width,
		})
	}
	return cases
}

func groupVisitsCases() []Case {
	var cases []Case
	for _, test := range []struct {
		expertShape
		least int
	}{
		{expertShape{rows: 2, slots: 3, experts: 5}, 2}, {expertShape{rows: 16, slots: 8, experts: 66}, 2}, {expertShape{rows: 16, slots: 9, experts: 11}, 5},
		{expertShape{rows: 13, slots: 2, experts: 1}, 1}, {expertShape{rows: 8, slots: 9, experts: 385}, 3}, {expertShape{rows: 4, slots: 1, experts: 300}, 2},
	} {
		s := test.expertShape
		name := fmt.Sprintf("rows=%d slots=%d experts=%d least=%d", s.rows, s.slots, s.experts, test.least)
		n := s.rows * s.slots
		g := Grouping{Batch: productTile{}.taking(s.rows, false).Batch, Least: test.least}
		cases = append(cases, Case{
			Name:     name,
			Dispatch: GroupVisits(g, GroupVisitsParams{Visits: uint32(n), Experts: uint32(s.experts)}),
			Buffers:  Memory{"routes": randomFor(name).routes(s), "singles": make([]uint32, n), "groups": make([]uint32, (n/test.least+1)*g.Batch)},
			Integers: []string{"singles", "groups"},
			Bytes:    12 * n,
		})
	}
	return cases
}
