package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
)

// gpt2Pattern is ByteLevel's own split when use_regex is set (the GPT-2 tokenizer).
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// A compiledPass is a pass with its pattern as a program; none for passPrefix.
type compiledPass struct {
	flags   passFlags
	source  string
	program *syntax.Prog
}

// parseNormalizer finds out what is done to a text first.
func parseNormalizer(raw json.RawMessage, depth int) (settings, error) {
	if isNull(raw) {
		return 0, nil
	}
	if depth > maxDepth {
		return 0, fmt.Errorf("normalizer: more than %d levels", maxDepth)
	}
	var n struct {
		Type        string            `json:"type"`
		Normalizers []json.RawMessage `json:"normalizers"`
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		return 0, fmt.Errorf("normalizer: %w", err)
	}
	var all settings
	switch n.Type {
	case "NFC":
		return settingNFC, nil
	case "Sequence":
		for _, inner := range n.Normalizers {
			s, err := parseNormalizer(inner, depth+1)
			if err != nil {
				return 0, err
			}
			all |= s
		}
		return all, nil
	}
	return 0, fmt.Errorf("normalizer %q is not supported", n.Type)
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

// maxDepth bounds sequences within sequences.
const maxDepth = 4

// A preTokenizerParser gathers passes; nothing may follow ByteLevel, after which text is spelled in the byte alphabet.
type preTokenizerParser struct {
	passes    []compiledPass
	byteLevel bool
}

func parsePreTokenizer(raw json.RawMessage) ([]compiledPass, error) {
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
	if depth > maxDepth || len(p.passes) >= maxPasses {
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
			p.passes = append(p.passes, compiledPass{flags: passPrefix})
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
	flags := passMatches | passGaps
	switch {
	case f.Behavior == "Isolated":
	case f.Behavior == "Removed" && f.Invert: // the pattern says what to keep
		flags = passMatches
	case f.Behavior == "Removed":
		flags = passGaps
	default:
		return fmt.Errorf("split behavior %q is not supported, only Isolated and Removed", f.Behavior)
	}
	switch {
	case f.Pattern.Regex != nil:
		return p.addPass(flags, *f.Pattern.Regex)
	case f.Pattern.String != nil:
		return p.addPass(flags, regexp.QuoteMeta(*f.Pattern.String))
	}
	return errors.New("split without a pattern")
}

// addPattern adds a pass whose matches are pieces of their own.
func (p *preTokenizerParser) addPattern(source string) error {
	return p.addPass(passMatches|passGaps, source)
}

func (p *preTokenizerParser) addPass(flags passFlags, source string) error {
	program, err := compilePattern(source)
	p.passes = append(p.passes, compiledPass{flags, source, program})
	return err
}
