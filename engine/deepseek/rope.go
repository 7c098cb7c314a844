package deepseek

import (
	"encoding/binary"
	"math"
)

// ropeFine is how many consecutive positions the rope table lists; beyond, angles are products (see RopeTable).
const ropeFine = 256

// yarnMScale is YaRN's magnitude correction m(s, a) = 0.1 a ln s + 1 (arXiv 2309.00071, as DeepSeek uses it).
func yarnMScale(factor, scale float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*scale*math.Log(factor) + 1
}

// Frequencies are the angular frequencies of the QKRopeHeadDim/2 rotated pairs. With YaRN, slow ones are
// divided by the factor, fast ones kept, and those between blended.
func (c *Config) Frequencies() []float64 {
	dim := float64(c.QKRopeHeadDim)
	frequencies := make([]float64, c.QKRopeHeadDim/2)
	for i := range frequencies {
		frequencies[i] = math.Pow(c.RopeTheta, -2*float64(i)/dim)
	}
	s := c.RopeScaling
	if s == nil {
		return frequencies
	}
	// correction is the (fractional) pair that turns beta times within the original context.
	correction := func(beta float64) float64 {
		return dim * math.Log(float64(s.OriginalMaxPositionEmbeddings)/(beta*2*math.Pi)) / (2 * math.Log(c.RopeTheta))
	}
	low := max(math.Floor(correction(s.BetaFast)), 0)
	high := min(math.Ceil(correction(s.BetaSlow)), dim-1)
	if low == high {
		high += 0.001
	}
	for i := range frequencies {
		ramp := min(max((float64(i)-low)/(high-low), 0), 1)
		frequencies[i] = frequencies[i]/s.Factor*ramp + frequencies[i]*(1-ramp)
	}
	return frequencies
}

// RopeTable is the table of rotations that the kernel positions reads: rows of QKRopeHeadDim/2 pairs (cos, sin)
// of float32. Row i < 256 turns by position i, row 256+j by position 256 j; position p is the product of rows
// p%256 and 256+p/256. WGSL's own sine is only good near zero, and a table of every position would be large.
// YaRN's factor on cos and sin is in the first 256 rows.
func (c *Config) RopeTable(capacity int) []byte {
	magnitude := 1.0
	if s := c.RopeScaling; s != nil {
		magnitude = yarnMScale(s.Factor, s.MScale) / yarnMScale(s.Factor, s.MScaleAllDim)
	}
	frequencies := c.Frequencies()
	var table []byte
	row := func(position int, magnitude float64) {
		for _, f := range frequencies {
			sin, cos := math.Sincos(float64(position) * f)
			table = binary.LittleEndian.AppendUint32(table, math.Float32bits(float32(magnitude*cos)))
			table = binary.LittleEndian.AppendUint32(table, math.Float32bits(float32(magnitude*sin)))
		}
	}
	for position := range ropeFine {
		row(position, magnitude)
	}
	for j := range (capacity + ropeFine - 1) / ropeFine {
		row(j*ropeFine, 1)
	}
	return table
}
