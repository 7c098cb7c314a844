package engine

import (
	"slices"

	"tabseek/engine/gpu"
	"tabseek/engine/message"
	"tabseek/engine/record"
	"tabseek/shaders"
)

const (
	inFlight   = 2                       // submits under way: the GPU starts the next while the CPU reads the last
	chosenSize = 4 * shaders.ChosenWords // bytes of a record
)

// A decoder turns steps into the tokens of answers, of up to Options.Sequences side by side.
//
// A prompt but its last token goes through steps of MaxRows rows that only fill the cache. Decoding starts with the last prompt
// token, so that prompt and answer tokens take the same path: a step reads the token at each row's position, samples the
// next, and moves on. How much of it a submit holds, its pace says.
//
// Prompts and answers take turns, submit by submit. Who has a row changes only while nothing is under way: then
// the rows are set anew, and the width of a step to what is needed.
//
// Where there are more requests than sequences, they take turns, so that the first tokens of one do not wait for the last of
// another. The answers of one request do not: those that end early may spare the others.
type decoder struct {
	engine     *Engine
	questions  []*question
	strategies []*strategy
	preempted  []*run // made room, or had to begin anew; they go on with what they had
	runs       []*run // that have a sequence
	seats      []*run // of these, those that have a row: row i is that of seats[i]
	free       []int  // the GPU's sequences
	begun      int    // runs, so far

	hand    func() // goes on with the step of which a part has been submitted; nil: there is none
	filler  *run   // whose prompt that step is; nil: it is one of decoding
	parts   int    // commands submitted of it
	pending int    // submits under way
	changed bool   // there are others to be seated, or to rise
	filling bool   // the last step was a prompt's
	prompt  cursor // where the rows of prompts stand

	depth   int // drafts of a sequence, as they are seated
	drafter drafter
}

// A cursor is a place in a sequence.
type cursor struct{ slot, position int }

var nowhere = cursor{slot: -1}

func newDecoder(e *Engine) *decoder {
	d := &decoder{engine: e, prompt: nowhere, drafter: newDrafter(e.architecture.Drafts())}
	for slot := e.options.Sequences - 1; slot >= 0; slot-- {
		d.free = append(d.free, slot)
	}
	return d
}

// idle tells whether there is nothing to answer.
func (d *decoder) idle() bool { return len(d.questions) == 0 }

// ask adds a question.
func (d *decoder) ask(q *question) {
	d.questions = append(d.questions, q)
	d.next()
}

// next submits what can be submitted.
func (d *decoder) next() {
	for d.pending < inFlight {
		if d.hand != nil {
			d.hand()
			continue
		}
		d.admit()
		filling := d.toFill()
		switch {
		case filling != nil && (!d.filling || d.changed || len(d.seats) == 0):
			if d.reserve(filling, filling.target()+1) {
				d.fill(filling)
				continue
			}
		case d.changed && d.pending == 0:
			d.seat()
			continue
		case len(d.seats) > 0 && !d.changed:
			if steps := d.steps(); steps > 0 && d.reserveSteps(steps) {
				d.decode(steps)
				continue
			}
		}
		if d.pending > 0 || len(d.runs) == 0 {
			return
		}
	}
}

// toFill is the run that has waited longest for its prompt.
func (d *decoder) toFill() *run {
	for _, r := range d.runs {
		if r.filled < r.target() {
			return r
		}
	}
	return nil
}

// fill submits the next steps of a prompt. The last step may run past its end: what the surplus rows write is overwritten before
// it is read, or lies in no page.
func (d *decoder) fill(r *run) {
	e, rest := d.engine, r.target()-r.filled
	if at := (cursor{r.slot, r.filled}); d.parts == 0 && d.prompt != at {
		d.prompt = at
		e.writePromptRows(at.slot, at.position)
	}
	p := d.take(e.promptShape(d.drafts(r)), (rest+record.MaxRows-1)/record.MaxRows, func() { d.fill(r) })
	d.filling, d.filler = true, r
	steps := p.completes()
	if steps == 0 {
		e.submit(p, func(gpu.Result) { d.pending-- })
		return
	}
	d.prompt.position += steps * record.MaxRows
	r.fillTo(min(r.filled+steps*record.MaxRows, r.target()), p.Shape.Depth > 0)
	if r.filled == r.target() {
		d.changed = true
	}
	filled := r.filled
	e.submit(p, func(gpu.Result) {
		d.pending--
		if a := r.answer; a.index == 0 && a.reason == "" && len(a.tokens) == 0 && !r.question.silent() {
			e.events = append(e.events, message.Event{Type: message.Prefilled, ID: a.request, Done: filled + 1, Total: len(a.prompt)})
		}
	})
}

// promptShape is that of the steps that fill the cache, and that of the draft module too if there is one and drafts are wanted.
func (e *Engine) promptShape(drafts message.Depth) record.Shape {
	shape := record.Shape{Kind: record.Prompt, Width: record.MaxRows}
	if drafts != 0 && e.architecture.Drafts() {
		shape.Depth = 1
	}
	return shape
}

// steps is how many more can be submitted before an answer may reach its limit. Their records must find room in the ring beside
// those under way.
func (d *decoder) steps() int {
	each := 1 + d.depth
	steps := min(d.engine.options.Chunk, (record.Ring-each)/(2*each))
	for _, r := range d.seats {
		steps = min(steps, (r.left()+d.depth)/each)
	}
	return steps
}

// decode submits the next steps of the answers, at most so many, and reads the records back of what they choose.
func (d *decoder) decode(limit int) {
	e := d.engine
	p := d.take(record.Shape{Kind: record.Decode, Width: d.width(), Depth: d.depth}, limit, func() { d.decode(1) })
	d.filling, d.filler = false, nil
	steps := p.completes()
	if steps == 0 {
		e.submit(p, func(gpu.Result) { d.pending-- })
		return
	}
	var reads []gpu.Readback
	var windows []window
	for _, r := range d.seats {
		w := window{run: r, first: len(r.tokens) + r.sure, sure: steps, most: steps * (1 + d.depth)}
		ranges := d.records(r.slot, w.first, r.ahead-r.sure+w.most)
		if d.depth > 0 {
			ranges = append(ranges, gpu.Readback{Buffer: e.model.Passes.ID(), Offset: uint64(r.slot * passesSize), Size: uint64(passesSize)})
		}
		w.ranges = len(ranges)
		reads, windows = append(reads, ranges...), append(windows, w)
		r.sure += w.sure
		r.ahead += w.most
	}
	depth := d.depth
	e.submit(p, func(result gpu.Result) {
		d.pending--
		data := result.Data
		for _, w := range windows {
			w.run.sure -= w.sure
			w.run.ahead -= w.most
			d.receive(w, depth, data[:w.ranges])
			data = data[w.ranges:]
		}
		d.review()
	}, reads...)
}

// A window is where the records of a submit lie, of one run.
type window struct {
	run        *run
	first      int // position of the first record that is read
	sure, most int // tokens that come of the submit
	ranges     int // read for it
}

// width is how many sequences a step has for those that are seated.
func (d *decoder) width() int {
	width := 1
	for width < len(d.seats) {
		width *= 2
	}
	return width
}

// records is where the records of a sequence's tokens lie, by position: one range of the ring, or two where it begins anew.
func (d *decoder) records(slot, first, count int) []gpu.Readback {
	read := func(at, n int) gpu.Readback {
		return gpu.Readback{Buffer: d.engine.model.Chosen.ID(), Offset: uint64((slot*record.Ring + at) * chosenSize), Size: uint64(n * chosenSize)}
	}
	at := first % record.Ring
	if here := record.Ring - at; here < count {
		return []gpu.Readback{read(at, here), read(0, count-here)}
	}
	return []gpu.Readback{read(at, count)}
}

// take is the next portion of at most limit steps, which goes on with the step in hand; again is what will do so with this one.
func (d *decoder) take(shape record.Shape, limit int, again func()) portion {
	p := d.engine.next(shape, d.parts, limit)
	d.parts = p.end() % p.Commands
	d.hand = nil
	if d.parts > 0 {
		d.hand = again
	}
	d.pending++
	return p
}

// receive takes what a submit has brought of a run: records of tokens from the window's first position on, and, with drafts,
// how many of them are valid.
func (d *decoder) receive(w window, depth int, ranges [][]byte) {
	r := w.run
	a := r.answer
	if a.reason != "" || r.over {
		return
	}
	position := w.first + w.sure - 1
	if depth == 0 {
		r.passes += w.sure // in which nothing was guessed, and so nothing wrong
	} else {
		position = d.count(r, depth, ranges[len(ranges)-1])
		ranges = ranges[:len(ranges)-1]
	}
	records := slices.Concat(ranges...)
	if !d.takeAll(r, depth, records[(len(r.tokens)-w.first)*chosenSize:(position+1-w.first)*chosenSize]) {
		return
	}
	d.keep(r, depth)
	d.sendDelta(r)
	if a.reason != "" {
		d.finish(r)
	} else if t := r.question.trace; t != nil {
		t.strategy.act()
	}
}

// takeAll has a run's answer take the tokens of records, which passes over so many drafts have brought; false if it goes on from elsewhere, or has come to a fault.
func (d *decoder) takeAll(r *run, depth int, records []byte) bool {
	a := r.answer
	for ; len(records) >= chosenSize && a.reason == ""; records = records[chosenSize:] {
		c := shaders.DecodeChosen(records)
		if c.ID == shaders.FaultToken {
			d.fault(r)
			return false
		}
		force, forced, unwanted := r.question.steer(a, c)
		if forced {
			d.force(r, depth, d.engine.forced(a, force))
			return false
		}
		if unwanted {
			return true
		}
		a.take(c)
	}
	return true
}

// keep notes what a run has: its tokens, and the rows that are computed of them, of the draft module too where there were drafts.
func (d *decoder) keep(r *run, depth int) {
	r.tokens = append(r.tokens[:len(r.answer.prompt)], r.answer.tokens...)
	r.fillTo(r.target(), depth > 0)
	d.watch(r)
}

func (d *decoder) sendDelta(r *run) {
	delta, ok := r.answer.delta()
	switch t := r.question.trace; {
	case !ok:
	case t != nil:
		t.delta(delta)
	default:
		d.engine.events = append(d.engine.events, delta)
	}
}

// finish ends an answer, and with the last one its question.
func (d *decoder) finish(r *run) {
	d.leave(r)
	r.cached.End()
	d.end(r)
}

func (d *decoder) end(r *run) {
	q := r.question
	last := q.end(r.answer)
	if q.trace != nil {
		d.drop(q)
		q.trace.ended(r.answer)
		return
	}
	d.engine.events = append(d.engine.events, r.answer.choice())
	if last {
		d.drop(q)
		d.engine.events = append(d.engine.events, q.done())
	}
}

// drop forgets a question, and ends what answers of it are under way; it says which they were.
func (d *decoder) drop(q *question) []*answer {
	d.questions = slices.DeleteFunc(d.questions, func(other *question) bool { return other == q })
	var stopped []*answer
	for _, r := range slices.Concat(d.runs, d.preempted) {
		if r.question != q {
			continue
		}
		r.answer.end(message.Abort)
		d.sendDelta(r)
		if slices.Contains(d.runs, r) {
			d.leave(r)
			r.cached.End()
		}
		stopped = append(stopped, r.answer)
	}
	d.preempted = slices.DeleteFunc(d.preempted, func(r *run) bool { return r.question == q })
	return stopped
}

// fault ends a request with an answer whose logits are not finite. Whatever produced them may lie in the cache.
func (d *decoder) fault(r *run) {
	a := r.answer
	a.end(message.Abort)
	r.cached.Drop()
	d.leave(r)
	d.sendDelta(r)
	if t := r.question.trace; t != nil {
		d.dropStrategy(t.strategy)
	}
	d.drop(r.question)
	d.engine.events = append(d.engine.events, message.ErrorEvent(a.request, message.Errorf(message.NumericFault, "the model's logits are not finite at token %d of the answer", len(a.tokens))))
}

// dropStrategy forgets a strategy, and all questions of its.
func (d *decoder) dropStrategy(s *strategy) {
	d.strategies = slices.DeleteFunc(d.strategies, func(other *strategy) bool { return other == s })
	for _, q := range slices.Clone(d.questions) {
		if q.trace != nil && q.trace.strategy == s {
			d.drop(q)
		}
	}
}

// strategy is the request's of that id; nil if there is none.
func (d *decoder) strategy(id uint32) *strategy {
	for _, s := range d.strategies {
		if s.request.ID == id {
			return s
		}
	}
	return nil
}

// abort ends a request early, keeping what is done; false if there is none of that id.
func (d *decoder) abort(id uint32) bool {
	if s := d.strategy(id); s != nil {
		s.panel.Abort()
		s.act()
		d.next()
		return true
	}
	for _, q := range d.questions {
		if q.request.ID == id {
			for _, a := range append(d.drop(q), q.unbegun(d.engine)...) {
				d.engine.events = append(d.engine.events, a.choice())
				q.end(a)
			}
			q.reason = message.Abort
			d.engine.events = append(d.engine.events, q.done())
			d.next()
			return true
		}
	}
	return false
}
