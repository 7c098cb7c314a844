package deepseek

import "tabseek/engine/rope"

// Frequencies are the angular frequencies of the QKRopeHeadDim/2 rotated pairs.
func (c *Config) Frequencies() []float64 {
	s := c.RopeScaling
	if s == nil {
		return rope.Frequencies(c.RopeTheta, c.QKRopeHeadDim)
	}
	yarn := rope.Yarn{Factor: s.Factor, Original: s.OriginalMaxPositionEmbeddings, BetaFast: s.BetaFast, BetaSlow: s.BetaSlow}
	return yarn.Frequencies(c.RopeTheta, c.QKRopeHeadDim)
}

// RopeTable is rope.Table of the model.
func (c *Config) RopeTable(capacity int) []byte {
	magnitude := 1.0
	if s := c.RopeScaling; s != nil {
		magnitude = rope.Magnitude(s.Factor, s.MScale) / rope.Magnitude(s.Factor, s.MScaleAllDim)
	}
	return rope.Table(c.Frequencies(), magnitude, capacity)
}
