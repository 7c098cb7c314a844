// Package record holds what every architecture shares when it records its steps: the weights on the GPU, products,
// norms, the embedding, the output matrix, sampling, and the buffers that carry the state from token to token.
//
// An architecture embeds a Model, adds its caches, and tells two things: Trunk, from the rows' tokens to the residual
// stream after the last layer, and, where it has a draft module, Draft. Steps makes recordings of them on demand.
package record

import (
	"fmt"

	"tabseek/engine/gpu"
	"tabseek/engine/weights"
	"tabseek/shaders"
)

// MaxRows is the most rows a step can process.
const MaxRows = 16

// Ring is how many records of choices a sequence keeps: those of two submits of the most steps.
const Ring = 128

// MaxDepth is the most drafts that a step verifies of a sequence.
const MaxDepth = 3

// slack is how many positions beyond the context a sequence's buffers have: a step of MaxRows rows may run over
// the end of a prompt, and its draft reads one token further. What lands there is never used.
const slack = 2 * MaxRows

// Sizes say how large a model's buffers are.
type Sizes struct {
	VocabSize, HiddenSize int
	RopeHeadDim           int // rotated elements of a head
	TiedHead              bool
	DenseSlices           int     // of a dense layer's MLP
	Experts               []int   // that a router chooses among, by layer; none in a dense one
	EmbedScale            float64 // on embeddings; 0 is 1, as of the next two
	ResidualScale         float64 // on what layers add to the residual stream
	LogitScale            float64
	Epsilon               float64 // of the norm before the output matrix
	Context               int     // positions a sequence can hold
	Sequences             int     // sequences that can be decoded side by side, at most MaxRows
	Pages                 int     // of each cache, kvcache.Scratch included
}

// Splits is how many workgroups share a sequence in attention: enough to fill a GPU when it is long, few to merge when it is
// short.
func (s Sizes) Splits() int { return min(max(s.Context/256, 1), 32) }

// Stride is how many positions lie from one sequence's tokens to the next: the context and some slack.
func (s Sizes) Stride() int { return s.Context + slack }

// List is how many pages a sequence can have.
func (s Sizes) List() int { return (s.Stride() + shaders.PageSize - 1) / shaders.PageSize }

// CountsBefore is where a layer's counters of experts begin: each layer's are bound alone, so they begin where devices can bind.
func (s Sizes) CountsBefore(layer int) int {
	const align = gpu.OffsetAlign / 4
	n := 0
	for _, experts := range s.Experts[:layer] {
		n += (experts + align - 1) / align * align
	}
	return n
}

// Parked is the sequence of rows that compute nothing: it has no page but kvcache.Scratch.
func (s Sizes) Parked() int { return s.Sequences }

// A Model is a checkpoint laid out on a GPU, as far as every architecture has it.
//
// All of the state that changes from token to token lies on the GPU. Rows says which (sequence, position) each
// row of a step is at; Tokens holds every sequence's tokens, prompt and answer alike. A step reads the token
// at its row's position, and Sample writes the next one and moves the row on: so steps can be replayed
// without the CPU, which sets rows only where sequences join and leave. Steps that fill the cache have rows of
// their own, so that prompts do not disturb answers.
//
// Caches lie in pages, of all sequences in one pool; Pages lists those of each sequence.
type Model struct {
	Plan  *gpu.Plan
	Sizes Sizes

	// Profile is what recordings made from now on may use of the device, and the tile choices they make.
	Profile shaders.Profile

	Rows       *gpu.Buffer // [MaxRows] (sequence, position) of Decode and Count
	PromptRows *gpu.Buffer // [MaxRows] (sequence, position) of the other steps
	Pages      *gpu.Buffer // [Sequences+1, List] pages of the caches; Parked is the last sequence, as of Tokens and Counts
	Moves      *gpu.Buffer // [MaxRows] (from, to) of Copy
	Tokens     *gpu.Buffer // [Sequences+1, Stride] token ids
	Sampling   *gpu.Buffer // [Sequences+1] shaders.SamplingParams, encoded with their biases
	Chosen     *gpu.Buffer // [Sequences+1, Ring] shaders.Chosen: the record of the token at a position is at its remainder
	Passes     *gpu.Buffer // [Sequences+1, shaders.PassesWords(Ring)] how far Decode has come
	Groups     *gpu.Buffer // [Sequences+1] which sequences may draft from each other's tokens: those of one number
	Counts     *gpu.Buffer // [Sequences+1, VocabSize] tokens counted for penalties
	Logits     *gpu.Buffer // [MaxRows, VocabSize]
	Experts    *gpu.Buffer // [Sizes.Experts] how many rows of Decode have visited each; nil: there are none

	Weights   Weights
	Positions gpu.Slice  // [MaxRows, shaders.PositionWords]: where each row is and how its keys are turned, for the layers
	Residual  Activation // [MaxRows, HiddenSize] the residual stream
	Dense     gpu.Slice  // [MaxRows, DenseSlices] routes of a dense layer: all of its slices, with the residual scale as weight

	drafting *gpu.Buffer // [MaxRows] (sequence, position) where the draft module goes on from
	drawn    *gpu.Buffer // [MaxRows] ids, not yet accepted
	accepted *gpu.Buffer // [MaxRows] how many of a sequence's

	inOrder   gpu.Slice // [MaxVisits] numbers of the visits of one row
	rope      *gpu.Buffer
	ropeTable []byte
	caches    []cache
}

// A cache keeps so many numbers of every position: [Pages, shaders.PageSize, width].
type cache struct {
	buffer *gpu.Buffer
	width  int
}

// NewModel lays the weights of a packed model and the state out. Weight buffers come first, so that a shard's buffer
// number is a buffer id. The rope table is that of the kernel positions.
func NewModel(manifest *weights.Manifest, slots []weights.Slot, sizes Sizes, ropeTable []byte) (*Model, error) {
	if sizes.Sequences < 1 || sizes.Sequences > MaxRows {
		return nil, fmt.Errorf("record: %d sequences, must be 1 to %d", sizes.Sequences, MaxRows)
	}
	for _, scale := range []*float64{&sizes.EmbedScale, &sizes.ResidualScale, &sizes.LogitScale} {
		if *scale == 0 {
			*scale = 1
		}
	}
	m := &Model{Plan: gpu.NewPlan(), Sizes: sizes, Profile: shaders.Minimum(), ropeTable: ropeTable}
	var err error
	if m.Weights, err = loadWeights(m.Plan, manifest, slots); err != nil {
		return nil, err
	}
	m.Rows = m.Words("rows", 2*MaxRows)
	m.PromptRows = m.Words("prompt_rows", 2*MaxRows)
	m.Pages = m.Words("pages", (sizes.Sequences+1)*sizes.List())
	m.Moves = m.Words("moves", 2*MaxRows)
	m.Tokens = m.Words("tokens", (sizes.Sequences+1)*sizes.Stride())
	m.Sampling = m.Words("sampling", (sizes.Sequences+1)*shaders.SamplingWords)
	m.Passes = m.Words("passes", (sizes.Sequences+1)*shaders.PassesWords(Ring))
	m.Groups = m.Words("groups", sizes.Sequences+1)
	m.drafting, m.drawn, m.accepted = m.Words("drafting", 2*MaxRows), m.Words("drawn", MaxRows), m.Words("accepted", MaxRows)
	m.Logits = m.Words("logits", MaxRows*sizes.VocabSize)
	m.Chosen = m.Words("chosen", (sizes.Sequences+1)*Ring*shaders.ChosenWords)
	m.Counts = m.Words("counts", (sizes.Sequences+1)*sizes.VocabSize)
	if n := sizes.CountsBefore(len(sizes.Experts)); n > 0 {
		m.Experts = m.Words("experts", n)
	}
	m.rope = m.Plan.Buffer("rope", uint64(len(ropeTable)))
	m.Positions = m.Words("positions", MaxRows*shaders.PositionWords(sizes.RopeHeadDim)).All()
	m.Residual = m.Lasting("hidden", sizes.HiddenSize)
	m.Dense = m.Words("dense_routes", 2*MaxRows*sizes.DenseSlices).All()
	m.inOrder = m.Words("in_order", MaxVisits).All()
	return m, nil
}

// Words adds a lasting buffer of n 32-bit words.
func (m *Model) Words(label string, n int) *gpu.Buffer { return m.Plan.Buffer(label, 4*uint64(n)) }

// Cache adds a cache that keeps width numbers of every position.
func (m *Model) Cache(label string, width int) *gpu.Buffer {
	b := m.Words(label, m.Sizes.Pages*shaders.PageSize*width)
	m.caches = append(m.caches, cache{b, width})
	return b
}

// Setup returns the writes that fill the constant buffers, to follow the plan's commands.
func (m *Model) Setup() []gpu.Command {
	return []gpu.Command{
		gpu.Write{Buffer: m.rope.ID(), Data: m.ropeTable},
		gpu.Write{Buffer: m.Dense.Buffer.ID(), Data: denseRoutes(m.Sizes.DenseSlices, m.Sizes.ResidualScale)},
		gpu.Write{
			Buffer: m.Sampling.ID(), Offset: uint64(4 * m.Sizes.Parked() * shaders.SamplingWords),
			Data: shaders.SamplingParams{TopP: 1, RepetitionPenalty: 1}.Encode(nil),
		},
		gpu.Write{Buffer: m.inOrder.Buffer.ID(), Data: inOrder()},
	}
}

// An Activation is a matrix of rows on the GPU: element i of row r is at r*Stride + Offset + i.
type Activation struct {
	Slice          gpu.Slice
	Stride, Offset int
}

// At is the activation from element offset of every row on.
func (a Activation) At(offset int) Activation {
	a.Offset += offset
	return a
}

// Align4 rounds an activation's width up to whole vec4, so that its rows can be read as vec4.
func Align4(width int) int { return (width + 3) &^ 3 }

// Temp is a scratch activation of a recording.
func Temp(r *gpu.Recorder, label string, rows, width int) Activation {
	return Activation{Slice: r.Temp(label, rows*Align4(width)), Stride: Align4(width)}
}

// Lasting is an activation of MaxRows rows that lives from recording to recording.
func (m *Model) Lasting(label string, width int) Activation {
	return Activation{Slice: m.Words(label, MaxRows*Align4(width)).All(), Stride: Align4(width)}
}
