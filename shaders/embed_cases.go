//go:build !wasip1

package shaders

import "fmt"

func init() { caseTables["embed"] = embedCases }

func embedCases() []Case {
	var cases []Case
	add := func(name string, format Format, rows, width, first, count, shift int) {
		const capacity, vocab = 12, 320
		r := randomFor(name)
		quants, scales := r.matrix(format, 1, count, width)
		where, tokens := make([]uint32, 2*rows), make([]uint32, 2*capacity)
		for i := range rows {
			where[2*i], where[2*i+1] = uint32(i%2), uint32(i)
		}
		for i := range tokens {
			tokens[i] = uint32(r.IntN(vocab))
		}
		tokens[shift] = 0xffffffff // the mark of a numeric fault is no token
		stride := width + 3
		cases = append(cases, Case{
			Name: name,
			Dispatch: Embed(format, rows, EmbedParams{
				Width: uint32(width), FirstToken: uint32(first), Count: uint32(count), Capacity: capacity, Shift: uint32(shift), YStride: uint32(stride), Scale: 1.5,
			}),
			Buffers:   Memory{"rows": where, "tokens": tokens, "weights": quants, "scales": scales, "y": r.floats(rows*stride, 1)},
			Tolerance: 1e-6, // a product of two numbers
			Bytes:     rows * width * (4 + format.QuantBytes()/BlockSize),
		})
	}
	for _, format := range plainFormats {
		add(fmt.Sprintf("%s rows=8 width=128", format), format, 8, 128, 0, 320, 0)
		add(fmt.Sprintf("%s rows=3 width=100 a part of the table, next token", format), format, 3, 100, 128, 130, 1)
	}
	for _, format := range ggmlFormats {
		width := format.Width(96)
		add(fmt.Sprintf("%s rows=3 width=%d", format, width), format, 3, width, 0, 320, 0)
	}
	return cases
}
