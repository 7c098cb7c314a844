package deepseek

import (
	"fmt"
	"slices"
	"strings"

	"tabseek/engine/gpu"
	"tabseek/engine/weights"
	"tabseek/shaders"
)

// MaxRows is the most rows a step can process: the kernels' batch limit.
const MaxRows = 8

// slack is how many positions beyond the context a sequence's buffers have: a step of MaxRows rows may run over
// the end of a prompt, and its draft reads one token further. What lands there is never used.
const slack = 2 * MaxRows

// Options sizes a model's buffers.
type Options struct {
	Context   int // positions a sequence can hold
	Sequences int // sequences that can be decoded side by side, at most MaxRows
}

// A Model is a checkpoint laid out on a GPU: its weights, its state and the recordings that advance it.
//
// All of the state that changes from token to token lies on the GPU. Rows says which (sequence, position) each
// row of a step is at; Tokens holds every sequence's tokens, prompt and answer alike. A step reads the token
// at its row's position, and Sample writes the next one and moves the row on: so steps can be replayed
// without the CPU, and the CPU sets nothing but Rows and the prompt.
type Model struct {
	Config  *Config
	Options Options
	Plan    *gpu.Plan

	Rows     *gpu.Buffer   // [MaxRows] (sequence, position)
	Tokens   *gpu.Buffer   // [Sequences, Stride] token ids
	Sampling *gpu.Buffer   // [MaxRows] shaders.SamplingParams
	Logits   *gpu.Buffer   // [MaxRows, VocabSize]
	Latents  []*gpu.Buffer // of each layer: [Sequences * Stride, LatentWidth]

	Stride int // positions from one sequence's tokens and latents to the next: Context and some slack

	weights   map[string]*weight
	rope      *gpu.Buffer
	positions gpu.Slice // [MaxRows, 2+QKRopeHeadDim]: where each row is, for the layers
	hidden    gpu.Slice // [MaxRows, HiddenSize] the residual stream
	draft     gpu.Slice // [MaxRows, HiddenSize] the MTP layer's residual stream
	dense     gpu.Slice // [MaxRows, 1] routes of a dense layer: expert 0, weight 1
	seen      *gpu.Buffer
}

// A weight is a packed tensor on the GPU.
type weight struct {
	format  shaders.Format
	n, rows int // matrices of a stack, rows of each
	k       int
	partsAt []int
	pieces  []piece
}

// A piece is the part of a tensor that lies in one buffer.
type piece struct {
	first, count   int // rows, or matrices of a stack
	quants, scales gpu.Slice
}

// NewModel lays a packed model out. Weight buffers come first, so that a shard's buffer number is a buffer id.
func NewModel(config *Config, manifest *weights.Manifest, options Options) (*Model, error) {
	if options.Sequences < 1 || options.Sequences > MaxRows {
		return nil, fmt.Errorf("deepseek: %d sequences, must be 1 to %d", options.Sequences, MaxRows)
	}
	if options.Context < 1 || options.Context > config.MaxPositionEmbeddings {
		return nil, fmt.Errorf("deepseek: context of %d positions, the model takes 1 to %d", options.Context, config.MaxPositionEmbeddings)
	}
	m := &Model{Config: config, Options: options, Plan: gpu.NewPlan(), Stride: options.Context + slack}
	if err := m.loadWeights(manifest); err != nil {
		return nil, err
	}
	m.addState()
	return m, nil
}

// uncut are the tensors that must lie in one buffer. None of a published model is near a buffer's limit.
var uncut = []string{".k_b", ".v_b", ".router"}

// loadWeights binds every slot of the table to its packed tensor.
func (m *Model) loadWeights(manifest *weights.Manifest) error {
	var buffers []*gpu.Buffer
	for i, b := range manifest.Buffers {
		buffers = append(buffers, m.Plan.Buffer(fmt.Sprintf("weights.%d", i), uint64(b.Size)))
	}
	m.weights = map[string]*weight{}
	for _, slot := range m.Config.Table() {
		tensor, ok := manifest.Tensor(slot.Name)
		if !ok {
			return fmt.Errorf("deepseek: the packed model lacks tensor %s", slot.Name)
		}
		if err := checkSlot(slot, tensor); err != nil {
			return fmt.Errorf("deepseek: tensor %s: %w", slot.Name, err)
		}
		if len(tensor.Pieces) > 1 && slices.ContainsFunc(uncut, func(name string) bool { return strings.HasSuffix(slot.Name, name) }) {
			return fmt.Errorf("deepseek: tensor %s is cut into %d pieces, its kernel takes it whole", slot.Name, len(tensor.Pieces))
		}
		n, rows, k := tensor.Dims()
		w := &weight{format: shaders.Format(tensor.Format), n: n, rows: rows, k: k, partsAt: tensor.PartsAt}
		for _, p := range tensor.Pieces {
			plane := func(at *weights.Plane) gpu.Slice {
				if at == nil {
					return gpu.Slice{}
				}
				return buffers[at.Buffer].Slice(uint64(at.Offset), uint64(at.Size+3)&^3)
			}
			w.pieces = append(w.pieces, piece{p.First, p.Count, plane(&p.Quants), plane(p.Scales)})
		}
		m.weights[slot.Name] = w
	}
	return nil
}

// checkSlot compares a packed tensor's shape and parts with what the table says.
func checkSlot(slot weights.Slot, tensor *weights.Tensor) error {
	n, rows, k := tensor.Dims()
	partsAt := tensor.PartsAt
	if len(partsAt) == 0 {
		partsAt = []int{0}
	}
	parts := slot.Matrices[0]
	_, wantK := parts[0].Size()
	if len(partsAt) != len(parts) || n != len(slot.Matrices) || k != wantK {
		return fmt.Errorf("shape %v in %d parts, want %d matrices in %d parts of width %d", tensor.Shape, len(partsAt), len(slot.Matrices), len(parts), wantK)
	}
	end := 0
	for i, part := range parts {
		partRows, _ := part.Size()
		if partsAt[i] < end {
			return fmt.Errorf("part %d begins at row %d, inside part %d", i, partsAt[i], i-1)
		}
		end = partsAt[i] + partRows
	}
	if end > rows {
		return fmt.Errorf("shape %v has %d rows, its parts need %d", tensor.Shape, rows, end)
	}
	return nil
}

func (m *Model) addState() {
	c, sequences := m.Config, m.Options.Sequences
	words := func(label string, n int) *gpu.Buffer { return m.Plan.Buffer(label, 4*uint64(n)) }
	m.Rows = words("rows", 2*MaxRows)
	m.Tokens = words("tokens", sequences*m.Stride)
	m.Sampling = words("sampling", MaxRows*shaders.SamplingWords)
	m.Logits = words("logits", MaxRows*c.VocabSize)
	m.seen = words("seen", MaxRows*((c.VocabSize+31)/32))
	for layer := range c.Layers() {
		m.Latents = append(m.Latents, words(fmt.Sprintf("latent.%d", layer), sequences*m.Stride*c.LatentWidth()))
	}
	m.rope = m.Plan.Buffer("rope", uint64(len(c.RopeTable(m.Stride))))
	m.positions = words("positions", MaxRows*(2+c.QKRopeHeadDim)).All()
	m.hidden = words("hidden", MaxRows*align4(c.HiddenSize)).All()
	m.dense = words("dense_routes", 2*MaxRows).All()
	if c.NumNextNPredictLayers > 0 {
		m.draft = words("draft", MaxRows*align4(c.HiddenSize)).All()
	}
}

// Setup returns the writes that fill the constant buffers, to follow Plan.Commands.
func (m *Model) Setup() []gpu.Command {
	return []gpu.Command{
		gpu.Write{Buffer: m.rope.ID(), Data: m.Config.RopeTable(m.Stride)},
		gpu.Write{Buffer: m.dense.Buffer.ID(), Data: denseRoutes()},
	}
}

// align4 rounds an activation's width up to whole vec4, so that its rows can be read as vec4.
func align4(width int) int { return (width + 3) &^ 3 }

// bind adds a weight's planes to the bindings of a dispatch.
func (p piece) bind(b gpu.Bind) gpu.Bind {
	b["weights"], b["scales"] = p.quants, p.scales
	return b
}

// layer finds a layer's weight.
func (m *Model) layer(layer int, name string) *weight { return m.weights[SlotName(layer, name)] }

// vector is a norm or bias as a binding.
func (m *Model) vector(name string) gpu.Slice { return m.weights[name].pieces[0].quants }

// An activation is a matrix of rows on the GPU: element i of row r is at r*stride + offset + i.
type activation struct {
	slice          gpu.Slice
	stride, offset int
}

// temp is a scratch activation of a recording.
func temp(r *gpu.Recorder, label string, rows, width int) activation {
	return activation{r.Temp(label, rows*align4(width)), align4(width), 0}
}

func (m *Model) residual() activation { return activation{m.hidden, align4(m.Config.HiddenSize), 0} }

// product records y = W x, or y += W x. With a norm, x is normalised by it first.
func (m *Model) product(r *gpu.Recorder, rows int, w *weight, x activation, norm gpu.Slice, epsilon float64, y activation, accumulate bool) {
	for _, p := range w.pieces {
		d := shaders.MatVec(
			shaders.MatVecVariant{Format: w.format, Batch: rows, Norm: norm.Buffer != nil, Accumulate: accumulate},
			shaders.MatVecParams{
				Rows: uint32(p.count), K: uint32(w.k), XStride: uint32(x.stride), XOffset: uint32(x.offset),
				YStride: uint32(y.stride), YOffset: uint32(y.offset + p.first), Epsilon: float32(epsilon),
			})
		r.Dispatch(d, p.bind(gpu.Bind{"x": x.slice, "norm": norm, "y": y.slice}))
	}
}

// embed records y[row] = embedding of the token shift places after the row's position.
func (m *Model) embed(r *gpu.Recorder, rows, shift int, y activation) {
	w := m.weights["embed"]
	for _, p := range w.pieces {
		d := shaders.Embed(w.format, rows, shaders.EmbedParams{
			Width: uint32(w.k), FirstToken: uint32(p.first), Count: uint32(p.count),
			Capacity: uint32(m.Stride), Shift: uint32(shift), YStride: uint32(y.stride),
		})
		r.Dispatch(d, p.bind(gpu.Bind{"rows": m.Rows.All(), "tokens": m.Tokens.All(), "y": y.slice}))
	}
}

// head is the output matrix: the embedding's own when they are tied.
func (m *Model) head() *weight {
	if m.Config.TieWordEmbeddings {
		return m.weights["embed"]
	}
	return m.weights["head"]
}

// Trunk records one step of the main model: from the rows' tokens to the residual stream after the last layer.
func (m *Model) Trunk(rows int) *gpu.Recorder {
	c := m.Config
	r := m.Plan.Record(fmt.Sprintf("trunk.%d", rows))
	r.Dispatch(shaders.Positions(rows, shaders.PositionsParams{Rope: uint32(c.QKRopeHeadDim), Capacity: uint32(m.Stride)}),
		gpu.Bind{"rows": m.Rows.All(), "rope": m.rope.All(), "positions": m.positions})
	m.embed(r, rows, 0, m.residual())
	for layer := range c.NumHiddenLayers {
		m.decoder(r, layer, rows, m.residual())
	}
	return r
}

// decoder records one pre-norm residual block: h += Attention(norm(h)); h += FFN(norm(h)).
func (m *Model) decoder(r *gpu.Recorder, layer, rows int, h activation) {
	m.attention(r, layer, rows, h)
	m.ffn(r, layer, rows, h)
}

// Head records the logits of every row of a step.
func (m *Model) Head(rows int) *gpu.Recorder {
	r := m.Plan.Record(fmt.Sprintf("head.%d", rows))
	m.product(r, rows, m.head(), m.residual(), m.vector("final_norm"), m.Config.RMSNormEps, m.logits(), false)
	return r
}

func (m *Model) logits() activation { return activation{m.Logits.All(), m.Config.VocabSize, 0} }

// Sample records the choice of every row's next token from its logits, which also moves the row on.
func (m *Model) Sample(rows int) *gpu.Recorder {
	r := m.Plan.Record(fmt.Sprintf("sample.%d", rows))
	vocab := uint32(m.Config.VocabSize)
	r.Dispatch(shaders.Sample(rows, shaders.SampleParams{Vocab: vocab, LogitsStride: vocab, Capacity: uint32(m.Stride)}), gpu.Bind{
		"logits": m.Logits.All(), "sampling": m.Sampling.All(), "rows": m.Rows.All(), "tokens": m.Tokens.All(), "seen": m.seen.All(),
	})
	return r
}

// Advance records moving the first rows rows on by as many positions: the step after a step of a prompt.
func (m *Model) Advance(rows int) *gpu.Recorder {
	r := m.Plan.Record(fmt.Sprintf("advance.%d", rows))
	r.Dispatch(shaders.Advance(rows, rows), gpu.Bind{"rows": m.Rows.All()})
	return r
}
