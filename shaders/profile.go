package shaders

import (
	"fmt"
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
	Lanes int // most threads that share a row of a matrix, a power of two up to MaxLanes
}

// MaxLanes is the most threads that share a row of a matrix.
const MaxLanes = 32

// Minimum is the profile that runs everywhere: f32, no features.
func Minimum() Profile { return Profile{Lanes: MaxLanes} }

// Candidates are the profiles worth trying on a device with these features, in order.
func Candidates(f Features) []Profile {
	var profiles []Profile
	for _, lanes := range []int{32, 8, 4, 1} {
		profiles = append(profiles, Profile{Lanes: lanes})
	}
	return profiles
}

// String is the profile in one line, e.g. "f32 lanes=8"; ParseProfile reads it.
func (p Profile) String() string {
	words := []string{"f32", fmt.Sprintf("lanes=%d", p.Lanes)}
	if features := p.Features.String(); features != "" {
		words = append(words, features)
	}
	return strings.Join(words, " ")
}

// ParseProfile is String's inverse.
func ParseProfile(text string) (Profile, error) {
	var p Profile
	words := map[string]*bool{"f32": new(bool)}
	for _, w := range featureWords {
		words[w.word] = w.of(&p.Features)
	}
	for _, word := range strings.Fields(text) {
		if number, ok := strings.CutPrefix(word, "lanes="); ok {
			lanes, err := strconv.Atoi(number)
			if err != nil || lanes < 1 || lanes > MaxLanes || lanes&(lanes-1) != 0 {
				return Profile{}, fmt.Errorf("profile %q: lanes must be a power of two from 1 to %d", text, MaxLanes)
			}
			p.Lanes = lanes
			continue
		}
		flag, ok := words[word]
		if !ok {
			return Profile{}, fmt.Errorf("profile %q: unknown word %q", text, word)
		}
		*flag = true
	}
	if p.Lanes == 0 {
		return Profile{}, fmt.Errorf("profile %q lacks lanes", text)
	}
	return p, nil
}

// lanes is how many of a workgroup's 64 threads share a row of width k: a power of two, at most one thread a block.
func (p Profile) lanes(k int) int {
	lanes := 1
	for lanes < p.Lanes && lanes*BlockSize < k {
		lanes *= 2
	}
	return lanes
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
