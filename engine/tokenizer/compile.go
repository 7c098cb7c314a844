package tokenizer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// Compile makes the binary that New reads of a tokenizer.json.
func Compile(tokenizerJSON []byte) ([]byte, error) {
	var f file
	if err := json.Unmarshal(tokenizerJSON, &f); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	settings, passes, err := f.parseSteps()
	if err != nil {
		return nil, err
	}
	var vocab map[string]int
	if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil {
		return nil, fmt.Errorf("vocabulary: %w", err)
	}
	c := &compiler{settings: settings, ids: map[string]int{}, added: map[string]int{}, marks: map[string]bool{}}
	if settings&settingCharacters != 0 {
		c.bytes = slices.Repeat([]uint32{noByte}, 256)
	}
	if err := c.addVocabulary(vocab); err != nil {
		return nil, err
	}
	for _, a := range f.AddedTokens {
		if err := c.addToken(a, vocab); err != nil {
			return nil, err
		}
	}
	if err := c.addMerges(f.Model.Merges); err != nil {
		return nil, err
	}
	if err := c.addPasses(passes); err != nil {
		return nil, err
	}
	return c.finish(f.Model.IgnoreMerges)
}

// file is the part of tokenizer.json that is read.
type file struct {
	AddedTokens  []addedFile     `json:"added_tokens"`
	Normalizer   json.RawMessage `json:"normalizer"`
	PreTokenizer json.RawMessage `json:"pre_tokenizer"`
	Model        struct {
		Type            string            `json:"type"`
		Vocab           json.RawMessage   `json:"vocab"` // a Unigram model has a list here
		Merges          []json.RawMessage `json:"merges"`
		IgnoreMerges    bool              `json:"ignore_merges"` // a piece that is a token is taken as it is
		ByteFallback    bool              `json:"byte_fallback"`
		SubwordPrefix   string            `json:"continuing_subword_prefix"`
		EndOfWordSuffix string            `json:"end_of_word_suffix"`
	} `json:"model"`
}

// check refuses what is not a BPE model.
func (f *file) check() error {
	switch m := &f.Model; {
	case m.Type != "BPE" && m.Type != "":
		return fmt.Errorf("model type %q is not supported, only BPE", m.Type)
	case m.SubwordPrefix != "" || m.EndOfWordSuffix != "":
		return errors.New("continuing_subword_prefix and end_of_word_suffix are not supported")
	case isNull(m.Vocab):
		return errors.New("no vocabulary")
	case len(m.Merges) > maxMerges:
		return fmt.Errorf("%d merges, more than %d", len(m.Merges), maxMerges)
	case len(f.AddedTokens) > maxAdded:
		return fmt.Errorf("%d added tokens, more than %d", len(f.AddedTokens), maxAdded)
	}
	return nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || bytes.Equal(raw, []byte("null")) }

// addedFile is an added token of tokenizer.json.
type addedFile struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	Special    bool   `json:"special"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
}

// isControl tells a token that steers the model from one that is text. The flag alone does not: DeepSeek-V3's file
// leaves <｜User｜> and <think> without it. What is no control token are the letters and runs of blanks that some
// files add.
func (a addedFile) isControl() bool {
	return a.Special ||
		strings.HasPrefix(a.Content, "<") && strings.HasSuffix(a.Content, ">") ||
		strings.HasPrefix(a.Content, "[") && strings.HasSuffix(a.Content, "]")
}

func (a addedFile) flags() flags {
	f := flagAdded
	for flag, set := range map[flags]bool{
		flagSpecial: a.Special, flagControl: a.isControl(), flagLStrip: a.LStrip, flagRStrip: a.RStrip,
		flagNormalized: a.Normalized, flagSingleWord: a.SingleWord,
	} {
		if set {
			f |= flag
		}
	}
	return f
}

// A compiler gathers what a binary consists of.
type compiler struct {
	tokens []string // content by id: raw bytes of ordinary tokens, text of added ones; "" where an id is not used
	flags  []flags
	ids    map[string]int  // ordinary tokens by their bytes
	added  map[string]int  // added tokens by text
	marks  map[string]bool // spellings of the vocabulary that are control tokens

	settings               settings
	bytes                  []uint32 // with settingCharacters, the tokens of single bytes
	merges                 [][3]uint32
	ranges, passes, tables []byte // sections
}

// addVocabulary takes the model's own tokens, spelled in the byte alphabet.
func (c *compiler) addVocabulary(vocab map[string]int) error {
	if len(vocab) == 0 || len(vocab) > maxVocab {
		return fmt.Errorf("vocabulary of %d tokens, must be 1 to %d", len(vocab), maxVocab)
	}
	for _, spelled := range slices.Sorted(maps.Keys(vocab)) {
		if b, ok := c.byteOf(spelled); ok {
			c.bytes[b] = uint32(vocab[spelled])
			if err := c.place(vocab[spelled], string([]byte{b})); err != nil {
				return fmt.Errorf("token %.80q: %w", spelled, err)
			}
			continue
		}
		raw, ok := c.raw(spelled)
		if !ok {
			raw = spelled // a control token that is listed in the vocabulary too
		}
		if err := c.place(vocab[spelled], raw); err != nil {
			return fmt.Errorf("token %.80q: %w", spelled, err)
		}
		if ok {
			c.ids[raw] = vocab[spelled]
		}
	}
	if missing := slices.Index(c.bytes, noByte); missing >= 0 {
		return fmt.Errorf("byte_fallback without a token <0x%02X>", missing)
	}
	return nil
}

// noByte marks a byte without a token.
const noByte = 1<<32 - 1

// characters tells whether tokens are spelled in characters, and not in the byte alphabet.
func (c *compiler) characters() bool { return c.bytes != nil }

// byteOf is the byte that a token stands for where characters have no token.
func (c *compiler) byteOf(spelled string) (byte, bool) {
	var b byte
	if !c.characters() || len(spelled) != len("<0x00>") {
		return 0, false
	}
	n, _ := fmt.Sscanf(spelled, "<0x%02X>", &b)
	return b, n == 1 && spelled == fmt.Sprintf("<0x%02X>", b)
}

// raw is what an ordinary token spells.
func (c *compiler) raw(spelled string) (string, bool) {
	if c.characters() {
		return strings.ReplaceAll(spelled, blank, " "), !strings.Contains(spelled, " ")
	}
	return fromAlphabet(spelled)
}

// place puts a token's content at its id.
func (c *compiler) place(id int, content string) error {
	if id < 0 || id >= maxVocab {
		return fmt.Errorf("id %d is not in 0 to %d", id, maxVocab-1)
	}
	if len(content) > maxTokenSize {
		return fmt.Errorf("%d bytes, more than %d", len(content), maxTokenSize)
	}
	for len(c.tokens) <= id {
		c.tokens, c.flags = append(c.tokens, ""), append(c.flags, 0)
	}
	if c.tokens[id] != "" {
		return fmt.Errorf("id %d is taken by %.80q", id, c.tokens[id])
	}
	c.tokens[id] = content
	return nil
}

// addToken takes an added token, which is written as it is. vocab holds the model's own tokens by their spelling.
func (c *compiler) addToken(a addedFile, vocab map[string]int) error {
	switch _, twice := c.added[a.Content]; {
	case a.Content == "":
		return fmt.Errorf("added token %d is empty", a.ID)
	case len(a.Content) > maxAddedSize:
		return fmt.Errorf("added token %.40q...: %d bytes, more than %d", a.Content, len(a.Content), maxAddedSize)
	case twice:
		return fmt.Errorf("added token %q appears twice", a.Content)
	}
	if id, ok := vocab[a.Content]; ok { // a token of the model that is made an added one
		if id != a.ID {
			return fmt.Errorf("added token %q: its id is %d here and %d in the vocabulary", a.Content, a.ID, id)
		}
		c.tokens[id] = ""
		if raw, ok := c.raw(a.Content); ok && a.isControl() {
			delete(c.ids, raw) // text must not reach it
			c.marks[a.Content] = true
		}
	}
	if err := c.place(a.ID, a.Content); err != nil {
		return fmt.Errorf("added token %q: %w", a.Content, err)
	}
	c.added[a.Content] = a.ID
	c.flags[a.ID] = a.flags()
	return nil
}

// addMerges resolves merges to ids. Of equal ones the last counts, as at Hugging Face.
func (c *compiler) addMerges(merges []json.RawMessage) error {
	last := make(map[[2]uint32]int, len(merges))
	for i, raw := range merges {
		m, err := parseMerge(raw)
		if err != nil {
			return fmt.Errorf("merge %d: %w", i, err)
		}
		union := m[0] + m[1]
		if len(c.marks) > 0 && (c.marks[m[0]] || c.marks[m[1]] || c.marks[union]) {
			continue // text must not reach a control token by merges either
		}
		left, leftOK := c.spelled(m[0])
		right, rightOK := c.spelled(m[1])
		merged, mergedOK := c.spelled(union)
		if !leftOK || !rightOK || !mergedOK {
			return fmt.Errorf("merge %d: %.80q and %.80q or their union are not in the vocabulary", i, m[0], m[1])
		}
		last[[2]uint32{left, right}] = len(c.merges)
		c.merges = append(c.merges, [3]uint32{left, right, merged})
	}
	if len(last) < len(c.merges) {
		rank := -1
		c.merges = slices.DeleteFunc(c.merges, func(m [3]uint32) bool {
			rank++
			return last[[2]uint32{m[0], m[1]}] != rank
		})
	}
	return nil
}

// parseMerge reads "a b" or ["a", "b"].
func parseMerge(raw json.RawMessage) ([2]string, error) {
	var both [2]string
	if len(raw) > 0 && raw[0] == '[' {
		var list []string
		if err := json.Unmarshal(raw, &list); err != nil {
			return both, err
		}
		if len(list) != 2 {
			return both, fmt.Errorf("has %d parts, want 2", len(list))
		}
		return [2]string{list[0], list[1]}, nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return both, err
	}
	left, right, ok := strings.Cut(text, " ")
	if !ok {
		return both, fmt.Errorf("%.80q is not two tokens with a space between", text)
	}
	return [2]string{left, right}, nil
}

// spelled finds an ordinary token by its spelling.
func (c *compiler) spelled(token string) (uint32, bool) {
	raw, ok := c.raw(token)
	if !ok {
		return 0, false
	}
	id, ok := c.ids[raw]
	return uint32(id), ok
}

// finish finds out which tokens a piece becomes at once: all ordinary ones if merges are to be ignored for them, or
// else those that the merges of their own bytes lead to.
func (c *compiler) finish(ignoreMerges bool) ([]byte, error) {
	for raw, id := range c.ids {
		if len(raw) == 1 || ignoreMerges || c.characters() && utf8.RuneCountInString(raw) == 1 {
			c.flags[id] |= flagWhole
		}
	}
	data := c.data()
	t, err := New(data)
	if err != nil || ignoreMerges {
		return data, err
	}
	m := newMerger(t, 0)
	for raw, id := range c.ids {
		m.ids = m.ids[:0]
		if m.piece(raw); len(m.ids) == 1 && m.ids[0] == id {
			c.flags[id] |= flagWhole
		}
	}
	data = c.data()
	_, err = New(data)
	return data, err
}

// data writes the binary.
func (c *compiler) data() []byte {
	var sections [len(sectionTypes)][]byte
	u32 := binary.LittleEndian.AppendUint32
	for id, content := range c.tokens {
		sections[sectionContents] = append(sections[sectionContents], content...)
		sections[sectionEnds] = u32(sections[sectionEnds], uint32(len(sections[sectionContents])))
		sections[sectionFlags] = append(sections[sectionFlags], byte(c.flags[id]))
	}
	for _, merge := range c.merges {
		for _, id := range merge {
			sections[sectionMerges] = u32(sections[sectionMerges], id)
		}
	}
	for _, content := range slices.Sorted(maps.Keys(c.added)) {
		sections[sectionAdded] = u32(sections[sectionAdded], uint32(c.added[content]))
	}
	sections[sectionRanges], sections[sectionPasses], sections[sectionTables] = c.ranges, c.passes, c.tables
	sections[sectionSettings] = u32(nil, uint32(c.settings))
	for _, id := range c.bytes {
		sections[sectionSettings] = u32(sections[sectionSettings], id)
	}
	out := []byte(magic)
	for i, s := range sections {
		out = u32(out, uint32(len(s)/sectionTypes[i].size))
	}
	return append(out, bytes.Join(sections[:], nil)...)
}

// addPasses turns the patterns of passes into automata over classes that all of them share.
func (c *compiler) addPasses(passes []compiledPass) error {
	var programs []*syntax.Prog
	for _, p := range passes {
		if p.program != nil {
			programs = append(programs, p.program)
		}
	}
	ranges, characters := buildClasses(programs)
	if len(characters) > maxClasses {
		return fmt.Errorf("pre_tokenizer: patterns that tell %d classes of characters apart, more than %d", len(characters), maxClasses)
	}
	for _, r := range ranges {
		c.ranges = binary.LittleEndian.AppendUint32(c.ranges, r)
	}
	for _, p := range passes {
		var rows [][]uint16
		if p.program != nil {
			var err error
			if rows, err = buildAutomaton(p.program, characters); err != nil {
				return fmt.Errorf("pre_tokenizer: pattern %.200q: %w", p.source, err)
			}
		}
		for _, entry := range slices.Concat(rows...) {
			c.tables = binary.LittleEndian.AppendUint16(c.tables, entry)
		}
		c.passes = binary.LittleEndian.AppendUint32(c.passes, uint32(len(rows))<<8|uint32(p.flags))
	}
	return nil
}
