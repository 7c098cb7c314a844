package deepseek

import (
	"encoding/binary"
	"math"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// ffn records the feed-forward half of a layer: h += sum over chosen experts of w_e down(silu(gate x) * up x), x = norm(h).
//
// Which experts a row visits is decided by the router's kernel and stays on the GPU as routes (rows, slots) of
// (expert, weight). Shared experts are further slots of weight 1, and a dense layer is one expert that
// every row visits: so there is one path.
func (m *Model) ffn(r *gpu.Recorder, layer, rows int, h activation) {
	c := m.Config
	slots, width := c.Slots(layer), c.FFWidth(layer)
	norm := m.vector(SlotName(layer, "ffn_norm"))
	routes := m.dense
	if c.IsMoE(layer) {
		routes = r.Temp("routes", rows*slots*2)
		m.route(r, layer, rows, h, norm, routes)
	}

	gateUp := m.layer(layer, "gate_up")
	activated := r.Temp("activated", rows*slots*align4(width))
	for _, p := range gateUp.pieces {
		d := shaders.ExpertGateUp(shaders.ExpertVariant{Format: gateUp.format}, rows, shaders.ExpertGateUpParams{
			Slots: uint32(slots), FF: uint32(width), UpRow: uint32(gateUp.partsAt[1]), MatrixRows: uint32(gateUp.rows), Width: uint32(gateUp.k),
			FirstExpert: uint32(p.first), ExpertCount: uint32(p.count),
			XStride: uint32(h.stride), YStride: uint32(align4(width)), Epsilon: float32(c.RMSNormEps),
		})
		r.Dispatch(d, p.bind(gpu.Bind{"x": h.slice, "norm": norm, "routes": routes, "y": activated}))
	}
	down := m.layer(layer, "down")
	for _, p := range down.pieces {
		d := shaders.ExpertDown(shaders.ExpertVariant{Format: down.format}, rows, shaders.ExpertDownParams{
			Slots: uint32(slots), FF: uint32(width), XStride: uint32(align4(width)), Width: uint32(down.rows),
			FirstExpert: uint32(p.first), ExpertCount: uint32(p.count), YStride: uint32(h.stride),
		})
		r.Dispatch(d, p.bind(gpu.Bind{"routes": routes, "x": activated, "y": h.slice}))
	}
}

// route records the choice of experts (DeepSeek-V2 section 2.2, DeepSeek-V3 section 2.1.2).
func (m *Model) route(r *gpu.Recorder, layer, rows int, h activation, norm, routes gpu.Slice) {
	c := m.Config
	router := m.layer(layer, "router")
	bind := gpu.Bind{"x": h.slice, "norm": norm, "routes": routes}
	bias := c.TopKMethod == "noaux_tc"
	if bias {
		bind["bias"] = m.vector(SlotName(layer, "router_bias"))
	}
	d := shaders.Router(shaders.RouterVariant{
		Experts: c.NRoutedExperts, TopK: c.NumExpertsPerTok, Shared: c.NSharedExperts, Groups: c.NGroup, TopKGroup: c.TopKGroup,
		Sigmoid: c.ScoringFunc == "sigmoid", Bias: bias, NormTopK: c.NormTopKProb,
		GroupMax: c.TopKMethod == "group_limited_greedy", // V2 ranks a group by its best expert, V3 by its best two
	}, rows, shaders.RouterParams{
		Width: uint32(c.HiddenSize), XStride: uint32(h.stride), Epsilon: float32(c.RMSNormEps), ScalingFactor: float32(c.RoutedScalingFactor),
	})
	r.Dispatch(d, router.pieces[0].bind(bind))
}

// denseRoutes are the routes of a dense layer, for every row: expert 0 with weight 1.
func denseRoutes() []byte {
	var routes []byte
	for range MaxRows {
		routes = binary.LittleEndian.AppendUint32(routes, 0)
		routes = binary.LittleEndian.AppendUint32(routes, math.Float32bits(1))
	}
	return routes
}
