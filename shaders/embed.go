package shaders

// EmbedParams are the uniform parameters of embed.wgsl.
type EmbedParams struct {
	Width      uint32
	FirstToken uint32 // of the part of the table that is bound
	Count      uint32 // rows of that part
	Capacity   uint32 // positions from one sequence's tokens to the next
	Shift      uint32 // which token: this many places after the row's position
	YStride    uint32
	Scale      float32
}

type embedVariant struct{ Format Format }

var embedding = register(kernel[embedVariant, EmbedParams]{
	name: "embed",
	reference: func(v embedVariant, p EmbedParams, grid Grid, m Memory) {
		rows, tokens, y := m.U32("rows"), m.U32("tokens"), m.F32("y")
		table := viewMatrix(m, v.Format, int(p.Count), int(p.Width))
		for r := range int(grid[1]) {
			sequence, position := rows[2*r], rows[2*r+1]
			token := tokens[sequence*p.Capacity+position+p.Shift]
			if token < p.FirstToken || token-p.FirstToken >= p.Count {
				continue
			}
			for i, v := range table.row(int(token - p.FirstToken)) {
				y[r*int(p.YStride)+i] = float32(v * float64(p.Scale))
			}
		}
	},
})

// Embed gathers, scaled, the embedding of each row's token: bindings rows (sequence, position), tokens (sequences, Capacity),
// weights (Count, Width), y (rows, YStride).
func Embed(format Format, rows int, p EmbedParams) Dispatch {
	blocks := (int(p.Width) + BlockSize - 1) / BlockSize
	return embedding.dispatch(embedVariant{format}, p, (blocks+63)/64, rows, 1)
}
