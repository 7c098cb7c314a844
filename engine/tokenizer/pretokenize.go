package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Searches are linear, yet many long searches for short matches are not. A limiter bounds the time spent on a text;
// what is left when it is spent stays one piece, whose ids still spell the text.
type limiter struct {
	deadline time.Time
	searched int // bytes that may have been searched since the clock was read, which is dear in WebAssembly
}

const (
	maxSplitTime  = 5 * time.Second
	clockInterval = 1 << 22 // bytes
)

func newLimiter() *limiter { return &limiter{deadline: time.Now().Add(maxSplitTime)} }

// spent counts a search of so many bytes at most, and tells whether the time is up.
func (l *limiter) spent(bytes int) bool {
	if l.searched += bytes; l.searched < clockInterval {
		return false
	}
	if time.Now().Before(l.deadline) {
		l.searched = 0
		return false
	}
	return true
}

// gpt2Pattern is ByteLevel's own split when use_regex is set (the GPT-2 tokenizer).
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// A preTokenizer cuts text into pieces that merges do not cross: passes, each applied within the pieces of the one before.
type preTokenizer []pass

// A pass splits a piece at the matches of a pattern, or puts a space before it.
type pass struct {
	prefix  bool // a space is put before a piece that does not begin with one, and nothing else done
	pattern pattern
	matches bool // matches are pieces, or else dropped
	gaps    bool // what lies between matches is a piece, or else dropped
}

// split cuts the text.
func (p preTokenizer) split(text string, limit *limiter) []string {
	if text == "" {
		return nil
	}
	pieces := []string{text}
	for _, pass := range p {
		next := make([]string, 0, len(pieces))
		for _, piece := range pieces {
			next = pass.split(next, piece, limit)
		}
		pieces = next
	}
	return pieces
}

func (p pass) split(out []string, text string, limit *limiter) []string {
	if p.prefix {
		if text[0] != ' ' {
			text = " " + text
		}
		return append(out, text)
	}
	done := 0
	for done < len(text) && !limit.spent(len(text)-done) {
		start, end, ok := p.pattern.find(text, done)
		if !ok {
			break
		}
		if done < start && p.gaps {
			out = append(out, text[done:start])
		}
		if p.matches {
			out = append(out, text[start:end])
		}
		done = end
	}
	if done < len(text) && p.gaps {
		out = append(out, text[done:])
	}
	return out
}

// checkNormalizer accepts what leaves text as it is.
func checkNormalizer(raw json.RawMessage, depth int) error {
	if isNull(raw) {
		return nil
	}
	if depth > maxDepth {
		return fmt.Errorf("normalizer: more than %d levels", maxDepth)
	}
	var n struct {
		Type        string            `json:"type"`
		Normalizers []json.RawMessage `json:"normalizers"`
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	if n.Type != "Sequence" {
		return fmt.Errorf("normalizer %q is not supported", n.Type)
	}
	for _, inner := range n.Normalizers {
		if err := checkNormalizer(inner, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// preTokenizerFile is a pre_tokenizer of tokenizer.json; which fields matter depends on Type.
type preTokenizerFile struct {
	Type          string            `json:"type"`
	PreTokenizers []json.RawMessage `json:"pretokenizers"`
	Pattern       struct {
		Regex  *string
		String *string
	} `json:"pattern"`
	Behavior         string `json:"behavior"`
	Invert           bool   `json:"invert"`
	AddPrefixSpace   *bool  `json:"add_prefix_space"`
	UseRegex         *bool  `json:"use_regex"`
	IndividualDigits bool   `json:"individual_digits"`
}

const (
	maxPasses = 32
	maxDepth  = 4
)

// A preTokenizerParser gathers passes; nothing may follow ByteLevel, after which text is spelled in the byte alphabet.
type preTokenizerParser struct {
	passes    preTokenizer
	byteLevel bool
}

func parsePreTokenizer(raw json.RawMessage) (preTokenizer, error) {
	var p preTokenizerParser
	if !isNull(raw) {
		if err := p.add(raw, 0); err != nil {
			return nil, fmt.Errorf("pre_tokenizer: %w", err)
		}
	}
	if !p.byteLevel {
		return nil, errors.New("pre_tokenizer: no ByteLevel: only byte-level vocabularies are supported")
	}
	return p.passes, nil
}

func (p *preTokenizerParser) add(raw json.RawMessage, depth int) error {
	if depth > maxDepth || len(p.passes) > maxPasses {
		return fmt.Errorf("more than %d levels or %d passes", maxDepth, maxPasses)
	}
	var f preTokenizerFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	if f.Type != "Sequence" && p.byteLevel {
		return fmt.Errorf("%s after ByteLevel is not supported", f.Type)
	}
	switch f.Type {
	case "Sequence":
		for _, inner := range f.PreTokenizers {
			if err := p.add(inner, depth+1); err != nil {
				return err
			}
		}
		return nil
	case "Split":
		return p.addSplit(f)
	case "ByteLevel":
		p.byteLevel = true
		if f.AddPrefixSpace == nil || *f.AddPrefixSpace { // both flags are true where they are left out
			p.passes = append(p.passes, pass{prefix: true})
		}
		if f.UseRegex == nil || *f.UseRegex {
			return p.addPattern(gpt2Pattern)
		}
		return nil
	case "Digits": // Rust's char::is_numeric: all of N, not only Nd
		if f.IndividualDigits {
			return p.addPattern(`\p{N}`)
		}
		return p.addPattern(`\p{N}+`)
	case "Punctuation": // Rust's char::is_ascii_punctuation or Unicode's P
		if f.Behavior != "" && f.Behavior != "Isolated" {
			return fmt.Errorf("punctuation behavior %q is not supported, only Isolated", f.Behavior)
		}
		return p.addPattern("[!-/:-@\\[-`{-~\\p{P}]")
	}
	return fmt.Errorf("type %q is not supported", f.Type)
}

func (p *preTokenizerParser) addSplit(f preTokenizerFile) error {
	matches, gaps := true, true
	switch f.Behavior {
	case "Isolated":
	case "Removed":
		matches, gaps = f.Invert, !f.Invert // inverted, the pattern says what to keep
	default:
		return fmt.Errorf("split behavior %q is not supported, only Isolated and Removed", f.Behavior)
	}
	var compiled pattern
	var err error
	switch {
	case f.Pattern.Regex != nil:
		compiled, err = compilePattern(*f.Pattern.Regex)
	case f.Pattern.String != nil && len(*f.Pattern.String) <= maxPattern:
		compiled.re, compiled.blank = regexp.MustCompile(regexp.QuoteMeta(*f.Pattern.String)), -1
	default:
		err = errors.New("split without a pattern")
	}
	p.passes = append(p.passes, pass{pattern: compiled, matches: matches, gaps: gaps})
	return err
}

// addPattern adds a pass whose matches are pieces of their own.
func (p *preTokenizerParser) addPattern(source string) error {
	compiled, err := compilePattern(source)
	p.passes = append(p.passes, pass{pattern: compiled, matches: true, gaps: true})
	return err
}
