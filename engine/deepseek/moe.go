package deepseek

import (
	"encoding/binary"
	"math"

	"tabseek/engine/gpu"
	"tabseek/engine/record"
	"tabseek/shaders"
)

// ffn records the feed-forward half of a layer: h += sum over chosen experts of w_e down(silu(gate x) * up x), x = norm(h).
//
// Which experts a row visits is decided by the router's kernel and stays on the GPU as routes (rows, visits) of
// (expert, weight). Shared experts are further visits of weight 1, and a dense layer is a few experts, cut by channels,
// that every row visits: so there is one path.
func (m *Model) ffn(r *gpu.Recorder, layer, rows int, h record.Activation) {
	c := m.Config
	visits, width := c.Visits(layer), c.FFWidth(layer)
	w := &m.layers[layer]
	routes := m.dense
	if c.IsMoE(layer) {
		routes = r.Temp("routes", rows*visits*2)
		m.route(r, w, rows, h, routes)
	}

	activated := r.Temp("activated", rows*visits*record.Align4(width))
	m.gateUp(r, layer, rows, w.gateUp, 0, h, routes, activated)
	if w.gateUpShared != nil {
		m.gateUp(r, layer, rows, w.gateUpShared, c.NRoutedExperts, h, routes, activated)
	}
	m.down(r, layer, rows, w.down, 0, width, routes, activated, h)
	if w.downShared != nil {
		// One matrix for all of them: the first one's visit reads what the visits after it have left, too.
		m.down(r, layer, rows, w.downShared, c.NRoutedExperts, c.NSharedExperts*width, routes, activated, h)
	}
}

// gateUp records the first half of the experts from the first on.
func (m *Model) gateUp(r *gpu.Recorder, layer, rows int, w *record.Weight, first int, h record.Activation, routes, activated gpu.Slice) {
	width := m.Config.FFWidth(layer)
	norm := m.layers[layer].ffnNorm
	for _, p := range w.Pieces {
		d := shaders.ExpertGateUp(m.Profile, shaders.ExpertVariant{Format: w.Format}, rows, shaders.ExpertGateUpParams{
			Slots: uint32(m.Config.Visits(layer)), FF: uint32(width), UpRow: uint32(w.PartsAt[1]), MatrixRows: uint32(w.Rows), Width: uint32(w.K),
			FirstExpert: uint32(first + p.First), ExpertCount: uint32(p.Count),
			XStride: uint32(h.Stride), YStride: uint32(record.Align4(width)), Epsilon: float32(norm.Epsilon),
		})
		r.Dispatch(d, p.Bind(gpu.Bind{"x": h.Slice, "norm": norm.Weight, "routes": routes, "y": activated}))
	}
}

// down records the second half of the experts from the first on, each of so many channels.
func (m *Model) down(r *gpu.Recorder, layer, rows int, w *record.Weight, first, channels int, routes, activated gpu.Slice, h record.Activation) {
	for _, p := range w.Pieces {
		d := shaders.ExpertDown(m.Profile, shaders.ExpertVariant{Format: w.Format}, rows, shaders.ExpertDownParams{
			Slots: uint32(m.Config.Visits(layer)), FF: uint32(channels), XStride: uint32(record.Align4(m.Config.FFWidth(layer))), Width: uint32(w.Rows),
			FirstExpert: uint32(first + p.First), ExpertCount: uint32(p.Count), YStride: uint32(h.Stride),
		})
		r.Dispatch(d, p.Bind(gpu.Bind{"routes": routes, "x": activated, "y": h.Slice}))
	}
}

// route records the choice of experts (DeepSeek-V2 section 2.2, DeepSeek-V3 section 2.1.2).
func (m *Model) route(r *gpu.Recorder, w *layerWeights, rows int, h record.Activation, routes gpu.Slice) {
	c := m.Config
	bind := gpu.Bind{"x": h.Slice, "norm": w.ffnNorm.Weight, "routes": routes}
	bias := c.TopKMethod == "noaux_tc"
	if bias {
		bind["bias"] = w.routerBias
	}
	d := shaders.Router(m.Profile, shaders.RouterVariant{
		Experts: c.NRoutedExperts, TopK: c.NumExpertsPerTok, Shared: c.NSharedExperts, Groups: c.NGroup, TopKGroup: c.TopKGroup,
		Sigmoid: c.ScoringFunc == "sigmoid", Bias: bias, NormTopK: c.NormTopKProb,
		GroupMax: c.TopKMethod == "group_limited_greedy", // V2 ranks a group by its best expert, V3 by its best two
	}, rows, shaders.RouterParams{
		Width: uint32(c.HiddenSize), XStride: uint32(h.Stride), Epsilon: float32(w.ffnNorm.Epsilon), ScalingFactor: float32(c.RoutedScalingFactor),
	})
	r.Dispatch(d, w.router.Pieces[0].Bind(bind))
}

// denseRoutes are the routes of a dense layer, for every row: each of its slices with weight 1.
func (c *Config) denseRoutes() []byte {
	var routes []byte
	for range record.MaxRows {
		for slice := range c.DenseSlices {
			routes = binary.LittleEndian.AppendUint32(routes, uint32(slice))
			routes = binary.LittleEndian.AppendUint32(routes, math.Float32bits(1))
		}
	}
	return routes
}
