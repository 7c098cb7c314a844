package engine

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"tabseek/engine/message"
	"tabseek/engine/record"
	"tabseek/shaders"
)

// passesSize is the bytes of what the GPU keeps of a sequence's passes.
var passesSize = 4 * shaders.PassesWords(record.Ring)

// A drafter decides how many tokens are guessed ahead of each sequence. More of them make a pass dearer, and each is the less
// likely to be right the further ahead it is: what counts is the tokens a second that are right.
type drafter struct {
	right   [record.MaxDepth]float64 // how often a guess is right if those before it are: a moving average
	settled int                      // submits since the depth was last chosen
	passes  int                      // with drafts of a module,
	first   int                      // and in how many of them the first was right
}

const (
	likely    = 0.7  // how often a guess is right, as long as nothing is known of it
	learning  = 0.05 // weight of what a pass has shown
	forgiving = 0.01 // weight of likely, after each submit without drafts: they are tried again in time
	dearer    = 0.4  // what a further row adds to the time of a pass, as long as that is not known
	patience  = 4    // submits between two choices
	better    = 1.05 // what another depth must gain

	judgedAfter = 64  // passes, after which a module is judged:
	wrongBelow  = 0.2 // one whose first guesses are right less often is not this model's
)

// newDrafter hopes for the best of a module. What comes of other guesses is seen before any is made.
func newDrafter(module bool) drafter {
	var d drafter
	for i := range d.right {
		if module {
			d.right[i] = likely
		}
	}
	return d
}

// learn takes in how many tokens a pass with so many drafts gave: a guess was right up to there, wrong there, and what comes after
// it has not been seen.
func (d *drafter) learn(depth, tokens int) {
	for i := range min(depth, tokens) {
		seen := 0.0
		if i < tokens-1 {
			seen = 1
		}
		d.right[i] += learning * (seen - d.right[i])
	}
}

// judge counts a pass with a module's drafts. Once, after so many, it tells if so few are right that the module must be a wrong one.
func (d *drafter) judge(tokens int) string {
	d.passes++
	if tokens > 1 {
		d.first++
	}
	if d.passes != judgedAfter || float64(d.first) >= wrongBelow*judgedAfter {
		return ""
	}
	return fmt.Sprintf("only %d of the draft module's first %d guesses of the next token were right: its weights may not be this model's", d.first, d.passes)
}

// forgive lets drafts that did not pay be tried again some time.
func (d *drafter) forgive() {
	for i := range d.right {
		d.right[i] += forgiving * (likely - d.right[i])
	}
}

// best is the depth with the most tokens a second, given what a pass of each depth takes.
func (d *drafter) best(most int, cost func(depth int) float64) (depth int, rates [record.MaxDepth + 1]float64) {
	tokens, chance := 1.0, 1.0
	for i := range most + 1 {
		if i > 0 {
			chance *= d.right[i-1]
			tokens += chance
		}
		if rates[i] = tokens / cost(i); rates[i] > rates[depth] {
			depth = i
		}
	}
	return depth, rates
}

// drafts is how many a run wants.
func (d *decoder) drafts(r *run) message.Depth {
	wanted := r.question.request.Params.Draft
	if wanted == nil {
		return message.AutoDepth
	}
	return *wanted
}

// choose is how many drafts the sequences that are seated get: what the run with the fewest wants, as far as there are rows.
// Where what is chosen depends on what has been chosen, there can be none.
func (d *decoder) choose() int {
	d.drafter.settled = 0
	if len(d.seats) == 0 {
		return 0
	}
	most, fixed := record.MaxRows/d.width()-1, true
	for _, r := range d.seats {
		switch wanted := d.drafts(r); {
		case r.penalised:
			return 0
		case wanted == message.AutoDepth:
			fixed = false
		default:
			most = min(most, int(wanted))
		}
	}
	most = min(most, record.MaxDepth)
	if fixed || most == 0 {
		return most
	}
	if _, ok := d.seen(0); !ok {
		return 0 // what a pass takes without drafts must be known first
	}
	depth, _ := d.drafter.best(most, d.cost)
	return depth
}

// seen is what a pass with so many drafts took, in nanoseconds; false if that is not known.
func (d *decoder) seen(depth int) (float64, bool) {
	step, ok := d.engine.steps.Made(record.Shape{Kind: record.Decode, Width: d.width(), Depth: depth})
	if !ok {
		return 0, false
	}
	p := d.engine.paces[step.ID]
	return max(sum(p.costs), 1), p.known == len(p.costs)
}

// cost is what a pass with so many drafts takes: guessed from fewer where it has not been seen.
func (d *decoder) cost(depth int) float64 {
	if cost, ok := d.seen(depth); ok {
		return cost
	}
	return d.cost(depth-1) * (1 + dearer)
}

// watch learns what guesses would be worth that are not made.
func (d *decoder) watch(r *run) {
	if d.depth == 0 && !d.engine.architecture.Drafts() && d.drafts(r) == message.AutoDepth {
		r.ngrams.take(r.tokens, record.MaxDepth, func(right int) { d.drafter.learn(record.MaxDepth, right+1) })
	}
}

// review has the sequences seated anew when another number of drafts would give clearly more.
func (d *decoder) review() {
	if d.depth == 0 && d.engine.architecture.Drafts() {
		d.drafter.forgive()
	}
	if d.drafter.settled++; d.drafter.settled < patience || d.changed || len(d.seats) == 0 {
		return
	}
	best := d.choose()
	if best == d.depth {
		return
	}
	_, rates := d.drafter.best(max(best, d.depth), d.cost)
	d.changed = rates[best] > better*rates[d.depth]
}

// count takes in how far a run's sequence has come in passes over so many drafts, and returns its position.
func (d *decoder) count(r *run, depth int, passes []byte) int {
	word := func(i int) int { return int(binary.LittleEndian.Uint32(passes[4*i:])) }
	drafts := r.answer.drafts
	if drafts == nil {
		drafts = &message.Drafts{}
		r.answer.drafts = drafts
	}
	drafts.Depth = depth
	for ; r.passes < word(1); r.passes++ {
		tokens := word(2 + r.passes%record.Ring)
		d.drafter.learn(depth, tokens)
		drafts.Pass(depth, tokens)
		if d.engine.architecture.Drafts() {
			drafts.Warning = cmp.Or(drafts.Warning, d.drafter.judge(tokens))
		}
	}
	return word(0)
}
