package deepseek

import (
	"tabseek/engine/gpu"
	"tabseek/engine/record"
	"tabseek/shaders"
)

// ffn records the feed-forward half of a layer.
//
// Which experts a row visits is decided by the router's kernel and stays on the GPU. Shared experts are further visits of
// weight 1.
func (m *Model) ffn(r *gpu.Recorder, layer, rows int, at *gpu.Buffer, h record.Activation) {
	c := m.Config
	w := &m.layers[layer]
	x, norm := m.NormFirst(r, rows, c.HiddenSize, h, w.ffnNorm)
	routes := m.Dense
	if c.IsMoE(layer) {
		routes = r.Temp("routes", rows*c.Visits(layer)*2)
		m.route(r, layer, rows, at, x, norm, routes)
	}
	width := c.FFWidth(layer)
	stacks := []record.Stack{{GateUp: w.gateUp, Down: w.down, Channels: width}}
	if w.gateUpShared != nil {
		// Down is one matrix for all of them: the first one's visit reads what the visits after it have left, too.
		stacks = append(stacks, record.Stack{GateUp: w.gateUpShared, Down: w.downShared, First: c.NRoutedExperts, Channels: c.NSharedExperts * width})
	}
	m.FeedForward(r, rows, record.Experts{Norm: norm, Stacks: stacks, Routes: routes, Visits: c.Visits(layer), Width: width, ReLU: c.HiddenAct == "relu2"}, x, h)
}

// route records the choice of experts (DeepSeek-V2 section 2.2, DeepSeek-V3 section 2.1.2).
//
// It is counted in the main model's layers, of rows that decode: those of drafts that are then not accepted too, because their experts
// were read like the others'. Rows of prompts are not, some of which lie past the prompt's end.
func (m *Model) route(r *gpu.Recorder, layer, rows int, at *gpu.Buffer, x record.Activation, norm record.Norm, routes gpu.Slice) {
	c := m.Config
	w := &m.layers[layer]
	bind := gpu.Bind{"x": x.Slice, "norm": norm.Weight, "routes": routes}
	bias := c.TopKMethod == "noaux_tc"
	if bias {
		bind["bias"] = w.routerBias
	}
	p := shaders.RouterParams{
		Width: uint32(c.HiddenSize), XStride: uint32(x.Stride), Epsilon: float32(norm.Epsilon), ScalingFactor: float32(c.RoutedScalingFactor),
	}
	count := at == m.Rows && layer < c.NumHiddenLayers
	if count {
		bind["rows"], bind["experts"] = at.All(), m.Experts.Slice(uint64(4*m.Sizes.CountsBefore(layer)), uint64(4*c.NRoutedExperts))
		p.Parked = uint32(m.Sizes.Parked())
	}
	d := shaders.Router(m.Profile, shaders.RouterVariant{
		Experts: c.NRoutedExperts, TopK: c.NumExpertsPerTok, Shared: c.NSharedExperts, Groups: c.NGroup, TopKGroup: c.TopKGroup,
		Sigmoid: c.ScoringFunc == "sigmoid", Bias: bias, NormTopK: c.NormTopKProb,
		GroupMax: c.TopKMethod == "group_limited_greedy", // V2 ranks a group by its best expert, V3 by its best two
		Norm:     norm.Weight.Buffer != nil,
		Count:    count,
	}, rows, p)
	r.Dispatch(d, w.router.Pieces[0].Bind(bind))
}
