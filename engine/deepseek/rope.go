package deepseek

import (
	"math"

	"tabseek/engine/rope"
)

// Frequencies are the angular frequencies of the QKRopeHeadDim/2 rotated pairs, in a context of so many positions.
func (c *Config) Frequencies(context int) []float64 {
	s := c.RopeScaling
	if s == nil {
		return rope.Frequencies(c.RopeTheta, c.QKRopeHeadDim)
	}
	if s.Type == "longrope" { // Hugging Face takes the long factors once a sequence is that long, llama.cpp by the context
		factors := s.ShortFactor
		if context > s.OriginalMaxPositionEmbeddings {
			factors = s.LongFactor
		}
		frequencies := rope.Frequencies(c.RopeTheta, c.QKRopeHeadDim)
		for i := range frequencies {
			frequencies[i] /= factors[i]
		}
		return frequencies
	}
	yarn := rope.Yarn{Factor: s.Factor, Original: s.OriginalMaxPositionEmbeddings, BetaFast: s.BetaFast, BetaSlow: s.BetaSlow}
	return yarn.Frequencies(c.RopeTheta, c.QKRopeHeadDim)
}

// RopeTable is rope.Table of the model: for a context of so many positions, and some more for slack.
func (c *Config) RopeTable(context, capacity int) []byte {
	magnitude := 1.0
	if s := c.RopeScaling; s != nil && s.Type == "longrope" {
		stretch := float64(c.MaxPositionEmbeddings) / float64(s.OriginalMaxPositionEmbeddings)
		magnitude = math.Sqrt(1 + math.Log(max(stretch, 1))/math.Log(float64(s.OriginalMaxPositionEmbeddings)))
	} else if s != nil {
		magnitude = rope.Magnitude(s.Factor, s.MScale) / rope.Magnitude(s.Factor, s.MScaleAllDim)
	}
	return rope.Table(c.Frequencies(context), magnitude, capacity)
}
