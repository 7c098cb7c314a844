package record

import (
	"encoding/binary"
	"math"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// Experts are the feed-forward half of a layer: the experts that its rows visit.
type Experts struct {
	Norm   Norm
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

// FeedForward records h += sum over visited experts of w_e down(act(gate x) * up x), x = norm(h). A dense layer is a few
// experts, cut by channels, that every row visits with weight 1 (Dense): so there is one path.
func (m *Model) FeedForward(r *gpu.Recorder, rows int, e Experts, h Activation) {
	activated := r.Temp("activated", rows*e.Visits*Align4(e.Width))
	for _, s := range e.Stacks {
		m.gateUp(r, rows, e, s, h, activated)
	}
	for _, s := range e.Stacks {
		m.down(r, rows, e, s, activated, h)
	}
}

func (m *Model) gateUp(r *gpu.Recorder, rows int, e Experts, s Stack, h Activation, activated gpu.Slice) {
	upRow := 0
	if !e.ReLU {
		upRow = s.GateUp.PartsAt[1]
	}
	for _, p := range s.GateUp.Pieces {
		d := shaders.ExpertGateUp(m.Profile, shaders.ExpertGateUpVariant{Format: s.GateUp.Format, Relu: e.ReLU}, rows, shaders.ExpertGateUpParams{
			Slots: uint32(e.Visits), FF: uint32(e.Width), UpRow: uint32(upRow), MatrixRows: uint32(s.GateUp.Rows), Width: uint32(s.GateUp.K),
			FirstExpert: uint32(s.First + p.First), ExpertCount: uint32(p.Count),
			XStride: uint32(h.Stride), YStride: uint32(Align4(e.Width)), Epsilon: float32(e.Norm.Epsilon),
		})
		r.Dispatch(d, p.Bind(gpu.Bind{"x": h.Slice, "norm": e.Norm.Weight, "routes": e.Routes, "y": activated}))
	}
}

func (m *Model) down(r *gpu.Recorder, rows int, e Experts, s Stack, activated gpu.Slice, h Activation) {
	for _, p := range s.Down.Pieces {
		d := shaders.ExpertDown(m.Profile, shaders.ExpertVariant{Format: s.Down.Format}, rows, shaders.ExpertDownParams{
			Slots: uint32(e.Visits), FF: uint32(s.Channels), XStride: uint32(Align4(e.Width)), Width: uint32(s.Down.Rows),
			FirstExpert: uint32(s.First + p.First), ExpertCount: uint32(p.Count), YStride: uint32(h.Stride),
		})
		r.Dispatch(d, p.Bind(gpu.Bind{"routes": e.Routes, "x": activated, "y": h.Slice}))
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
