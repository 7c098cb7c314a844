package tokenizer

import "unicode/utf8"

// A pass cuts a text at the matches of a pattern, or puts a space before it. The passes of a tokenizer follow each
// other, each within the pieces of the one before; merges do not cross the pieces of the last.
//
// A pattern is an automaton: a state has a row of transitions, one for each class of characters and the last for the
// end of the text. A transition holds the row of the next state <<1, and whether a match ends before the character.
// Row 0 is where nothing can match any more.
type pass struct {
	flags passFlags
	start uint32
	table []uint32
}

type passFlags byte

const (
	passPrefix  passFlags = 1 << iota // a space is put before a text that does not begin with one, and nothing else done
	passMatches                       // matches are pieces, or else dropped
	passGaps                          // what lies between matches is a piece, or else dropped
	passFlagsEnd
)

// A splitter cuts texts into pieces.
type splitter struct {
	*layout
	piece  func(string)
	trails [][]uint32 // by pass
}

func newSplitter(l *layout, piece func(string)) *splitter {
	return &splitter{l, piece, make([][]uint32, len(l.passes))}
}

// split applies a pass, and to its pieces those after it.
func (s *splitter) split(passNumber int, text string) {
	if text == "" {
		return
	}
	if passNumber == len(s.passes) {
		s.piece(text)
		return
	}
	p := &s.passes[passNumber]
	if p.flags&passPrefix != 0 {
		if text[0] != ' ' {
			text = " " + text
		}
		s.split(passNumber+1, text)
		return
	}
	search := search{pass: p, classes: &s.classes, text: text, left: searchesPerByte*len(text) + wasteful, trail: &s.trails[passNumber]}
	for done := 0; done < len(text); {
		start, end := search.find(done)
		if p.flags&passGaps != 0 {
			s.split(passNumber+1, text[done:start])
		}
		if p.flags&passMatches != 0 {
			s.split(passNumber+1, text[start:end])
		}
		done = end
	}
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
	classes *classes
	text    string
	left    int       // characters that may still be read
	trail   *[]uint32 // room for a trail
	trailed bool      // it is kept: by offset, the state that reading a character there began in
}

// find returns the first match that is not empty, of those that begin at from or later; else the end of the text.
func (s *search) find(from int) (start, end int) {
	for start := from; start < len(s.text) && s.left > 0; {
		if end := s.match(start); end > start {
			return start, end
		}
		_, size := s.class(start)
		start += size
	}
	return len(s.text), len(s.text)
}

// match returns the end of the match that begins at start, of several the one the pattern prefers; none if there is none.
func (s *search) match(start int) int {
	state, end, at := s.start, none, start
	for {
		class, size := s.class(at)
		next := s.table[state+uint32(class)]
		if next&1 != 0 {
			end = at
		}
		if state = next >> 1; state == 0 {
			break
		}
		at += size
		if s.trailed {
			if (*s.trail)[at] == state {
				break
			}
			(*s.trail)[at] = state
		}
	}
	s.left -= at - start + 1
	if !s.trailed && at-max(end, start) > wasteful {
		s.keepTrail()
	}
	return end
}

func (s *search) keepTrail() {
	s.trailed = true
	if cap(*s.trail) <= len(s.text) {
		*s.trail = make([]uint32, len(s.text)+1)
		return
	}
	*s.trail = (*s.trail)[:len(s.text)+1]
	clear(*s.trail)
}

// class is the class of the character at an offset, and the bytes it takes; a byte that is not UTF-8 counts as U+FFFD.
func (s *search) class(at int) (class uint8, size int) {
	if at == len(s.text) {
		return uint8(s.classes.count), 0
	}
	if c := s.text[at]; c < utf8.RuneSelf {
		return s.classes.ascii[c], 1
	}
	r, size := utf8.DecodeRuneInString(s.text[at:])
	return s.classes.search(uint32(r)), size
}
