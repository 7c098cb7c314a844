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
	// Draft records the logits of that module for every row, after Trunk and in place of the model's own.
	Draft(r *gpu.Recorder, rows int, at *gpu.Buffer)
}

// A Kind of step.
type Kind string

// The kinds of steps.
const (
	// Decode reads each row's token and chooses its next: trunk, head, sampling.
	Decode Kind = "decode"
	// Prompt fills the cache with consecutive tokens of a prompt and moves the rows on by as many.
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

// A Step is a recording that the engine replays.
type Step struct {
	ID       gpu.RecordingID
	Rows     int
	Commands int // how many it has, so that it can be submitted in parts
}

// Steps makes the recordings of an architecture's steps when they are first asked for.
type Steps struct {
	architecture Architecture
	made         map[string]Step
}

// NewSteps has no recordings yet.
func NewSteps(a Architecture) *Steps { return &Steps{architecture: a, made: map[string]Step{}} }

// Step is the step of a kind with a number of rows, such as decode.1 or prompt.8. A new one becomes part of the
// plan: the plan's next Commands create it, and must be executed before the step is submitted.
func (s *Steps) Step(kind Kind, rows int) Step {
	name := fmt.Sprintf("%s.%d", kind, rows)
	step, ok := s.made[name]
	if !ok {
		r := s.architecture.Base().Plan.Record(name)
		s.record(r, kind, rows)
		step = Step{r.ID(), rows, r.Len()}
		s.made[name] = step
	}
	return step
}

func (s *Steps) record(r *gpu.Recorder, kind Kind, rows int) {
	a := s.architecture
	m := a.Base()
	at := m.PromptRows
	if kind == Decode {
		at = m.Rows
	}
	if kind == Decode || kind == Prompt || kind == Score {
		a.Trunk(r, rows, at)
	}
	if kind == Decode || kind == Score {
		m.Head(r, rows, m.Residual, m.FinalNorm())
	}
	switch kind {
	case Decode:
		m.Sample(r, rows)
	case Prompt:
		m.Advance(r, rows)
	case Count:
		m.Count(r, rows)
	case Draft:
		a.Draft(r, rows, at)
	case Copy:
		m.CopyPages(r, rows)
	}
}
