package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/dlclark/regexp2"
)

// matchTimeout bounds one search of a regular expression, which comes from the model's files.
const matchTimeout = 5 * time.Second

// gpt2Pattern is ByteLevel's own split when use_regex is set (the GPT-2 tokenizer).
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// A preTokenizer cuts text into pieces that merges do not cross: a list of passes, each applied within the pieces of the one before.
type preTokenizer struct {
	passes []pass
	prefix bool // a space is put before text that does not begin with one
}

// A pass splits a piece at the matches of a pattern.
type pass struct {
	pattern *regexp2.Regexp
	remove  bool // matches are dropped, or else pieces of their own
	invert  bool // the pieces are the matches, and the rest what separates them
}

// split cuts the text.
func (p preTokenizer) split(text string) []string {
	if text == "" {
		return nil
	}
	if p.prefix && text[0] != ' ' {
		text = " " + text
	}
	pieces := []string{text}
	for _, pass := range p.passes {
		var next []string
		for _, piece := range pieces {
			next = pass.split(next, piece)
		}
		pieces = next
	}
	return pieces
}

func (p pass) split(out []string, text string) []string {
	runes := []rune(text)
	if len(string(runes)) != len(text) {
		return append(out, text) // not UTF-8: the pattern cannot say anything of it
	}
	add := func(from, to int, keep bool) {
		if from < to && keep {
			out = append(out, string(runes[from:to]))
		}
	}
	end := 0
	m, err := p.pattern.FindRunesMatch(runes)
	for ; err == nil && m != nil; m, err = p.pattern.FindNextMatch(m) {
		if m.Length == 0 {
			continue
		}
		add(end, m.Index, !p.invert || !p.remove)
		add(m.Index, m.Index+m.Length, p.invert || !p.remove)
		end = m.Index + m.Length
	}
	add(end, len(runes), !p.invert || !p.remove) // after a time-out too: the rest is one piece
	return out
}

// checkNormalizer accepts what leaves text as it is.
func checkNormalizer(raw json.RawMessage) error {
	var n struct {
		Type        string            `json:"type"`
		Normalizers []json.RawMessage `json:"normalizers"`
	}
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	if n.Type != "Sequence" {
		return fmt.Errorf("normalizer %q is not supported", n.Type)
	}
	for _, inner := range n.Normalizers {
		if err := checkNormalizer(inner); err != nil {
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
	AddPrefixSpace   bool   `json:"add_prefix_space"`
	UseRegex         *bool  `json:"use_regex"`
	IndividualDigits bool   `json:"individual_digits"`
}

const maxPasses = 64

func parsePreTokenizer(raw json.RawMessage) (preTokenizer, error) {
	var p preTokenizer
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return p, nil
	}
	if err := p.add(raw, 0); err != nil {
		return p, fmt.Errorf("pre_tokenizer: %w", err)
	}
	return p, nil
}

func (p *preTokenizer) add(raw json.RawMessage, depth int) error {
	if depth > 4 || len(p.passes) > maxPasses {
		return fmt.Errorf("nested too deep or more than %d passes", maxPasses)
	}
	var f preTokenizerFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
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
		p.prefix = p.prefix || f.AddPrefixSpace
		if f.UseRegex == nil || *f.UseRegex {
			return p.addPattern(gpt2Pattern, false, false)
		}
		return nil
	case "Digits":
		if f.IndividualDigits {
			return p.addPattern(`\p{Nd}`, false, false)
		}
		return p.addPattern(`\p{Nd}+`, false, false)
	case "Punctuation":
		return p.addPattern(`\p{P}`, false, false)
	}
	return fmt.Errorf("type %q is not supported", f.Type)
}

func (p *preTokenizer) addSplit(f preTokenizerFile) error {
	var pattern string
	switch {
	case f.Pattern.Regex != nil:
		pattern = *f.Pattern.Regex
	case f.Pattern.String != nil:
		pattern = regexp2.Escape(*f.Pattern.String)
	default:
		return fmt.Errorf("split without a pattern")
	}
	switch f.Behavior {
	case "Isolated", "isolated", "":
		return p.addPattern(pattern, false, f.Invert)
	case "Removed", "removed":
		return p.addPattern(pattern, true, f.Invert)
	}
	return fmt.Errorf("split behavior %q is not supported, only Isolated and Removed", f.Behavior)
}

func (p *preTokenizer) addPattern(pattern string, remove, invert bool) error {
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return fmt.Errorf("pattern %q: %w", pattern, err)
	}
	re.MatchTimeout = matchTimeout
	p.passes = append(p.passes, pass{re, remove, invert})
	return nil
}
