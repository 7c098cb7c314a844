package tokenizer

import (
	"math/bits"
	"slices"
)

// A pass cuts a text at the matches of a pattern, or puts a space before it. The passes of a tokenizer follow each
// other, each within the pieces of the one before; merges do not cross the pieces of the last.
//
// A pattern is an automaton: a state has a row of transitions, one for each class of characters, then one for the end
// of the text and one for the further bytes of a character, which changes nothing. A transition holds the row of the
// next state <<1, and whether a match ends before the character. Row 0 is where nothing can match any more.
type pass struct {
	flags  passFlags
	width  int // of a row
	table  []uint32
	begins [1 << 8]bool // by class: whether a match may begin with such a character
}

// want notes which passes a text must go through, as bits.
func (l *layout) want() {
	for i, p := range l.passes {
		if p.flags&passPrefix != 0 || p.flags&passGaps == 0 {
			l.always |= 1 << i
		}
		for class, begins := range p.begins {
			if begins {
				l.wanted[class] |= 1 << i
			}
		}
	}
}

// startState is the state before a text; the one before is that in which nothing can match.
const startState = 1

type passFlags byte

const (
	passPrefix   passFlags = 1 << iota // a space is put before a text that does not begin with one, and nothing else done
	passMatches                        // matches are pieces, or else dropped
	passGaps                           // what lies between matches is a piece, or else dropped
	passPrevious                       // a match belongs to what lies before it
	passNext                           // a match belongs to what lies after it
	passTogether                       // matches side by side are one piece
	passInverted                       // of these three: what lies between matches counts as a match, and a match does not
	passFlagsEnd
)

// passFirst, with passPrefix, is for where a text begins, and not for where it goes on after a control token.
const passFirst = passNext

// joins tells whether a part of a text, a match or what lies between two, belongs to the part before it.
func (f passFlags) joins(match, before bool) bool {
	if f&passInverted != 0 {
		match, before = !match, !before
	}
	switch {
	case f&passPrevious != 0:
		return match && !before
	case f&passNext != 0:
		return !match && before
	}
	return f&passTogether != 0 && match == before
}

func newPass(flags passFlags, states, classes int) pass {
	width := classes + 2
	p := pass{flags: flags, width: width, table: make([]uint32, states*width)}
	for state := range states {
		p.set(state, classes+1, state, false)
	}
	return p
}

// start is the row of the first state.
func (p *pass) start() uint32 { return uint32(startState * p.width) }

// set sets a transition.
func (p *pass) set(state, class, next int, matched bool) {
	entry := uint32(next*p.width) << 1
	if matched {
		entry |= 1
	}
	p.table[state*p.width+class] = entry
	if state == startState && class < p.width-2 {
		p.begins[class] = next != 0
	}
}

// A splitter cuts texts into pieces.
type splitter struct {
	*layout
	piece    func(string)
	place    place
	kinds    []uint8
	searches []search // by pass
}

// A place is where a text stands.
type place int

const (
	atStart    place = iota
	afterToken       // a control token
	within           // in the middle of a text
)

func newSplitter(l *layout, piece func(string)) *splitter {
	s := &splitter{layout: l, piece: piece}
	for i := range l.passes {
		s.searches = append(s.searches, search{pass: &l.passes[i], end: l.classes.end()})
	}
	return s
}

func (s *splitter) split(text string) {
	s.kinds = s.classes.of(text, s.kinds)
	s.apply(0, text, s.kinds)
}

// apply applies the passes from this one on to a text; kinds are the classes of its bytes. Most pieces are soon left
// with passes that change nothing, because no match of theirs begins with any of the piece's characters.
func (s *splitter) apply(pass int, text string, kinds []uint8) {
	if text == "" {
		return
	}
	wanted := s.always
	byClass := &s.wanted
	for _, kind := range kinds {
		wanted |= byClass[kind]
	}
	if wanted = wanted >> pass << pass; wanted == 0 {
		s.piece(text)
		return
	}
	pass = bits.TrailingZeros32(wanted)
	flags := s.passes[pass].flags
	if flags&passPrefix != 0 {
		if text[0] != ' ' && s.place != within && (s.place == atStart || flags&passFirst == 0) {
			text = " " + text
			kinds = s.classes.of(text, nil)
		}
		s.apply(pass+1, text, kinds)
		return
	}
	search := &s.searches[pass]
	search.begin(kinds)
	from, to, before := 0, 0, false // a piece that more may belong to
	part := func(start, end int, match bool) {
		if start == end {
			return
		}
		if from == to || !flags.joins(match, before) {
			s.apply(pass+1, text[from:to], kinds[from:to])
			from = start
		}
		to, before = end, match
	}
	for done := 0; done < len(text); {
		start, end := search.find(done)
		if flags&passGaps != 0 {
			part(done, start, false)
		}
		if flags&passMatches != 0 {
			part(start, end, true)
		}
		done = end
	}
	s.apply(pass+1, text[from:to], kinds[from:to])
}

// A match is looked for from one character after the other, and from each the text is read until nothing can match
// any more. That may be far beyond the match, or in vain, and then again from the next character: a run of n blanks
// that is no match for `\s+$` would cost n². So once that has happened, what the automaton reads leaves a trail of
// its states: whoever comes to the same state at the same place knows what lies ahead, nothing. Then few patterns
// read a text more than a few times; for those there is a limit, after which the rest of the text is one piece. It
// depends on the text alone, not on how fast the machine is.
const (
	searchesPerByte = 64
	wasteful        = 16 // bytes read beyond a match
)

// A search is the search of a text for the matches of a pass.
type search struct {
	*pass
	kinds   []uint8
	end     uint8    // the class of the end of a text
	left    int      // bytes that may still be read
	trail   []uint32 // by offset: the state that reading the byte there began in
	trailed bool     // a trail is kept
}

func (s *search) begin(kinds []uint8) {
	s.kinds, s.left, s.trailed = kinds, searchesPerByte*len(kinds)+wasteful, false
}

// find returns the first match that is not empty, of those that begin at from or later; else the end of the text.
func (s *search) find(from int) (start, end int) {
	kinds, begins := s.kinds, &s.begins
	for start := from; start < len(kinds) && s.left > 0; start++ {
		if begins[kinds[start]] {
			if end := s.match(start); end > start {
				return start, end
			}
		}
	}
	return len(kinds), len(kinds)
}

// match returns the end of the match that begins at start, of several the one the pattern prefers; none if there is none.
func (s *search) match(start int) int {
	if s.trailed {
		return s.matchTrailed(start)
	}
	kinds, table := s.kinds, s.table
	state, end, at := s.start(), none, start
	for ; at < len(kinds); at++ {
		next := table[state+uint32(kinds[at])]
		if next&1 != 0 {
			end = at
		}
		if state = next >> 1; state == 0 {
			break
		}
	}
	if at == len(kinds) && table[state+uint32(s.end)]&1 != 0 {
		end = at
	}
	s.left -= at - start + 1
	if at-max(end, start) > wasteful {
		s.keepTrail()
	}
	return end
}

// matchTrailed is match where a trail is kept.
func (s *search) matchTrailed(start int) int {
	trail := s.trail
	state, end, at := s.start(), none, start
	for ; at < len(s.kinds) && trail[at] != state; at++ {
		trail[at] = state
		next := s.table[state+uint32(s.kinds[at])]
		if next&1 != 0 {
			end = at
		}
		if state = next >> 1; state == 0 {
			break
		}
	}
	if at == len(s.kinds) && s.table[state+uint32(s.end)]&1 != 0 {
		end = at
	}
	s.left -= at - start + 1
	return end
}

func (s *search) keepTrail() {
	s.trailed = true
	s.trail = slices.Grow(s.trail[:0], len(s.kinds))[:len(s.kinds)]
	clear(s.trail)
}
