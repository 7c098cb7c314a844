package engine

import (
	"slices"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/record"
	"tabseek/shaders"
)

// seat gives rows to all runs whose prompts are done. Nothing is under way.
func (d *decoder) seat() {
	e := d.engine
	d.changed = false
	var seats []*run
	for _, r := range slices.Concat(d.seats, d.runs) {
		if slices.Contains(d.runs, r) && r.filled == r.target() && !slices.Contains(seats, r) {
			seats = append(seats, r)
		}
	}
	d.seats = seats
	var rows []uint32
	counts := false
	for row, r := range seats {
		rows = append(rows, uint32(r.slot), uint32(len(r.tokens)-1))
		if r.row == row {
			continue
		}
		counts = e.writeSampling(row, r.answer, r.question.request.Params) || counts
		r.row = row
		if !r.answer.decoding && !r.question.silent() { // a run that had to make room comes twice
			r.answer.decoding = true
			e.events = append(e.events, message.Event{Type: message.Decoding, ID: r.answer.request, Index: r.answer.index})
		}
	}
	for range record.MaxRows - len(seats) {
		rows = append(rows, uint32(e.model.Sizes.Parked()), 0)
	}
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Rows.ID(), Data: words(rows...)})
	if counts {
		e.once(record.Count, d.width())
	}
}

// writeSampling sets how a row chooses the tokens of an answer; true: its tokens must be counted before.
func (e *Engine) writeSampling(row int, a *answer, p message.Params) bool {
	biases, err := e.biases(p)
	if err != nil {
		panic(err) // beginQuestion has refused them
	}
	s := e.sampling(p, len(a.prompt))
	s.Seed += uint32(a.seeded)
	const size = 4 * shaders.SamplingWords
	e.commands = append(e.commands, gpu.Write{Buffer: e.model.Sampling.ID(), Offset: uint64(row * size), Data: s.Encode(biases)})
	return s.Penalises()
}
