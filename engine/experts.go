package engine

import (
	"encoding/binary"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
)

// countExperts reports how often each expert has been visited, beside whatever is under way.
func (e *Engine) countExperts(request uint32) {
	counts := &message.ExpertCounts{Layers: [][]int{}}
	buffer := e.model.Experts
	if buffer == nil {
		e.reportExperts(request, counts)
		return
	}
	e.counting++
	e.replay(nil, portion{}, func(r gpu.Result) {
		e.counting--
		for at, n := range e.model.Sizes.Experts {
			layer, data := make([]int, n), r.Data[0][4*e.model.Sizes.CountsBefore(at):]
			for i := range layer {
				layer[i] = int(binary.LittleEndian.Uint32(data[4*i:]))
			}
			counts.Layers = append(counts.Layers, layer)
		}
		e.reportExperts(request, counts)
	}, gpu.Readback{Buffer: buffer.ID(), Size: buffer.Size()})
}

func (e *Engine) reportExperts(request uint32, counts *message.ExpertCounts) {
	e.events = append(e.events, message.Event{Type: message.Counted, ID: request, Experts: counts},
		message.Event{Type: message.Done, ID: request, FinishReason: message.Stopped, Usage: &message.Usage{}})
}
