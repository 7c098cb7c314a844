package engine

import (
	"slices"

	"tabseek/shaders"
)

const (
	shortTurn = 4  // tokens that a run may have before it makes room for a request that has had none,
	longTurn  = 32 // and for one that is to go on
)

// admit begins answers as long as there are sequences and pages for them.
func (d *decoder) admit() {
	for {
		q, r := d.waiting()
		if r == nil || !d.room(r) || len(d.free) == 0 && !d.takeTurn(r) {
			return
		}
		if q == nil {
			d.preempted = slices.DeleteFunc(d.preempted, func(other *run) bool { return other == r })
			d.start(r)
			continue
		}
		d.begun++
		r.order, r.answer, r.tokens = d.begun, q.next(d.engine), slices.Clone(r.tokens)
		d.start(r)
		r.answer.reused = r.filled
	}
}

// waiting is who is next: a new answer to a question, of the one that has the fewest under way, or a run that goes on.
// Whoever has had nothing yet comes first, unless pages are short.
func (d *decoder) waiting() (*question, *run) {
	var next *question
	for _, q := range d.questions {
		if q.ready() && !d.shares(q.start.IDs) && (next == nil || q.running() < next.running()) {
			next = q
		}
	}
	if len(d.preempted) > 0 && (next == nil || next.running() > 0 || !d.ample(next.start.IDs)) {
		if i := slices.IndexFunc(d.preempted, func(r *run) bool { return !d.serves(r.question) }); i >= 0 {
			return nil, d.preempted[i]
		}
		return nil, d.preempted[0]
	}
	if next == nil {
		return nil, nil
	}
	return next, &run{question: next, tokens: next.start.IDs}
}

// shares tells whether a prompt begins with a page or more, or is as a whole, what is being filled for another run: it waits for
// those pages.
func (d *decoder) shares(prompt []int) bool {
	for _, r := range d.runs {
		if r.filled == r.target() {
			continue
		}
		same := 0
		for same < len(prompt)-1 && same < r.target() && prompt[same] == r.tokens[same] {
			same++
		}
		if same > r.filled && (same-r.filled >= shaders.PageSize || same == len(prompt)-1) {
			return true
		}
	}
	return false
}

// room tells whether there are pages for the tokens of a run and its next ones.
func (d *decoder) room(r *run) bool {
	return len(d.runs) == 0 || d.engine.cache.Available() > len(r.tokens)/shaders.PageSize+1
}

// ample tells whether there are pages for all that is under way and for further tokens, so that none is computed twice if
// sequences take turns.
func (d *decoder) ample(further []int) bool {
	need := len(further)/shaders.PageSize + 2
	for _, r := range slices.Concat(d.runs, d.preempted) {
		need += len(r.tokens)/shaders.PageSize + 2
	}
	return need <= d.engine.cache.Pages()
}

// serves tells whether a run of a question's request has a sequence.
func (d *decoder) serves(q *question) bool {
	return slices.ContainsFunc(d.runs, func(r *run) bool { return r.question.asker() == q.asker() })
}

// takeTurn has a run make room for another request, of which no run has a sequence, once it has had a turn of its own: the one
// whose turn is the longest. It goes on when it is its turn again.
func (d *decoder) takeTurn(next *run) bool {
	if !d.ample(next.tokens) || d.serves(next.question) {
		return false
	}
	longest, least := slices.MaxFunc(d.runs, func(a, b *run) int { return a.turn() - b.turn() }), shortTurn
	if next.answer != nil && len(next.answer.tokens) > 0 {
		least = longTurn
	}
	if longest.turn() < least {
		return false
	}
	if d.pending > 0 {
		d.changed = true // nothing more is submitted until then
		return false
	}
	d.leave(longest)
	longest.cached.End()
	d.begun++
	longest.order = d.begun
	d.later(longest)
	return true
}

func (d *decoder) start(r *run) {
	r.since = len(r.answer.tokens)
	slot := d.free[len(d.free)-1]
	d.free = d.free[:len(d.free)-1]
	d.engine.beginRun(r, slot)
	d.runs = append(d.runs, r)
	d.changed = d.changed || r.filled == r.target()
}

// reserve gets pages for a run's first rows. Where there are too few, the run that began last gives its own up and goes on
// later; but only once nothing is under way. False: try again.
func (d *decoder) reserve(r *run, rows int) bool {
	for !d.engine.reserve(r, rows) {
		if d.pending > 0 {
			return false
		}
		last := slices.MaxFunc(d.runs, func(a, b *run) int { return a.order - b.order })
		d.leave(last)
		last.cached.End()
		d.later(last)
		if last == r {
			return false
		}
	}
	return true
}

// reserveSteps gets pages for the next steps of all rows.
func (d *decoder) reserveSteps(steps int) bool {
	for _, r := range d.seats {
		if !d.reserve(r, len(r.tokens)+r.ahead+(steps+1)*(1+d.depth)) || d.changed {
			return false
		}
	}
	return true
}

// later has a run without a sequence go on when there is one.
func (d *decoder) later(r *run) {
	d.preempted = append(d.preempted, r)
	slices.SortFunc(d.preempted, func(a, b *run) int { return a.order - b.order })
}

// leave takes a run's sequence and row away.
func (d *decoder) leave(r *run) {
	d.runs = slices.DeleteFunc(d.runs, func(other *run) bool { return other == r })
	d.free = append(d.free, r.slot)
	d.changed = d.changed || r.seated
	if d.filler == r {
		d.hand, d.parts, d.filler = nil, 0, nil // the rest of the step is for nobody
	}
}
