package shaders

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Features are what a device may have beyond the minimum, as far as programs use it.
type Features struct {
	F16       bool // the WebGPU feature shader-f16
	Subgroups bool // the WebGPU feature subgroups
	DP4A      bool // the WGSL language feature packed_4x8_integer_dot_product
}

// Within tells whether all of f are among the features of a device.
func (f Features) Within(device Features) bool {
	return (!f.F16 || device.F16) && (!f.Subgroups || device.Subgroups) && (!f.DP4A || device.DP4A)
}

// featureWords are the names of features, in a profile and in messages.
var featureWords = []struct {
	word string
	of   func(*Features) *bool
}{
	{"f16", func(f *Features) *bool { return &f.F16 }},
	{"subgroups", func(f *Features) *bool { return &f.Subgroups }},
	{"dp4a", func(f *Features) *bool { return &f.DP4A }},
}

// String lists the features, e.g. "f16 dp4a"; none is "".
func (f Features) String() string {
	var words []string
	for _, w := range featureWords {
		if *w.of(&f) {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " ")
}

// A Profile says which features programs may use and which tile choices won on this device: what constructors of
// kernels with a choice take first. Profiles are comparable. The zero value is not valid, Minimum() is.
//
// With DP4A, products of q4_0 and q8_0 weights round their activations to int8 in blocks of 32, as llama.cpp does: it
// is a lossy choice. Without it every profile computes the same sums up to the order of additions.
type Profile struct {
	Features
	Lanes int // most threads that share a row of a matrix: a power of two up to MaxLanes
	Rows  int // most rows of a matrix that a thread takes at once: a power of two up to MaxRows

	// NormFirst has vectors normalised in a dispatch of their own, and not by each workgroup of a product on the way.
	NormFirst bool
}

// The bounds of a profile's tiles.
const (
	MaxLanes = 32
	MaxRows  = 8
)

// Minimum is the profile that runs everywhere: f32, no features.
func Minimum() Profile { return Profile{Lanes: MaxLanes, Rows: 1} }

// Candidates are the profiles worth trying on a device with these features, in order.
func Candidates(f Features) []Profile {
	return []Profile{
		{Lanes: 32, Rows: 1}, {Lanes: 32, Rows: 4}, {Lanes: 32, Rows: 4, NormFirst: true}, {Lanes: 8, Rows: 4}, {Lanes: 1, Rows: 8, NormFirst: true},
	}
}

// WithInt8 is the profile that multiplies as int8, if the device can and this one does not yet.
func (p Profile) WithInt8(device Features) (Profile, bool) {
	with := p
	with.DP4A = true
	return with, device.DP4A && !p.DP4A
}

const normFirstWord = "norm-first"

// String is the profile in one line, e.g. "f32 lanes=8 rows=2 norm-first"; ParseProfile reads it.
func (p Profile) String() string {
	words := []string{"f32", fmt.Sprintf("lanes=%d", p.Lanes), fmt.Sprintf("rows=%d", p.Rows)}
	if p.NormFirst {
		words = append(words, normFirstWord)
	}
	if features := p.Features.String(); features != "" {
		words = append(words, features)
	}
	return strings.Join(words, " ")
}

// ParseProfile is String's inverse.
func ParseProfile(text string) (Profile, error) {
	var p Profile
	numbers := map[string]struct {
		of   *int
		most int
	}{"lanes": {&p.Lanes, MaxLanes}, "rows": {&p.Rows, MaxRows}}
	words := map[string]*bool{"f32": new(bool), normFirstWord: &p.NormFirst}
	for _, w := range featureWords {
		words[w.word] = w.of(&p.Features)
	}
	for _, word := range strings.Fields(text) {
		if name, value, ok := strings.Cut(word, "="); ok && numbers[name].of != nil {
			number, err := strconv.Atoi(value)
			if err != nil || number < 1 || number > numbers[name].most || number&(number-1) != 0 {
				return Profile{}, fmt.Errorf("profile %q: %s must be a power of two from 1 to %d", text, name, numbers[name].most)
			}
			*numbers[name].of = number
			continue
		}
		flag, ok := words[word]
		if !ok {
			return Profile{}, fmt.Errorf("profile %q: unknown word %q", text, word)
		}
		*flag = true
	}
	if p.Lanes == 0 || p.Rows == 0 {
		return Profile{}, fmt.Errorf("profile %q lacks lanes or rows", text)
	}
	return p, nil
}

// A tile is how the Threads of a workgroup share the rows of a matrix: Lanes of them take Rows rows.
type tile struct {
	Lanes, Rows, Threads int
	Partials             int  // sums that lanes exchange in workgroup memory
	Int8                 bool // activations are rounded to int8
}

// exchanging is the tile whose lanes exchange so many sums each.
func (t tile) exchanging(sums int) tile {
	if t.Lanes > 1 {
		t.Partials = sums * t.Threads
	}
	return t
}

// enoughWorkgroups keep a GPU busy: a matrix with few rows is not shared by fewer.
const enoughWorkgroups = 16

// tile fits the profile to side matrices, side by side in a dispatch, of rows of width k, of which a thread can take at
// most most: no lane without a block, and no row more than leaves enough workgroups.
func (p Profile) tile(rows, k, most, side int) tile {
	t := tile{Lanes: 1, Rows: min(p.Rows, most), Threads: 64}
	for t.Lanes < p.Lanes && t.Lanes*BlockSize < k {
		t.Lanes *= 2
	}
	if t.Lanes == 1 {
		t.Threads = 16 // they have nothing to exchange, and more workgroups of fewer are shared out better
	}
	for t.Rows > 1 && side*t.workgroups(rows) < enoughWorkgroups {
		t.Rows /= 2
	}
	return t
}

// covering is the tile with as few threads, from least on, as take all rows in one workgroup, or 256 that do so in turns.
// Barriers cost by the thread where a CPU plays the GPU.
func (t tile) covering(rows, least int) tile {
	t.Threads = 16
	for t.Threads < 256 && (t.Threads < least || t.Threads < t.Lanes || t.workgroups(rows) > 1) {
		t.Threads *= 2
	}
	return t
}

// workgroups is how many workgroups a matrix of rows takes.
func (t tile) workgroups(rows int) int {
	here := t.Threads / t.Lanes * t.Rows
	return (rows + here - 1) / here
}

// rounding is the tile that multiplies as int8 where the profile does so with a format's weights.
func (t tile) rounding(p Profile, f Format) tile {
	t.Int8 = p.DP4A && (f == Q4_0 || f == Q8_0)
	return t
}

// libs are the lib files of a product of a format's weights: how rows and lanes are shared, and how rows are multiplied.
func (t tile) libs(f Format) []string {
	files := []string{"rows", "lanes_many", "rows_float"}
	if t.Lanes == 1 {
		files[1] = "lanes_one"
	}
	if t.Int8 {
		return append(files[:2], "rows_int8", "int8_"+string(f))
	}
	return files
}

// factor is a vector of activations as the tile multiplies it.
func (t tile) factor(x []float32) []float32 {
	if !t.Int8 {
		return x
	}
	rounded := make([]float32, len(x))
	for first := 0; first < len(x); first += BlockSize {
		block := x[first:min(first+BlockSize, len(x))]
		most := float32(1e-30)
		for _, v := range block {
			most = max(most, v, -v)
		}
		for i, v := range block {
			rounded[first+i] = float32(math.RoundToEven(float64(v*(127/most)))) * (most / 127)
		}
	}
	return rounded
}

// tolerance is how far a product of a format's weights may be off: what f32 sums allow, or, with int8, what an activation
// makes that lies at the edge of being rounded the other way, by a 127th of its block's greatest.
func (p Profile) tolerance(f Format, sums float64) float64 {
	if (tile{}).rounding(p, f).Int8 {
		return 2e-3
	}
	return sums
}

// directives are the lines by which WGSL asks for a feature.
var directives = map[string]Features{
	"enable f16;":       {F16: true},
	"enable subgroups;": {Subgroups: true},
	"requires packed_4x8_integer_dot_product;": {DP4A: true},
}

// Requires is what a device must have beyond the minimum to compile the program, read from its directives.
func (p *Program) Requires() Features {
	var f Features
	for line := range strings.Lines(p.Source) {
		if needed, ok := directives[strings.TrimSpace(line)]; ok {
			f.F16, f.Subgroups, f.DP4A = f.F16 || needed.F16, f.Subgroups || needed.Subgroups, f.DP4A || needed.DP4A
		}
	}
	return f
}
