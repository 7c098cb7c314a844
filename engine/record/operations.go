package record

import (
	"maps"

	"tabseek/engine/gpu"
	"tabseek/shaders"
)

// A Norm is an RMSNorm: its weight and epsilon. The zero Norm is none.
type Norm struct {
	Weight  gpu.Slice
	Epsilon float64
}

func (n Norm) there() bool { return n.Weight.Buffer != nil }

// Product records y = W x. With a norm, x is normalised by it first.
func (m *Model) Product(r *gpu.Recorder, rows int, w *Weight, x Activation, norm Norm, y Activation) {
	m.product(r, rows, w, x, norm, y, 1, 0)
}

// AddProduct records h += W x, scaled as all is that joins the residual stream.
func (m *Model) AddProduct(r *gpu.Recorder, rows int, w *Weight, x, h Activation) {
	m.product(r, rows, w, x, Norm{}, h, m.Sizes.ResidualScale, 1)
}

func (m *Model) product(r *gpu.Recorder, rows int, w *Weight, x Activation, norm Norm, y Activation, scale float64, accumulate uint32) {
	x, norm = m.NormFirst(r, rows, w.K, x, norm)
	for _, p := range w.Pieces {
		d := shaders.MatVec(m.Profile, p.Format, norm.there(), shaders.MatVecParams{
			Rows: uint32(p.Count), Width: uint32(w.K), Vectors: uint32(rows), XStride: uint32(x.Stride), XOffset: uint32(x.Offset),
			YStride: uint32(y.Stride), YOffset: uint32(y.Offset + p.First), Epsilon: float32(norm.Epsilon), Scale: float32(scale), Accumulate: accumulate,
		})
		r.Dispatch(d, p.Bind(gpu.Bind{"x": x.Slice, "norm": norm.Weight, "y": y.Slice}))
	}
}

// NormFirst records RMSNorm(x), over width elements, where the profile wants it apart, and returns what the products that follow read, and
// with what norm they must still do so.
func (m *Model) NormFirst(r *gpu.Recorder, rows, width int, x Activation, norm Norm) (Activation, Norm) {
	if !norm.there() || !m.Profile.NormFirst {
		return x, norm
	}
	y := Temp(r, "normed", rows, width)
	m.Normalise(r, rows, width, x, norm, y)
	return y, Norm{}
}

// Normalise records y = RMSNorm(x), over width elements.
func (m *Model) Normalise(r *gpu.Recorder, rows, width int, x Activation, norm Norm, y Activation) {
	r.Dispatch(shaders.RMSNorm(rows, shaders.RMSNormParams{
		Width: uint32(width), XStride: uint32(x.Stride), XOffset: uint32(x.Offset), YStride: uint32(y.Stride), YOffset: uint32(y.Offset), Epsilon: float32(norm.Epsilon),
	}), gpu.Bind{"x": x.Slice, "norm": norm.Weight, "y": y.Slice})
}

// Start records what every trunk begins with: where the rows are, and their tokens' embeddings as the residual stream.
func (m *Model) Start(r *gpu.Recorder, rows int, at *gpu.Buffer) {
	m.Place(r, rows, at)
	m.Embed(r, rows, at, 0, m.Residual)
}

// Place records where the rows are, for the layers that follow.
func (m *Model) Place(r *gpu.Recorder, rows int, at *gpu.Buffer) {
	r.Dispatch(shaders.Positions(rows, shaders.PositionsParams{Rope: uint32(m.Sizes.RopeHeadDim), Pages: uint32(m.Sizes.List())}),
		gpu.Bind{"rows": at.All(), "rope": m.rope.All(), "pages": m.Pages.All(), "positions": m.Positions})
}

// Embed records y[row] = embedding of the token shift places after the row's position.
func (m *Model) Embed(r *gpu.Recorder, rows int, at *gpu.Buffer, shift int, y Activation) {
	w := m.Weights[embedSlot]
	for _, p := range w.Pieces {
		d := shaders.Embed(w.Format, rows, shaders.EmbedParams{
			Width: uint32(w.K), FirstToken: uint32(p.First), Count: uint32(p.Count),
			Capacity: uint32(m.Sizes.Stride()), Shift: uint32(shift), YStride: uint32(y.Stride), Scale: float32(m.Sizes.EmbedScale),
		})
		r.Dispatch(d, p.Bind(gpu.Bind{"rows": at.All(), "tokens": m.Tokens.All(), "y": y.Slice}))
	}
}

// finalHidden records the residual stream after the final norm, which is what a draft module reads.
func (m *Model) finalHidden(r *gpu.Recorder, rows int) Activation {
	hidden := Temp(r, "final", rows, m.Sizes.HiddenSize)
	m.Normalise(r, rows, m.Sizes.HiddenSize, m.Residual, m.FinalNorm(), hidden)
	return hidden
}

// FinalNorm is the norm before the output matrix.
func (m *Model) FinalNorm() Norm { return Norm{m.Weights.Vector(finalNormSlot), m.Sizes.Epsilon} }

// Head records the logits of every row of a step from a residual stream, by the output matrix (the embedding's own
// when they are tied).
func (m *Model) Head(r *gpu.Recorder, rows int, x Activation, norm Norm) {
	w := m.Weights[headSlot]
	if m.Sizes.TiedHead {
		w = m.Weights[embedSlot]
	}
	m.product(r, rows, w, x, norm, Activation{Slice: m.Logits.All(), Stride: m.Sizes.VocabSize}, m.Sizes.LogitScale, 0)
}

// sample records the choice of every row's next token from its logits, into drawn: of the token after the one that follows the
// row, by its own random number, with a shift of 1. With a record, that goes to Chosen.
func (m *Model) sample(r *gpu.Recorder, rows int, at *gpu.Buffer, shift int, record bool) {
	p := m.sampler()
	p.Shift = uint32(shift)
	blocks, sorted := shaders.SamplerScratch(m.Sizes.VocabSize)
	bind := gpu.Bind{
		"logits": m.Logits.All(), "sampling": m.Sampling.All(), "rows": at.All(), "counts": m.Counts.All(),
		"blocks": r.Temp("blocks", rows*blocks), "sorted": r.Temp("sorted", rows*sorted),
	}
	r.Dispatch(shaders.SampleBlocks(rows, p), bind)

	bind = maps.Clone(bind)
	bind["drawn"], bind["chosen"] = m.drawn.All(), m.Chosen.All()
	r.Dispatch(shaders.Sample(rows, record, p), bind)
}

// accept records the acceptance of what was drawn for sequences of 1+depth rows each. Without drafts it moves the rows on.
func (m *Model) accept(r *gpu.Recorder, sequences, depth int) {
	r.Dispatch(shaders.Accept(depth, shaders.AcceptParams{
		Sequences: uint32(sequences), Vocab: uint32(m.Sizes.VocabSize), Capacity: uint32(m.Sizes.Stride()), Ring: Ring,
	}), gpu.Bind{
		"drawn": m.drawn.All(), "sampling": m.Sampling.All(), "rows": m.Rows.All(), "drafting": m.drafting.All(), "tokens": m.Tokens.All(),
		"counts": m.Counts.All(), "accepted": m.accepted.All(), "passes": m.Passes.All(),
	})
}

// pick records the taking of each sequence's last accepted row of 1+depth.
func (m *Model) pick(r *gpu.Recorder, sequences, depth int, x Activation) Activation {
	y := Temp(r, "picked", sequences, m.Sizes.HiddenSize)
	r.Dispatch(shaders.Pick(depth, sequences, shaders.PickParams{Width: uint32(m.Sizes.HiddenSize), XStride: uint32(x.Stride), YStride: uint32(y.Stride)}),
		gpu.Bind{"accepted": m.accepted.All(), "x": x.Slice, "y": y.Slice})
	return y
}

// propose records that what was drawn for each sequence is its next draft; the last one moves the sequences' rows on.
func (m *Model) propose(r *gpu.Recorder, sequences, depth int, last bool) {
	r.Dispatch(shaders.Propose(depth, last, shaders.ProposeParams{Sequences: uint32(sequences), Capacity: uint32(m.Sizes.Stride())}), gpu.Bind{
		"drawn": m.drawn.All(), "accepted": m.accepted.All(), "drafting": m.drafting.All(), "rows": m.Rows.All(), "tokens": m.Tokens.All(),
	})
}

// ngram records drafts from what has been said before, and moves the sequences' rows on.
func (m *Model) ngram(r *gpu.Recorder, sequences, depth int) {
	p := shaders.NgramParams{Sequences: uint32(m.Sizes.Sequences), Capacity: uint32(m.Sizes.Stride()), Passes: uint32(shaders.PassesWords(Ring))}
	r.Dispatch(shaders.Ngram(depth, sequences, p), gpu.Bind{
		"accepted": m.accepted.All(), "drafting": m.drafting.All(), "rows": m.Rows.All(), "tokens": m.Tokens.All(),
		"groups": m.Groups.All(), "passes": m.Passes.All(),
	})
}

// Count records the counting of the rows' tokens for penalties.
func (m *Model) Count(r *gpu.Recorder, rows int) {
	r.Dispatch(shaders.SampleCount(rows, m.sampler()), gpu.Bind{
		"sampling": m.Sampling.All(), "rows": m.Rows.All(), "tokens": m.Tokens.All(), "counts": m.Counts.All(),
	})
}

func (m *Model) sampler() shaders.SamplerParams {
	vocab := uint32(m.Sizes.VocabSize)
	return shaders.SamplerParams{Vocab: vocab, LogitsStride: vocab, Capacity: uint32(m.Sizes.Stride()), Ring: Ring}
}

// Advance records moving the first rows of a prompt on by as many positions: the step after a step.
func (m *Model) Advance(r *gpu.Recorder, rows int) {
	r.Dispatch(shaders.Advance(rows, rows), gpu.Bind{"rows": m.PromptRows.All()})
}

// CopyPages records the copying of pages in every cache, as Moves says.
func (m *Model) CopyPages(r *gpu.Recorder, count int) {
	for _, c := range m.caches {
		r.Dispatch(shaders.CopyPages(count, shaders.CopyPagesParams{Words: uint32(shaders.PageSize * c.width)}),
			gpu.Bind{"moves": m.Moves.All(), "cache": c.buffer.All()})
	}
}
