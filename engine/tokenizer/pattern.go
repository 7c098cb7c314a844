package tokenizer

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Limits on a pattern: the longest of the known families has 700 bytes and about 60 nodes.
const (
	maxPattern      = 1 << 14 // bytes
	maxPatternNodes = 2000    // with repetitions written out
)

// A pattern of a tokenizer.json is a regular expression that Hugging Face runs on Oniguruma, which backtracks. Here it
// is parsed by Go's regexp/syntax and made an automaton: a search reads a character once, whatever a hostile file asks
// for. A time-out would be no cure: under WebAssembly nothing can interrupt a search.

// Go cannot say (?!\S). It cannot be told from \B in what follows, which is refused in patterns.
const (
	lookahead     = `(?!\S)`
	notBeforeWord = syntax.EmptyNoWordBoundary
)

// Oniguruma's classes are Unicode's, Go's are ASCII's.
const (
	spaceSet = `\t-\r\x{85}\p{Z}`
	wordSet  = `\p{L}\p{M}\p{Nd}\p{Pc}`
)

// spaces is \s, as pairs of first and last characters.
func spaces() []rune {
	tree, err := syntax.Parse("["+spaceSet+"]", syntax.Perl)
	if err != nil {
		panic(err)
	}
	return tree.Rune
}

// compilePattern makes a program of a pattern.
func compilePattern(source string) (*syntax.Prog, error) {
	p, err := compile(source)
	if err != nil {
		return nil, fmt.Errorf("pattern %.200q: %w", source, err)
	}
	return p, nil
}

func compile(source string) (*syntax.Prog, error) {
	if len(source) > maxPattern {
		return nil, fmt.Errorf("%d bytes, more than %d", len(source), maxPattern)
	}
	translated, err := translate(source)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(translated, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if nodes, err := checkTree(tree); err != nil {
		return nil, err
	} else if nodes > maxPatternNodes {
		return nil, fmt.Errorf("more than %d nodes", maxPatternNodes)
	}
	return syntax.Compile(tree.Simplify())
}

var errLookBehind = errors.New("^, \\A, \\b and \\B are not supported")

// checkTree counts the nodes of an expression with its repetitions written out, and refuses what looks behind, as
// a match does not know what came before it.
func checkTree(tree *syntax.Regexp) (nodes int, err error) {
	switch tree.Op {
	case syntax.OpBeginLine, syntax.OpBeginText, syntax.OpWordBoundary:
		return 0, errLookBehind
	}
	nodes = 1
	if tree.Op == syntax.OpLiteral {
		nodes = len(tree.Rune)
	}
	for _, sub := range tree.Sub {
		n, err := checkTree(sub)
		if err != nil {
			return 0, err
		}
		nodes += n
	}
	if tree.Op == syntax.OpRepeat {
		nodes *= max(tree.Min, tree.Max, 1)
	}
	return min(nodes, maxPatternNodes+1), nil
}

// translate rewrites Oniguruma's syntax as Go's where they differ, and refuses what would mean something else there.
func translate(source string) (string, error) {
	var out strings.Builder
	out.WriteString("(?m)") // in Oniguruma's Ruby syntax $ is always the end of a line
	class := false
	for i := 0; i < len(source); {
		rest := source[i:]
		switch {
		case rest[0] == '\\':
			text, n, err := translateEscape(rest, class)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
			i += n
			continue
		case class:
			class = rest[0] != ']'
		case rest[0] == '[' && isSetClass(rest):
			set, n, err := parseSet(rest, 0)
			if err != nil {
				return "", err
			}
			out.WriteString(set.class())
			i += n
			continue
		case rest[0] == '[':
			class = true
			for _, literal := range []string{"[^]", "[]", "[^"} { // a ] that comes first is one of the class
				if strings.HasPrefix(rest, literal) {
					out.WriteString(literal[:len(literal)-1])
					i += len(literal) - 1
					break
				}
			}
		case strings.HasPrefix(rest, lookahead):
			out.WriteString(`\B`)
			i += len(lookahead)
			continue
		case rest[0] == '(':
			if err := checkGroup(rest); err != nil {
				return "", err
			}
		case strings.HasPrefix(rest, "{,"):
			return "", errors.New("{,n} is not supported")
		}
		out.WriteByte(source[i])
		i++
	}
	return out.String(), nil
}

// translateEscape rewrites the escape at the start of the text and returns its length.
func translateEscape(text string, class bool) (string, int, error) {
	if len(text) < 2 {
		return "", 0, errors.New("ends in a backslash")
	}
	set := func(content string) (string, int, error) {
		if class {
			return content, 2, nil
		}
		return "[" + content + "]", 2, nil
	}
	switch text[1] {
	case 's':
		return set(spaceSet)
	case 'w':
		return set(wordSet)
	case 'S', 'W':
		if class {
			return "", 0, fmt.Errorf("%s within a class is not supported", text[:2])
		}
		return set(map[byte]string{'S': "^" + spaceSet, 'W': "^" + wordSet}[text[1]])
	case 'd':
		return `\p{Nd}`, 2, nil
	case 'D':
		return `\P{Nd}`, 2, nil
	case 'u':
		if len(text) < 6 {
			return "", 0, errors.New(`\u wants four digits`)
		}
		return `\x{` + text[2:6] + `}`, 6, nil
	case 'B':
		return "", 0, errLookBehind
	case 'Q', 'E', 'C':
		return "", 0, fmt.Errorf("%s is not supported", text[:2])
	}
	if _, size := utf8.DecodeRuneInString(text[1:]); size > 1 {
		return text[1 : 1+size], 1 + size, nil // Go wants no backslash there
	}
	return text[:2], 2, nil
}

// checkGroup accepts groups that mean the same to both: plain ones and (?i), which in Oniguruma has the same letter.
func checkGroup(text string) error {
	if !strings.HasPrefix(text, "(?") {
		return nil
	}
	for _, known := range []string{"(?:", "(?i:", "(?i)", "(?-i:"} {
		if strings.HasPrefix(text, known) {
			return nil
		}
	}
	return fmt.Errorf("group %.4s is not supported", text)
}
