package record

import (
	"fmt"

	"tabseek/engine/gpu"
)

// An Architecture tells what its steps are.
type Architecture interface {
	// Base is the part that every architecture shares.
	Base() *Model
	// Setup returns the writes that fill the constant buffers, to follow the plan's commands.
	Setup() []gpu.Command
	// Trunk records one step of the model: from the tokens where the rows are at to the residual stream after the last layer.
	Trunk(r *gpu.Recorder, rows int, at *gpu.Buffer)
	// Layer records one layer that stands for them all when kernels are timed, on whatever the residual stream holds.
	Layer(r *gpu.Recorder, rows int)
	// Drafts tells whether there is a module that drafts the token after the next.
	Drafts() bool
	// Draft records that module for every row: from a hidden state at each row's position and the token after it, to a hidden
	// state of the module's own. Where the rows are has been recorded by Place.
	Draft(r *gpu.Recorder, rows int, at *gpu.Buffer, hidden Activation) Activation
	// DraftHead records the logits of the token after the next from a hidden state of the module.
	DraftHead(r *gpu.Recorder, rows int, hidden Activation)
}

// A Kind of step.
type Kind string

// The kinds of steps.
const (
	// Decode reads each sequence's last token and chooses its next: trunk, head, sampling. With a depth it verifies so many
	// drafts of what follows in the same pass, and then makes new ones.
	Decode Kind = "decode"
	// Prompt fills the cache with consecutive tokens of a prompt and moves the rows on by as many; with a depth, the cache of the
	// draft module too.
	Prompt Kind = "prompt"
	// Score leaves the logits of every row and keeps the rows where they are.
	Score Kind = "score"
	// Count counts the rows' tokens: before the first Decode of rows with penalties.
	Count Kind = "count"
	// Draft leaves the draft module's logits; it follows Score.
	Draft Kind = "draft"
	// Copy copies pages of the caches.
	Copy Kind = "copy"
)

// A Shape says what a step is.
type Shape struct {
	Kind  Kind
	Width int // sequences of Decode, rows of others
	Depth int // drafts of a sequence
}

func (s Shape) String() string {
	if s.Depth > 0 {
		return fmt.Sprintf("%s.%d.%d", s.Kind, s.Width, s.Depth)
	}
	return fmt.Sprintf("%s.%d", s.Kind, s.Width)
}

// A Step is a recording that the engine replays.
type Step struct {
	ID       gpu.RecordingID
	Shape    Shape
	Commands int // how many it has, so that it can be submitted in parts
	Recorder *gpu.Recorder
}

// Steps makes the recordings of an architecture's steps when they are first asked for.
type Steps struct {
	architecture Architecture
	made         map[Shape]Step
}

// NewSteps has no recordings yet.
func NewSteps(a Architecture) *Steps { return &Steps{architecture: a, made: map[Shape]Step{}} }

// Made is the step of a shape if it has been asked for before.
func (s *Steps) Made(shape Shape) (Step, bool) {
	step, ok := s.made[shape]
	return step, ok
}

// Step is the step of a shape, such as decode.1 or prompt.16. A new one becomes part of the plan: the plan's next Commands create
// it, and must be executed before the step is submitted.
func (s *Steps) Step(shape Shape) Step {
	step, ok := s.made[shape]
	if !ok {
		r := s.architecture.Base().Plan.Record(shape.String())
		s.record(r, shape)
		step = Step{r.ID(), shape, r.Len(), r}
		s.made[shape] = step
	}
	return step
}

func (s *Steps) record(r *gpu.Recorder, shape Shape) {
	a, m, rows := s.architecture, s.architecture.Base(), shape.Width
	switch shape.Kind {
	case Decode:
		s.decode(r, shape)
	case Prompt:
		a.Trunk(r, rows, m.PromptRows)
		if shape.Depth > 0 {
			a.Draft(r, rows, m.PromptRows, m.finalHidden(r, rows))
		}
		m.Advance(r, rows)
	case Score:
		a.Trunk(r, rows, m.PromptRows)
		m.Head(r, rows, m.Residual, m.FinalNorm())
	case Draft:
		a.DraftHead(r, rows, a.Draft(r, rows, m.PromptRows, m.finalHidden(r, rows)))
	case Count:
		m.Count(r, rows)
	case Copy:
		m.CopyPages(r, rows)
	}
}

// decode records a pass over the last token of every sequence and drafts of what follows it, and the next drafts.
//
// A row's token is drawn by seed and position alone, and a draft with the random number that its position will be drawn
// with: the same number often leads two similar distributions to the same token. The module reads every row again, with
// the token that was drawn after it; of rows whose drafts were not accepted it leaves nothing that is read. Further drafts
// come of the module's own hidden states. Without a module, drafts are what followed when the same was said before.
func (s *Steps) decode(r *gpu.Recorder, shape Shape) {
	a, m, sequences := s.architecture, s.architecture.Base(), shape.Width
	rows := sequences * (1 + shape.Depth)
	a.Trunk(r, rows, m.Rows)
	m.Head(r, rows, m.Residual, m.FinalNorm())
	m.sample(r, rows, m.Rows, 0, true)
	m.accept(r, sequences, shape.Depth)
	if shape.Depth == 0 {
		return
	}
	if !a.Drafts() {
		m.ngram(r, sequences, shape.Depth)
		return
	}
	hidden := m.pick(r, sequences, shape.Depth, a.Draft(r, rows, m.Rows, m.finalHidden(r, rows)))
	for depth := range shape.Depth {
		if depth > 0 {
			m.Place(r, sequences, m.drafting)
			hidden = a.Draft(r, sequences, m.drafting, hidden)
		}
		a.DraftHead(r, sequences, hidden)
		m.sample(r, sequences, m.drafting, 1, false)
		m.propose(r, sequences, shape.Depth, depth+1 == shape.Depth)
	}
}
