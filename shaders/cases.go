package shaders

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/x448/float16"
)

// A Case is one named trial of a kernel: its test and its benchmark. The Go reference gives what is wanted.
type Case struct {
	Name     string
	Dispatch Dispatch
	Buffers  Memory // the contents before the dispatch, by WGSL name; outputs too
	// Tolerance bounds |got-want| / (1+|want|) for float outputs. Its reason stands beside it in the table.
	Tolerance float64
	Integers  []string // outputs compared bit for bit
	Bytes     int      // bytes that must move, for GB/s
	Flops     int      // for GFLOP/s
}

// Want is what the Go reference leaves in the case's buffers.
func (c Case) Want() Memory {
	want := Memory{}
	for name, words := range c.Buffers {
		want[name] = slices.Clone(words)
	}
	c.Dispatch.Program.Run(c.Dispatch.Params, c.Dispatch.Workgroups, want)
	return want
}

// Exact tells whether a buffer is compared bit for bit: integers, and what may only be read.
func (c Case) Exact(b Binding) bool { return !b.Writable || slices.Contains(c.Integers, b.Name) }

// Compare checks what a device left in one buffer. The error names the first word that is wrong.
func (c Case) Compare(b Binding, got, want []uint32) error {
	for i := range want {
		if got[i] == want[i] {
			continue
		}
		if c.Exact(b) {
			return fmt.Errorf("word %d is %#x, want %#x", i, got[i], want[i])
		}
		g, w := float64(math.Float32frombits(got[i])), float64(math.Float32frombits(want[i]))
		if err := math.Abs(g-w) / (1 + math.Abs(w)); !(err <= c.Tolerance) {
			return fmt.Errorf("element %d is %g, want %g: error %.2g, tolerance %.2g", i, g, w, err, c.Tolerance)
		}
	}
	return nil
}

// caseTables holds each kernel's cases; x_cases.go adds them.
var caseTables = map[string]func() []Case{}

// Cases lists the cases of all kernels, sorted by kernel.
func Cases() []Case {
	var names []string
	for name := range caseTables {
		names = append(names, name)
	}
	sort.Strings(names)
	var cases []Case
	for _, name := range names {
		for _, c := range caseTables[name]() {
			c.Name = name + "/" + c.Name
			cases = append(cases, c)
		}
	}
	return cases
}

// others are the profiles but the minimum, on a device that has everything: the kernels' tables hold cases for each.
func others() []Profile {
	int8 := Features{DP4A: true}
	return []Profile{{Lanes: 32, Rows: 4}, {Lanes: 8, Rows: 4}, {Lanes: 1, Rows: 8, NormFirst: true}, {Features: int8, Lanes: 32, Rows: 1}, {Features: int8, Lanes: 1, Rows: 8, NormFirst: true}}
}

// inTurn are two formats for the i-th of the others: how rows are shared and how a block is read lie in files of their own, so that
// not every pair must be compiled.
func inTurn(i int) []Format {
	n := len(plainFormats)
	return []Format{plainFormats[i%n], plainFormats[(i+n/2)%n]}
}

// label names the profile in a case's name, if it is not the minimum.
func (p Profile) label() string {
	if p == Minimum() {
		return ""
	}
	return " " + p.String()
}

// random makes the data of a case, seeded by the case's name.
type random struct{ *rand.Rand }

func randomFor(name string) random {
	h := fnv.New64a()
	h.Write([]byte(name))
	return random{rand.New(rand.NewPCG(h.Sum64(), 1))}
}

// floats is n normal numbers times scale, as words.
func (r random) floats(n int, scale float64) []uint32 {
	words := make([]uint32, n)
	for i := range words {
		words[i] = math.Float32bits(float32(r.NormFloat64() * scale))
	}
	return words
}

// matrix is a random packed stack [n, rows, k] of the format: its planes "weights" and "scales" (nil if none).
func (r random) matrix(format Format, n, rows, k int) (quants, scales []uint32) {
	blocks := (k + BlockSize - 1) / BlockSize
	data := make([]byte, n*rows*blocks*format.QuantBytes())
	scale := func() float64 { return (0.5 + r.Float64()) / math.Sqrt(float64(k)) }
	if _, ok := ggmlSpread[format]; ok {
		return r.ggmlMatrix(format, n*rows*blocks, scale)
	}
	for row := range n * rows {
		for i := range k { // the padding after k stays zero
			block := data[(row*blocks+i/BlockSize)*format.QuantBytes():]
			r.element(format, block, i%BlockSize, scale())
		}
	}
	var plane []byte
	switch format {
	case Q8_0, Q4_0:
		perUnit := map[Format]float64{Q8_0: 64, Q4_0: 4}[format]
		for range n * rows * blocks {
			plane = binary.LittleEndian.AppendUint16(plane, float16.Fromfloat32(float32(scale()/perUnit)).Bits())
		}
		plane = append(plane, make([]byte, len(plane)%4)...)
	case FP8:
		for range n * ((rows + tileSize - 1) / tileSize) * ((k + tileSize - 1) / tileSize) {
			plane = binary.LittleEndian.AppendUint32(plane, math.Float32bits(float32(scale()/16)))
		}
	}
	return words(data), words(plane)
}

// ggmlSpread is about how far the values of a format go that is made of random bits, in units of its f16.
var ggmlSpread = map[Format]float64{
	Q4_1: 8, Q5_0: 16, Q5_1: 16, IQ4_NL: 100, MXFP4: 4, Q2_K: 16, Q3_K: 64, Q4_K: 256, Q5_K: 512, Q6_K: 2000, IQ4_XS: 2000,
}

// ggmlMatrix is so many blocks of random bits, but for the f16 among their scales.
func (r random) ggmlMatrix(format Format, blocks int, scale func() float64) (quants, scales []uint32) {
	bytes := func(n int) []byte {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		return data
	}
	a := arrangements[format]
	plane := bytes((blocks + a.blocks - 1) / a.blocks * a.entry)
	for entry := range len(plane) / a.entry {
		at := plane[entry*a.entry:]
		if format == MXFP4 {
			at[0] = byte(127 + math.Ilogb(scale()/4))
			continue
		}
		halves := 2
		if format == IQ4_NL || format == IQ4_XS || format == Q6_K || format == Q3_K {
			halves = 1
		}
		for i := range halves {
			binary.LittleEndian.PutUint16(at[2*i:], float16.Fromfloat32(float32(scale()/ggmlSpread[format])).Bits())
		}
	}
	plane = append(plane, make([]byte, -len(plane)&3)...)
	return words(bytes(blocks * a.quants)), words(plane)
}

// element writes a random element i of a block.
func (r random) element(format Format, block []byte, i int, scale float64) {
	switch format {
	case F32:
		binary.LittleEndian.PutUint32(block[4*i:], math.Float32bits(float32(r.NormFloat64()*scale)))
	case BF16:
		binary.LittleEndian.PutUint16(block[2*i:], uint16(math.Float32bits(float32(r.NormFloat64()*scale))>>16))
	case F16:
		binary.LittleEndian.PutUint16(block[2*i:], float16.Fromfloat32(float32(r.NormFloat64()*scale)).Bits())
	case Q8_0:
		block[i] = byte(int8(r.IntN(255) - 127))
	case Q4_0:
		block[i%16] |= byte(r.IntN(16)) << (4 * (i / 16))
	case FP8:
		for block[i] = byte(r.IntN(256)); block[i]&0x7f == 0x7f; block[i] = byte(r.IntN(256)) { // no NaN codes
		}
	}
}

func words(data []byte) []uint32 {
	out := make([]uint32, len(data)/4)
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return out
}
