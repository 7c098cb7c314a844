package engine

import (
	"encoding/binary"

	"tabseek/engine/gpu"
	"tabseek/engine/kvcache"
	"tabseek/engine/record"
)

// A run is an answer being computed: its tokens are those of one of the GPU's sequences, its rows lie in pages of the caches.
type run struct {
	question *question
	answer   *answer
	order    int // of all runs, by when they, or their turns, began
	since    int // tokens that it had when its turn began

	slot      int   // the GPU's sequence
	tokens    []int // the prompt, and what was chosen
	cached    *kvcache.Sequence
	listed    int  // pages that the GPU has been told of
	filled    int  // rows that are computed, or will be by what is submitted
	seated    bool // it has rows of decode steps,
	guessed   bool // and drafts, so that what follows its tokens is a guess
	penalised bool // what it chooses depends on what it has chosen
	sure      int  // tokens that are to come of the submits under way: at least these,
	ahead     int  // and at most these
	passes    int  // of the sequence, as far as is known
	ngrams    ngrams
	over      bool // another run goes on with the answer
}

// target is how many rows must be filled before decoding: all but that of the last token, which a decode step reads.
func (r *run) target() int { return len(r.tokens) - 1 }

// turn is how many tokens have come in its turn.
func (r *run) turn() int { return len(r.answer.tokens) - r.since }

// left is how many more tokens may come, at least, before the answer reaches its limit.
func (r *run) left() int { return r.answer.limit - len(r.answer.tokens) - r.ahead }

// fillTo notes that rows are computed up to there, and in the draft module's cache too if it was given them.
func (r *run) fillTo(rows int, drafted bool) {
	first := r.filled
	r.filled = rows
	if known := r.cached.Len(); known < rows { // or else it is the draft module's rows alone that are filled
		r.cached.Append(r.tokens[known:rows]...)
	}
	if drafted {
		r.cached.Draft(first, rows)
	}
}

// begin gives a run a sequence of the GPU and what the cache has of its tokens.
func (e *Engine) beginRun(r *run, slot int) {
	r.slot, r.seated, r.guessed, r.sure, r.ahead, r.passes, r.listed = slot, false, false, 0, 0, 0, 0
	var copied *kvcache.Copy
	r.cached, copied = e.cache.Begin(r.tokens)
	r.filled = r.cached.Len()
	if copied != nil {
		e.copyPage(*copied)
	}
	e.writeTokens(slot, r.tokens)
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Passes.ID(), Offset: uint64(slot * passesSize), Data: words(0, 0)})
	if !e.architecture.Drafts() { // tokens are guessed from what was said before
		e.commands = append(e.commands, gpu.Write{Buffer: e.model.Groups.ID(), Offset: uint64(4 * slot), Data: words(r.question.group)})
	}
	e.clearList(slot)
	e.listPages(r)
}

// reserve gets pages for the run's first rows; false if there are too few.
func (e *Engine) reserve(r *run, rows int) bool {
	ok := r.cached.Reserve(rows)
	e.listPages(r)
	return ok
}

// listPages tells the GPU of pages that were added.
func (e *Engine) listPages(r *run) {
	if table := r.cached.Table(); len(table) > r.listed {
		e.writeList(r.slot, r.listed, table[r.listed:])
		r.listed = len(table)
	}
}

// clearList lets a sequence have no page but kvcache.Scratch.
func (e *Engine) clearList(slot int) { e.writeList(slot, 0, make([]uint32, e.model.Sizes.List())) }

// writeList writes pages into a sequence's list, from one on.
func (e *Engine) writeList(slot, from int, pages []uint32) {
	at := slot*e.model.Sizes.List() + from
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Pages.ID(), Offset: uint64(4 * at), Data: words(pages...)})
}

// writeTokens puts a sequence's tokens there from the first on.
func (e *Engine) writeTokens(slot int, tokens []int) { e.writeTokensAt(slot, 0, tokens) }

func (e *Engine) writeTokensAt(slot, position int, tokens []int) {
	data := make([]byte, 0, 4*len(tokens))
	for _, id := range tokens {
		data = binary.LittleEndian.AppendUint32(data, uint32(id))
	}
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Tokens.ID(), Offset: uint64(4 * (slot*e.model.Sizes.Stride() + position)), Data: data})
}

// writePromptRows sets the rows of prompts to consecutive positions of a sequence.
func (e *Engine) writePromptRows(slot, position int) {
	var rows []uint32
	for row := range record.MaxRows {
		rows = append(rows, uint32(slot), uint32(position+row))
	}
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.PromptRows.ID(), Data: words(rows...)})
}

// copyPage copies a page of every cache. What was submitted before has been computed by then.
func (e *Engine) copyPage(c kvcache.Copy) {
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Moves.ID(), Data: words(c.From, c.To)})
	e.once(record.Shape{Kind: record.Copy, Width: 1})
}

// once submits a short step.
func (e *Engine) once(shape record.Shape) {
	e.make(shape)
	step := e.steps.Step(shape)
	e.submit(portion{step, share{0, step.Commands, 1}}, func(gpu.Result) {})
}

func words(list ...uint32) []byte {
	data := make([]byte, 0, 4*len(list))
	for _, w := range list {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	return data
}
