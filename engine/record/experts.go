package record

import (
	"encoding/binary"
	"math"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// Experts are the feed-forward half of a layer: the experts that its rows visit.
type Experts struct {
	Norm   Norm // of x; what is left to be done
	Stacks []Stack
	Routes gpu.Slice // (rows, Visits) of (expert, weight)
	Visits int
	Width  int  // of one expert
	ReLU   bool // act is the positive part, and up is its own gate: relu(up x)^2
}

// A Stack holds the matrices of experts from the first on.
type Stack struct {
	GateUp, Down *Weight
	First        int
	Channels     int // of a matrix of Down
}

// FeedForward records h += sum over visited experts of w_e down(act(gate x) * up x). A dense layer is a few experts, cut by channels, that
// every row visits with weight 1 (Dense): so there is one path.
func (m *Model) FeedForward(r *gpu.Recorder, rows int, e Experts, x, h Activation) {
	activated := r.Temp("activated", rows*e.Visits*Align4(e.Width))
	if rows == 1 {
		for _, s := range e.Stacks {
			m.gateUp(r, e, s, visits{m.inOrder, e.Visits, 1}, x, activated)
		}
		for _, s := range e.Stacks {
			m.down(r, e, s, activated, h)
		}
		return
	}
	said := r.Temp("said", rows*e.Visits*h.Stride)
	lists := m.visits(r, rows, e)
	for _, s := range e.Stacks {
		for _, v := range lists {
			m.gateUp(r, e, s, v, x, activated)
		}
	}
	for _, s := range e.Stacks {
		for _, v := range lists {
			m.out(r, e, s, v, activated, said, h.Stride)
		}
		m.sum(r, rows, e, s, said, h)
	}
}

// visits are lists of visits, each of one expert.
type visits struct {
	numbers      gpu.Slice // (lists, batch)
	lists, batch int
}

// visits records how the visits of a step's rows are brought together, so that what several rows visit is read once for them.
func (m *Model) visits(r *gpu.Recorder, rows int, e Experts) []visits {
	last := e.Stacks[len(e.Stacks)-1]
	all := rows * e.Visits
	always := e.Routes == m.Dense
	g := shaders.GroupingOf(m.Profile, rows, e.Visits, always)
	singles, groups := r.Temp("singles", all), r.Temp("groups", g.Groups*g.Batch)
	r.Dispatch(shaders.GroupVisits(g, shaders.GroupVisitsParams{Visits: uint32(all), Experts: uint32(last.First + last.GateUp.N)}),
		gpu.Bind{"routes": e.Routes, "singles": singles, "groups": groups})
	lists := []visits{{groups, g.Groups, g.Batch}}
	if !always {
		lists = append(lists, visits{singles, all, 1})
	}
	return lists
}

func (m *Model) gateUp(r *gpu.Recorder, e Experts, s Stack, v visits, x Activation, activated gpu.Slice) {
	upRow := 0
	if !e.ReLU {
		upRow = s.GateUp.PartsAt[1]
	}
	for _, p := range s.GateUp.Pieces {
		d := shaders.ExpertGateUp(m.Profile, shaders.ExpertGateUpVariant{Format: s.GateUp.Format, Relu: e.ReLU, Norm: e.Norm.there()}, v.lists, v.batch, shaders.ExpertGateUpParams{
			Slots: uint32(e.Visits), FF: uint32(e.Width), UpRow: uint32(upRow), MatrixRows: uint32(s.GateUp.Rows), Width: uint32(s.GateUp.K),
			FirstExpert: uint32(s.First + p.First), ExpertCount: uint32(p.Count), XStride: uint32(x.Stride), YStride: uint32(Align4(e.Width)), Epsilon: float32(e.Norm.Epsilon),
		})
		r.Dispatch(d, p.Bind(gpu.Bind{"x": x.Slice, "norm": e.Norm.Weight, "routes": e.Routes, "visits": v.numbers, "y": activated}))
	}
}

// down is the second half of the experts of one row.
func (m *Model) down(r *gpu.Recorder, e Experts, s Stack, activated gpu.Slice, h Activation) {
	for _, p := range s.Down.Pieces {
		d := shaders.ExpertDown(m.Profile, s.Down.Format, 1, shaders.ExpertDownParams{
			Slots: uint32(e.Visits), FF: uint32(s.Channels), XStride: uint32(Align4(e.Width)), Width: uint32(s.Down.Rows),
			FirstExpert: uint32(s.First + p.First), ExpertCount: uint32(p.Count), YStride: uint32(h.Stride),
		})
		r.Dispatch(d, p.Bind(gpu.Bind{"routes": e.Routes, "x": activated, "y": h.Slice}))
	}
}

// out is the second half of the experts of several rows, visit by visit.
func (m *Model) out(r *gpu.Recorder, e Experts, s Stack, v visits, activated, said gpu.Slice, stride int) {
	for _, p := range s.Down.Pieces {
		d := shaders.ExpertOut(m.Profile, s.Down.Format, v.lists, v.batch, shaders.ExpertOutParams{
			FF: uint32(s.Channels), XStride: uint32(Align4(e.Width)), Width: uint32(s.Down.Rows),
			FirstExpert: uint32(s.First + p.First), ExpertCount: uint32(p.Count), YStride: uint32(stride),
		})
		r.Dispatch(d, p.Bind(gpu.Bind{"routes": e.Routes, "visits": v.numbers, "x": activated, "y": said}))
	}
}

// sum adds up what the visits of each row have said, piece by piece, in the order of down.
func (m *Model) sum(r *gpu.Recorder, rows int, e Experts, s Stack, said gpu.Slice, h Activation) {
	for _, p := range s.Down.Pieces {
		r.Dispatch(shaders.ExpertSum(rows, shaders.ExpertSumParams{
			Slots: uint32(e.Visits), FirstExpert: uint32(s.First + p.First), ExpertCount: uint32(p.Count),
			Width: uint32(s.Down.Rows), XStride: uint32(h.Stride), YStride: uint32(h.Stride),
		}), gpu.Bind{"routes": e.Routes, "x": said, "y": h.Slice})
	}
}

// denseRoutes are the routes of a dense layer, for every row: each of its slices with the same weight.
func denseRoutes(slices int, weight float64) []byte {
	var routes []byte
	for range MaxRows {
		for slice := range slices {
			routes = binary.LittleEndian.AppendUint32(routes, uint32(slice))
			routes = binary.LittleEndian.AppendUint32(routes, math.Float32bits(float32(weight)))
		}
	}
	return routes
}

// inOrder are as many numbers of visits as a row can have, one after the other.
func inOrder() []byte {
	var numbers []byte
	for visit := range MaxVisits {
		numbers = binary.LittleEndian.AppendUint32(numbers, uint32(visit))
	}
	return numbers
}
