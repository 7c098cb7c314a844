package engine

import (
	"slices"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/record"
	"tabseek/shaders"
)

// seat gives rows to all runs whose prompts are done, to each one for its last token and one for each draft of what follows.
// Nothing is under way.
func (d *decoder) seat() {
	e := d.engine
	d.changed = false
	d.seats = nil
	counts := false
	for _, r := range d.runs {
		if r.filled != r.target() {
			continue
		}
		d.seats = append(d.seats, r)
		if r.seated {
			continue
		}
		r.seated = true
		counts = e.writeSampling(r) || counts
		if !r.answer.decoding && !r.question.silent() { // a run that had to make room comes twice
			r.answer.decoding = true
			e.events = append(e.events, message.Event{Type: message.Decoding, ID: r.answer.request, Index: r.answer.index})
		}
	}
	d.depth = d.choose()
	if d.depth > 0 && d.refill() {
		return
	}
	var rows []uint32
	for _, r := range d.seats {
		for i := range 1 + d.depth {
			rows = append(rows, uint32(r.slot), uint32(len(r.tokens)-1+i))
		}
	}
	for len(rows) < 2*record.MaxRows {
		rows = append(rows, uint32(e.model.Sizes.Parked()), 0)
	}
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Rows.ID(), Data: words(rows...)})
	for _, r := range d.seats {
		if d.depth > 0 && !r.guessed { // nobody has guessed yet: what another request has left in that place must not be verified
			e.writeTokensAt(r.slot, len(r.tokens), slices.Repeat(r.tokens[len(r.tokens)-1:], d.depth))
		}
		r.guessed = d.depth > 0
	}
	if counts {
		e.once(record.Shape{Kind: record.Count, Width: d.width()})
	}
}

// writeSampling sets how a run chooses its tokens; true: they must be counted before.
func (e *Engine) writeSampling(r *run) bool {
	p := r.question.request.Params
	biases, err := e.biases(p)
	if err != nil {
		panic(err) // newQuestion has refused them
	}
	s := e.sampling(p, len(r.answer.prompt))
	s.Seed += uint32(r.answer.seeded)
	const size = 4 * shaders.SamplingWords
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Sampling.ID(), Offset: uint64(r.slot * size), Data: s.Encode(biases)})
	r.penalised = s.Penalises()
	return r.penalised
}

// mostRefilled is how many rows the draft module is given at most before it drafts for a sequence: each 16 of them take a step of a prompt,
// which must be earned by what comes yet.
const mostRefilled = 512

// refill has the prompts of runs filled anew whose sequences have rows that the draft module has not seen: those that were decoded
// while nothing was guessed, or that come from a prompt without drafts. What the model's own caches have there is written once more, the
// same. True: they must be filled before the runs are seated.
func (d *decoder) refill() bool {
	if !d.engine.architecture.Drafts() {
		return false
	}
	for _, r := range d.seats {
		if from := r.cached.Drafted(); from < r.filled && r.filled-from <= mostRefilled {
			r.filled, d.changed = from, true
		}
	}
	return d.changed
}
