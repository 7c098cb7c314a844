package engine

// ProbeEvery has traces probed that a model is too small for.
func (e *Engine) ProbeEvery(tokens int) { e.probeEvery = tokens }
