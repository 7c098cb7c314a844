package tokenizer

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Limits on a pattern: the longest of the known families has 700 bytes and about 60 nodes.
const (
	maxPattern      = 1 << 14 // bytes
	maxPatternNodes = 2000    // with repetitions written out
)

// A pattern is a regular expression of a tokenizer.json. Hugging Face runs them on Oniguruma, which backtracks; here
// they run on Go's regexp, where a search takes time linear in the text whatever a hostile file asks for. A time-out
// would be no cure: under WebAssembly nothing can interrupt a search.
type pattern struct {
	re *regexp.Regexp
	// blank is the group of a `\s+` that stands for `\s+(?!\S)`, which Go cannot say; -1 if there is none.
	blank int
}

const (
	blankGroup = "blank"
	lookahead  = `\s+(?!\S)`
)

// Oniguruma's classes are Unicode's, Go's are ASCII's.
const (
	spaceSet = `\t-\r\x{85}\p{Z}`
	wordSet  = `\p{L}\p{M}\p{Nd}\p{Pc}`
)

func compilePattern(source string) (pattern, error) {
	p, err := compile(source)
	if err != nil {
		return p, fmt.Errorf("pattern %.200q: %w", source, err)
	}
	return p, nil
}

func compile(source string) (pattern, error) {
	if len(source) > maxPattern {
		return pattern{}, fmt.Errorf("%d bytes, more than %d", len(source), maxPattern)
	}
	translated, err := translate(source)
	if err != nil {
		return pattern{}, err
	}
	tree, err := syntax.Parse(translated, syntax.Perl)
	if err != nil {
		return pattern{}, err
	}
	if nodes, err := checkTree(tree); err != nil {
		return pattern{}, err
	} else if nodes > maxPatternNodes {
		return pattern{}, fmt.Errorf("more than %d nodes", maxPatternNodes)
	}
	re, err := regexp.Compile(translated)
	if err != nil {
		return pattern{}, err
	}
	return pattern{re, re.SubexpIndex(blankGroup)}, nil
}

// find returns the first match that is not empty, of those that begin at from or later.
func (p pattern) find(text string, from int) (start, end int, ok bool) {
	for from < len(text) {
		m := p.re.FindStringSubmatchIndex(text[from:])
		if m == nil {
			break
		}
		start, end = from+m[0], from+m[1]
		if p.blank >= 0 && m[2*p.blank] >= 0 && end < len(text) {
			// A word follows: the last blank belongs to it, but for a single one.
			if _, size := utf8.DecodeLastRuneInString(text[start:end]); size < end-start {
				end -= size
			}
		}
		if start < end {
			return start, end, true
		}
		_, size := utf8.DecodeRuneInString(text[end:])
		from = end + max(size, 1)
	}
	return 0, 0, false
}

// checkTree counts the nodes of an expression with its repetitions written out, and refuses what looks behind, as
// find searches what is left of a text without what came before.
func checkTree(tree *syntax.Regexp) (nodes int, err error) {
	switch tree.Op {
	case syntax.OpBeginLine, syntax.OpBeginText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return 0, errors.New("^, \\A, \\b and \\B are not supported")
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
	class, depth := false, 0
	for i := 0; i < len(source); {
		rest := source[i:]
		switch {
		case rest[0] == '\\':
			if !class && strings.HasPrefix(rest, lookahead) {
				n, err := translateLookahead(source, i, depth)
				if err != nil {
					return "", err
				}
				out.WriteString("(?P<" + blankGroup + ">[" + spaceSet + "]+)")
				i += n
				continue
			}
			text, n, err := translateEscape(rest, class)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
			i += n
			continue
		case class && (rest[0] == '[' || strings.HasPrefix(rest, "&&")):
			return "", errors.New("a class within a class is not supported")
		case class:
			class = rest[0] != ']'
		case rest[0] == '[':
			class = true
			for _, literal := range []string{"[^]", "[]", "[^"} { // a ] that comes first is one of the class
				if strings.HasPrefix(rest, literal) {
					out.WriteString(literal[:len(literal)-1])
					i += len(literal) - 1
					break
				}
			}
		case rest[0] == '(':
			depth++
			if err := checkGroup(rest); err != nil {
				return "", err
			}
		case rest[0] == ')':
			depth--
		case strings.HasPrefix(rest, "{,"):
			return "", errors.New("{,n} is not supported")
		}
		out.WriteByte(source[i])
		i++
	}
	return out.String(), nil
}

// translateLookahead checks that a `\s+(?!\S)` is a whole alternative and that the next takes the single blank it
// leaves: then it matches what `\s+` does, less the last blank before a word. It returns how much this replaces.
func translateLookahead(source string, at, depth int) (int, error) {
	before, after := source[:at], source[at+len(lookahead):]
	top := depth == 0 && !strings.Contains(before, lookahead) // Go would take two groups of one name
	for _, next := range []string{`|\s+`, `|\s`} {
		rest, ok := strings.CutPrefix(after, next)
		if ok && top && (before == "" || strings.HasSuffix(before, "|")) && (rest == "" || rest[0] == '|') {
			return len(lookahead) + len(next), nil
		}
	}
	return 0, errors.New(`\s+(?!\S) is supported only as an alternative with \s+ for the next`)
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
