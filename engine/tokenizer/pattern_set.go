package tokenizer

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A set is a class of characters: ranges by first and last, ascending and apart. Oniguruma's classes may hold classes,
// and be intersected with them: [\p{L}&&[^\p{Han}]]. Go's may not, so such a class is worked out and written as ranges.
type set []rune

// isSetClass tells whether the class that a text begins with holds another or an intersection.
func isSetClass(text string) bool {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == ']' && i > 1 && !(i == 2 && text[1] == '^'):
			return false
		case text[i] == '[', strings.HasPrefix(text[i:], "&&"):
			return true
		}
	}
	return false
}

// maxSetDepth bounds classes within classes.
const maxSetDepth = 8

// parseSet works out the class that a text begins with, and returns its length.
func parseSet(text string, depth int) (set, int, error) {
	if depth > maxSetDepth {
		return nil, 0, fmt.Errorf("more than %d classes within each other", maxSetDepth)
	}
	negated := strings.HasPrefix(text, "[^")
	first := 1
	if negated {
		first = 2
	}
	i := first
	var result, part set // what the intersections so far leave, and what is joined since
	intersected := false
	var plain strings.Builder // Go's spelling of the members that are no classes
	closePart := func() error {
		if plain.Len() > 0 {
			tree, err := syntax.Parse("["+plain.String()+"]", syntax.Perl)
			if err != nil {
				return err
			}
			part = part.union(ranges(tree))
			plain.Reset()
		}
		if intersected {
			part = result.intersect(part)
		}
		result, part = part, nil
		return nil
	}
	for i < len(text) {
		switch rest := text[i:]; {
		case rest[0] == '\\':
			translated, n, err := translateEscape(rest, true)
			if err != nil {
				return nil, 0, err
			}
			plain.WriteString(translated)
			i += n
		case strings.HasPrefix(rest, "[:"):
			return nil, 0, errors.New("[:name:] is not supported")
		case rest[0] == '[':
			inner, n, err := parseSet(rest, depth+1)
			if err != nil {
				return nil, 0, err
			}
			part = part.union(inner)
			i += n
		case strings.HasPrefix(rest, "&&"):
			if err := closePart(); err != nil {
				return nil, 0, err
			}
			intersected = true
			i += 2
		case rest[0] == ']' && i > first: // one that comes first is a member
			if err := closePart(); err != nil {
				return nil, 0, err
			}
			if negated {
				result = result.negate()
			}
			if len(result) == 0 {
				return nil, 0, errors.New("a class of no characters")
			}
			return result, i + 1, nil
		default:
			_, size := utf8.DecodeRuneInString(rest)
			if plain.Len() == 0 && (rest[0] == '^' || rest[0] == ']') {
				plain.WriteByte('\\')
			}
			plain.WriteString(rest[:size])
			i += size
		}
	}
	return nil, 0, errors.New("a class without end")
}

// ranges is the set of a parsed class.
func ranges(tree *syntax.Regexp) set {
	switch tree.Op {
	case syntax.OpLiteral: // a class of one
		if tree.Flags&syntax.FoldCase == 0 && len(tree.Rune) == 1 {
			return set{tree.Rune[0], tree.Rune[0]}
		}
	case syntax.OpAnyChar:
		return set{0, unicode.MaxRune}
	}
	return tree.Rune
}

func (s set) negate() (out set) {
	next := rune(0)
	for i := 0; i < len(s); i += 2 {
		if s[i] > next {
			out = append(out, next, s[i]-1)
		}
		next = s[i+1] + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, next, unicode.MaxRune)
	}
	return out
}

func (s set) intersect(other set) (out set) {
	for i, j := 0, 0; i < len(s) && j < len(other); {
		if low, high := max(s[i], other[j]), min(s[i+1], other[j+1]); low <= high {
			out = append(out, low, high)
		}
		if s[i+1] < other[j+1] {
			i += 2
		} else {
			j += 2
		}
	}
	return out
}

func (s set) union(other set) set {
	switch {
	case len(s) == 0:
		return other
	case len(other) == 0:
		return s
	}
	return s.negate().intersect(other.negate()).negate()
}

// class is the set as Go spells it.
func (s set) class() string {
	var out strings.Builder
	out.WriteByte('[')
	for i := 0; i < len(s); i += 2 {
		fmt.Fprintf(&out, `\x{%x}-\x{%x}`, s[i], s[i+1])
	}
	out.WriteByte(']')
	return out.String()
}
