// Package rope is how queries and keys are turned by their position (RoPE, arXiv 2104.09864): the frequencies of the pairs,
// stretched to longer contexts as published models do it, and the table of rotations that the kernel positions reads.
package rope

import (
	"encoding/binary"
	"math"
)

// Frequencies are the angular frequencies of the dim/2 pairs of a head, in radians a position.
func Frequencies(theta float64, dim int) []float64 {
	frequencies := make([]float64, dim/2)
	for i := range frequencies {
		frequencies[i] = math.Pow(theta, -2*float64(i)/float64(dim))
	}
	return frequencies
}

// Yarn is how YaRN (arXiv 2309.00071) stretches a context: slow pairs are slowed by the factor, fast ones kept, and those
// between blended.
type Yarn struct {
	Factor   float64
	Original int // positions that the model was first trained on
	BetaFast float64
	BetaSlow float64
}

// Frequencies are those of Frequencies, stretched. Theta must not be 1.
func (y Yarn) Frequencies(theta float64, dim int) []float64 {
	frequencies := Frequencies(theta, dim)
	// correction is the (fractional) pair that turns beta times within the original context.
	correction := func(beta float64) float64 {
		return float64(dim) * math.Log(float64(y.Original)/(beta*2*math.Pi)) / (2 * math.Log(theta))
	}
	low := max(math.Floor(correction(y.BetaFast)), 0)
	high := min(math.Ceil(correction(y.BetaSlow)), float64(dim-1))
	if low == high {
		high += 0.001
	}
	for i := range frequencies {
		ramp := min(max((float64(i)-low)/(high-low), 0), 1)
		frequencies[i] = frequencies[i]/y.Factor*ramp + frequencies[i]*(1-ramp)
	}
	return frequencies
}

// Magnitude is YaRN's correction m(s, a) = 0.1 a ln s + 1.
func Magnitude(factor, scale float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*scale*math.Log(factor) + 1
}

// Llama3 is how Llama 3.1 stretches a context: by wavelength, against the original context.
type Llama3 struct {
	Factor   float64
	Low      float64 // a wavelength longer than Original/Low is stretched by Factor
	High     float64 // one shorter than Original/High is kept; between, the two are blended
	Original int
}

// Frequencies are those of Frequencies, stretched.
func (l Llama3) Frequencies(theta float64, dim int) []float64 {
	frequencies := Frequencies(theta, dim)
	for i, f := range frequencies {
		turns := float64(l.Original) * f / (2 * math.Pi) // within the original context
		keep := min(max((turns-l.Low)/(l.High-l.Low), 0), 1)
		frequencies[i] = f/l.Factor*(1-keep) + f*keep
	}
	return frequencies
}

// fine is how many consecutive positions a table lists; beyond, angles are products (see Table).
const fine = 256

// Table is the table of rotations that the kernel positions reads: rows of len(frequencies) pairs (cos, sin) of float32.
// Row i < 256 turns by position i, row 256+j by position 256 j; position p is the product of rows p%256 and 256+p/256.
// WGSL's own sine is only good near zero, and a table of every position would be large. The factor on cos and sin is in
// the first 256 rows.
func Table(frequencies []float64, magnitude float64, capacity int) []byte {
	var table []byte
	row := func(position int, magnitude float64) {
		for _, f := range frequencies {
			sin, cos := math.Sincos(float64(position) * f)
			table = binary.LittleEndian.AppendUint32(table, math.Float32bits(float32(magnitude*cos)))
			table = binary.LittleEndian.AppendUint32(table, math.Float32bits(float32(magnitude*sin)))
		}
	}
	for position := range fine {
		row(position, magnitude)
	}
	for j := range (capacity + fine - 1) / fine {
		row(j*fine, 1)
	}
	return table
}
