package tokenizer

import (
	"encoding/binary"
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode"
)

// buildClasses finds the classes of characters that programs tell apart: characters are cut apart where a set of any
// instruction begins or ends, and put together again where they are in the same sets. It returns the section ranges
// and a character of each class.
func buildClasses(programs []*syntax.Prog) (ranges []uint32, characters []rune) {
	sets := []*syntax.Inst{{Op: syntax.InstRune, Rune: []rune{'\n', '\n'}}, {Op: syntax.InstRune, Rune: spaces()}}
	known := map[string]bool{}
	for _, p := range programs {
		for i := range p.Inst {
			inst := &p.Inst[i]
			if key := fmt.Sprint(inst.Rune, inst.Arg); isRune(inst) && !known[key] {
				known[key] = true
				sets = append(sets, inst)
			}
		}
	}
	cuts := []rune{0}
	for _, set := range sets {
		cuts = appendCuts(cuts, set)
	}
	slices.Sort(cuts)
	classes := map[string]uint32{}
	for _, c := range slices.Compact(cuts) {
		if c > unicode.MaxRune {
			continue
		}
		in := make([]byte, len(sets))
		for i, set := range sets {
			if set.MatchRune(c) {
				in[i] = 1
			}
		}
		class, ok := classes[string(in)]
		if !ok {
			class = uint32(len(classes))
			classes[string(in)] = class
			characters = append(characters, c)
		}
		if n := len(ranges); n == 0 || ranges[n-1]&0xff != class&0xff {
			ranges = append(ranges, uint32(c)<<8|class&0xff)
		}
	}
	return ranges, characters
}

// appendCuts adds where a set begins and where it has ended.
func appendCuts(cuts []rune, set *syntax.Inst) []rune {
	if len(set.Rune) == 1 {
		for r := set.Rune[0]; ; {
			cuts = append(cuts, r, r+1)
			if r = unicode.SimpleFold(r); r == set.Rune[0] { // letters that (?i) takes for the same
				return cuts
			}
		}
	}
	for i := 0; i < len(set.Rune); i += 2 {
		cuts = append(cuts, set.Rune[i], set.Rune[i+1]+1)
	}
	return cuts
}

func isRune(i *syntax.Inst) bool {
	switch i.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}

// buildAutomaton makes a program deterministic, with a row for each state as pass describes them. A state is the list
// of places in the program that a backtracking search would try, in its order; where one has matched, those after it
// would not be tried any more.
func buildAutomaton(program *syntax.Prog, characters []rune) (rows [][]uint16, err error) {
	states := [][]uint32{nil, {uint32(program.Start)}}
	numbers := map[string]int{"": 0, stateKey(states[1]): 1}
	blank := &syntax.Inst{Op: syntax.InstRune, Rune: spaces()}
	for n := 0; n < len(states); n++ {
		var row []uint16
		for _, c := range append(slices.Clone(characters), endOfText) {
			s := step{program: program, c: c, blank: c == endOfText || blank.MatchRune(c), seen: map[uint32]bool{}}
			matched := s.tryAll(states[n])
			number, ok := numbers[stateKey(s.next)]
			if !ok {
				number = len(states)
				numbers[stateKey(s.next)] = number
				states = append(states, s.next)
			}
			if len(states) > maxStates {
				return nil, fmt.Errorf("needs more than %d states", maxStates)
			}
			row = append(row, uint16(number<<1|matched))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func stateKey(state []uint32) string {
	var key []byte
	for _, at := range state {
		key = binary.LittleEndian.AppendUint32(key, at)
	}
	return string(key)
}

const endOfText = -1

// A step is the way of an automaton over one character.
type step struct {
	program *syntax.Prog
	c       rune
	blank   bool // the character is one, or there is none
	seen    map[uint32]bool
	next    []uint32
}

// tryAll tries the places of a state; 1 if one matches before the character.
func (s *step) tryAll(state []uint32) (matched int) {
	for _, at := range state {
		if s.try(at) {
			return 1
		}
	}
	return 0
}

func (s *step) try(at uint32) (matched bool) {
	if s.seen[at] {
		return false
	}
	s.seen[at] = true
	i := &s.program.Inst[at]
	switch i.Op {
	case syntax.InstMatch:
		return true
	case syntax.InstAlt, syntax.InstAltMatch:
		return s.try(i.Out) || s.try(i.Arg)
	case syntax.InstCapture, syntax.InstNop:
		return s.try(i.Out)
	case syntax.InstEmptyWidth:
		return s.holds(syntax.EmptyOp(i.Arg)) && s.try(i.Out)
	case syntax.InstFail:
		return false
	}
	if s.c != endOfText && i.MatchRune(s.c) && !slices.Contains(s.next, i.Out) {
		s.next = append(s.next, i.Out)
	}
	return false
}

// holds tells whether a condition on the character holds.
func (s *step) holds(condition syntax.EmptyOp) bool {
	switch condition {
	case syntax.EmptyEndText:
		return s.c == endOfText
	case syntax.EmptyEndLine:
		return s.c == endOfText || s.c == '\n'
	case notBeforeWord:
		return s.blank
	}
	panic("not reached: checkTree lets nothing else through")
}
