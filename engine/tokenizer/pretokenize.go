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

// parseSteps finds out what is done to a text before merges: normalization, then passes.
func (f *file) parseSteps() (settings, []compiledPass, error) {
	n := normalizer{characters: f.Model.ByteFallback}
	if err := n.add(f.Normalizer, 0); err != nil {
		return 0, nil, fmt.Errorf("normalizer: %w", err)
	}
	p := preTokenizerParser{characters: n.characters, blanks: n.blanks}
	if !isNull(f.PreTokenizer) {
		if err := p.add(f.PreTokenizer, 0); err != nil {
			return 0, nil, fmt.Errorf("pre_tokenizer: %w", err)
		}
	}
	switch {
	case n.characters && !p.blanks:
		return 0, nil, errors.New("byte_fallback without " + blank + " for spaces is not supported")
	case n.characters:
		n.settings |= settingCharacters
	case !p.byteLevel:
		return 0, nil, errors.New("pre_tokenizer: no ByteLevel: only byte-level vocabularies, and those with byte_fallback, are supported")
	}
	return n.settings, p.passes, nil
}

// A normalizer gathers what a normalizer of tokenizer.json does.
type normalizer struct {
	characters bool // of a vocabulary of characters
	blanks     bool // spaces become blank
	settings   settings
}

func (n *normalizer) add(raw json.RawMessage, depth int) error {
	if isNull(raw) {
		return nil
	}
	if depth > maxDepth {
		return fmt.Errorf("more than %d levels", maxDepth)
	}
	var f struct {
		Type        string            `json:"type"`
		Normalizers []json.RawMessage `json:"normalizers"`
		Prepend     string            `json:"prepend"`
		Content     string            `json:"content"`
		Pattern     struct {
			String string
		} `json:"pattern"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	switch {
	case f.Type == "NFC":
		n.settings |= settingNFC
	case f.Type == "Sequence":
		for _, inner := range f.Normalizers {
			if err := n.add(inner, depth+1); err != nil {
				return err
			}
		}
	case f.Type == "Prepend" && n.characters && f.Prepend == blank:
		n.settings |= settingPrefix
	case f.Type == "Replace" && n.characters && f.Pattern.String == " " && f.Content == blank:
		n.blanks = true
	default:
		return fmt.Errorf("%q is not supported with byte_fallback %t", f.Type, n.characters)
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

	Replacement   string `json:"replacement"` // of Metaspace
	PrependScheme string `json:"prepend_scheme"`
	Split         *bool  `json:"split"`
}

// maxDepth bounds sequences within sequences.
const maxDepth = 4

// A preTokenizerParser gathers passes; nothing may follow ByteLevel, after which text is spelled in the byte alphabet.
type preTokenizerParser struct {
	passes     []compiledPass
	byteLevel  bool
	characters bool // of a vocabulary of characters, which has Metaspace alone
	blanks     bool // spaces become blank
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
	if f.Type != "Sequence" && p.characters != (f.Type == "Metaspace") {
		return fmt.Errorf("%s is not supported with byte_fallback %t", f.Type, p.characters)
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
		flags, err := behaviour(f.Behavior, false)
		if err != nil {
			return err
		}
		return p.addPass(flags, "[!-/:-@\\[-`{-~\\p{P}]")
	case "Metaspace":
		return p.addMetaspace(f)
	}
	return fmt.Errorf("type %q is not supported", f.Type)
}

// behaviour is what becomes of the matches of a pattern; inverted, of what lies between them.
func behaviour(name string, invert bool) (passFlags, error) {
	flags := passMatches | passGaps
	switch name {
	case "Isolated", "":
		return flags, nil
	case "Removed":
		if invert { // the pattern says what to keep
			return passMatches, nil
		}
		return passGaps, nil
	case "MergedWithPrevious":
		flags |= passPrevious
	case "MergedWithNext":
		flags |= passNext
	case "Contiguous":
		flags |= passTogether
	default:
		return 0, fmt.Errorf("behavior %q is not known", name)
	}
	if invert {
		flags |= passInverted
	}
	return flags, nil
}

// addMetaspace takes blank for a space, may put one before a text and have each begin a piece.
func (p *preTokenizerParser) addMetaspace(f preTokenizerFile) error {
	if f.Replacement != "" && f.Replacement != blank {
		return fmt.Errorf("a Metaspace with replacement %q is not supported, only %s", f.Replacement, blank)
	}
	p.blanks = true
	switch scheme := f.PrependScheme; {
	case scheme == "first":
		p.passes = append(p.passes, compiledPass{flags: passPrefix | passFirst})
	case scheme == "always" || scheme == "" && (f.AddPrefixSpace == nil || *f.AddPrefixSpace):
		p.passes = append(p.passes, compiledPass{flags: passPrefix})
	case scheme != "never" && scheme != "":
		return fmt.Errorf("a Metaspace with prepend_scheme %q is not known", scheme)
	}
	if f.Split == nil || *f.Split {
		return p.addPass(passMatches|passGaps|passNext, " ")
	}
	return nil
}

func (p *preTokenizerParser) addSplit(f preTokenizerFile) error {
	flags, err := behaviour(f.Behavior, f.Invert)
	if err != nil {
		return err
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
