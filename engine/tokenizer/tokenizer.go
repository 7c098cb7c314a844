// Package tokenizer turns text into token ids and back: byte-level BPE as Hugging Face's tokenizer.json describes it.
//
// Text from people and text from templates are kept apart: Encode never yields an added token, whatever the
// text spells, so that nobody can forge the end of a turn; EncodeSpecial recognises them.
package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Limits on what a tokenizer.json may claim.
const (
	maxVocab     = 1 << 20
	maxMerges    = 1 << 21
	maxTokenSize = 1 << 16 // bytes of one token
)

// A Tokenizer is safe for concurrent use after New.
type Tokenizer struct {
	tokens []string       // content by id: raw bytes of ordinary tokens, text of added ones; "" where an id is unused
	ids    map[string]int // ordinary tokens by their bytes
	ranks  map[pair]rank
	whole  bool // ignore_merges: a piece that is a token is taken as it is

	added   map[string]int // added tokens by text
	isAdded map[int]bool
	special map[int]bool // added tokens that are control, not text
	longest []string     // added tokens' texts, longest first

	pieces preTokenizer
}

type pair struct{ left, right int }

type rank struct{ order, id int }

// file is the part of tokenizer.json that is read.
type file struct {
	AddedTokens []struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer   json.RawMessage `json:"normalizer"`
	PreTokenizer json.RawMessage `json:"pre_tokenizer"`
	Model        struct {
		Type         string            `json:"type"`
		Vocab        map[string]int    `json:"vocab"`
		Merges       []json.RawMessage `json:"merges"`
		IgnoreMerges bool              `json:"ignore_merges"`
		ByteFallback bool              `json:"byte_fallback"`
	} `json:"model"`
}

// New reads a tokenizer.json.
func New(data []byte) (*Tokenizer, error) {
	t, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

func parse(data []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	if f.Model.Type != "BPE" && f.Model.Type != "" {
		return nil, fmt.Errorf("model type %q is not supported, only BPE", f.Model.Type)
	}
	if f.Model.ByteFallback {
		return nil, errors.New("byte_fallback vocabularies are not supported, only byte-level ones")
	}
	if err := checkNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	pieces, err := parsePreTokenizer(f.PreTokenizer)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{pieces: pieces, whole: f.Model.IgnoreMerges}
	if err := t.addVocabulary(f.Model.Vocab); err != nil {
		return nil, err
	}
	for _, a := range f.AddedTokens {
		if err := t.addToken(a.ID, a.Content, a.Special); err != nil {
			return nil, err
		}
	}
	merges := make([][2]string, len(f.Model.Merges))
	for i, raw := range f.Model.Merges {
		if merges[i], err = parseMerge(raw); err != nil {
			return nil, fmt.Errorf("merge %d: %w", i, err)
		}
	}
	return t, t.finish(merges)
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
		return both, fmt.Errorf("%q is not two tokens with a space between", text)
	}
	return [2]string{left, right}, nil
}

// addVocabulary takes the model's own tokens, spelled in the byte alphabet.
func (t *Tokenizer) addVocabulary(vocab map[string]int) error {
	if len(vocab) == 0 || len(vocab) > maxVocab {
		return fmt.Errorf("vocabulary of %d tokens, must be 1 to %d", len(vocab), maxVocab)
	}
	t.ids, t.added = make(map[string]int, len(vocab)), map[string]int{}
	t.isAdded, t.special = map[int]bool{}, map[int]bool{}
	for spelled, id := range vocab {
		raw, ok := fromAlphabet(spelled)
		if !ok {
			raw = spelled // a control token that is listed in the vocabulary too
		}
		if err := t.place(id, raw); err != nil {
			return fmt.Errorf("token %q: %w", spelled, err)
		}
		if ok {
			t.ids[raw] = id
		}
	}
	return nil
}

// place puts a token's content at its id.
func (t *Tokenizer) place(id int, content string) error {
	if id < 0 || id >= maxVocab {
		return fmt.Errorf("id %d is not in 0 to %d", id, maxVocab-1)
	}
	if len(content) > maxTokenSize {
		return fmt.Errorf("%d bytes, more than %d", len(content), maxTokenSize)
	}
	for len(t.tokens) <= id {
		t.tokens = append(t.tokens, "")
	}
	if t.tokens[id] != "" && t.tokens[id] != content {
		return fmt.Errorf("id %d is taken by %q", id, t.tokens[id])
	}
	t.tokens[id] = content
	return nil
}

// addToken takes an added token, which is written as it is.
func (t *Tokenizer) addToken(id int, content string, special bool) error {
	if content == "" {
		return fmt.Errorf("added token %d is empty", id)
	}
	if _, ok := t.added[content]; ok {
		return fmt.Errorf("added token %q appears twice", content)
	}
	if id >= 0 && id < len(t.tokens) && t.tokens[id] != "" {
		if raw, ok := fromAlphabet(content); ok && t.ids[raw] == id {
			delete(t.ids, raw) // a vocabulary entry promoted to an added token
		}
		t.tokens[id] = ""
	}
	if err := t.place(id, content); err != nil {
		return fmt.Errorf("added token %q: %w", content, err)
	}
	t.added[content], t.isAdded[id] = id, true
	if special {
		t.special[id] = true
	}
	return nil
}

// finish resolves merges to ids and sorts the added tokens.
func (t *Tokenizer) finish(merges [][2]string) error {
	if len(merges) > maxMerges {
		return fmt.Errorf("%d merges, more than %d", len(merges), maxMerges)
	}
	t.ranks = make(map[pair]rank, len(merges))
	for i, m := range merges {
		left, leftOK := t.spelled(m[0])
		right, rightOK := t.spelled(m[1])
		merged, mergedOK := t.spelled(m[0] + m[1])
		if !leftOK || !rightOK || !mergedOK {
			return fmt.Errorf("merge %d: %q and %q or their union are not in the vocabulary", i, m[0], m[1])
		}
		if _, ok := t.ranks[pair{left, right}]; !ok {
			t.ranks[pair{left, right}] = rank{i, merged}
		}
	}
	for content := range t.added {
		t.longest = append(t.longest, content)
	}
	sort.Slice(t.longest, func(i, j int) bool {
		a, b := t.longest[i], t.longest[j]
		return len(a) > len(b) || len(a) == len(b) && a < b
	})
	return nil
}

// spelled finds an ordinary token by its spelling in the byte alphabet.
func (t *Tokenizer) spelled(token string) (int, bool) {
	raw, ok := fromAlphabet(token)
	if !ok {
		return 0, false
	}
	id, ok := t.ids[raw]
	return id, ok
}

// VocabSize is one more than the greatest id.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// ID finds a token by its text; added tokens come first.
func (t *Tokenizer) ID(content string) (int, bool) {
	if id, ok := t.added[content]; ok {
		return id, true
	}
	id, ok := t.ids[content]
	return id, ok
}

// Token is the content of an id: the bytes of an ordinary token, the text of an added one; "" for an unused id.
func (t *Tokenizer) Token(id int) string {
	if id < 0 || id >= len(t.tokens) {
		return ""
	}
	return t.tokens[id]
}

// IsSpecial tells whether an id is a control token, which Decode leaves out.
func (t *Tokenizer) IsSpecial(id int) bool { return t.special[id] }
