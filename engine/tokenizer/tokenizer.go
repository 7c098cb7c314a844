// Package tokenizer turns text into token ids and back: byte-level BPE as Hugging Face's tokenizer.json describes it.
//
// Text from people and text from templates are kept apart: Encode never yields a control token, whatever the
// text spells, so that nobody can forge the end of a turn; EncodeSpecial recognises them.
package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
	tokens []string         // content by id: raw bytes of ordinary tokens, text of added ones; "" where an id is unused
	ids    map[string]int32 // ordinary tokens by their bytes
	bytes  [256]int32       // the ids of single bytes, none where the vocabulary lacks one
	ranks  map[pair]rank
	whole  bool // ignore_merges: a piece that is a token is taken as it is

	added                 map[string]int  // added tokens by text
	special               map[int]bool    // added tokens that Decode leaves out
	marks                 map[string]bool // spellings of the vocabulary that are control tokens
	everyAdded, textAdded finder          // all added tokens, and those that are text

	pieces preTokenizer
}

type pair struct{ left, right int32 }

type rank struct{ order, id int32 }

// file is the part of tokenizer.json that is read.
type file struct {
	AddedTokens  []addedFile     `json:"added_tokens"`
	Normalizer   json.RawMessage `json:"normalizer"`
	PreTokenizer json.RawMessage `json:"pre_tokenizer"`
	Model        struct {
		Type            string            `json:"type"`
		Vocab           json.RawMessage   `json:"vocab"` // a Unigram model has a list here
		Merges          []json.RawMessage `json:"merges"`
		IgnoreMerges    bool              `json:"ignore_merges"`
		ByteFallback    bool              `json:"byte_fallback"`
		SubwordPrefix   string            `json:"continuing_subword_prefix"`
		EndOfWordSuffix string            `json:"end_of_word_suffix"`
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
	if err := f.check(); err != nil {
		return nil, err
	}
	pieces, err := parsePreTokenizer(f.PreTokenizer)
	if err != nil {
		return nil, err
	}
	var vocab map[string]int
	if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil {
		return nil, fmt.Errorf("vocabulary: %w", err)
	}
	t := &Tokenizer{pieces: pieces, whole: f.Model.IgnoreMerges}
	if err := t.addVocabulary(vocab); err != nil {
		return nil, err
	}
	for _, a := range f.AddedTokens {
		if err := t.addToken(a, vocab); err != nil {
			return nil, err
		}
	}
	return t, t.addMerges(f.Model.Merges)
}

// check refuses what is not a byte-level BPE model.
func (f *file) check() error {
	switch m := &f.Model; {
	case m.Type != "BPE" && m.Type != "":
		return fmt.Errorf("model type %q is not supported, only BPE", m.Type)
	case m.ByteFallback:
		return errors.New("byte_fallback vocabularies are not supported, only byte-level ones")
	case m.SubwordPrefix != "" || m.EndOfWordSuffix != "":
		return errors.New("continuing_subword_prefix and end_of_word_suffix are not supported")
	case isNull(m.Vocab):
		return errors.New("no vocabulary")
	case len(m.Merges) > maxMerges:
		return fmt.Errorf("%d merges, more than %d", len(m.Merges), maxMerges)
	case len(f.AddedTokens) > maxAdded:
		return fmt.Errorf("%d added tokens, more than %d", len(f.AddedTokens), maxAdded)
	}
	return checkNormalizer(f.Normalizer, 0)
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || bytes.Equal(raw, []byte("null")) }

// addVocabulary takes the model's own tokens, spelled in the byte alphabet.
func (t *Tokenizer) addVocabulary(vocab map[string]int) error {
	if len(vocab) == 0 || len(vocab) > maxVocab {
		return fmt.Errorf("vocabulary of %d tokens, must be 1 to %d", len(vocab), maxVocab)
	}
	t.ids, t.added = make(map[string]int32, len(vocab)), map[string]int{}
	t.special, t.marks = map[int]bool{}, map[string]bool{}
	for spelled, id := range vocab {
		raw, ok := fromAlphabet(spelled)
		if !ok {
			raw = spelled // a control token that is listed in the vocabulary too
		}
		if err := t.place(id, raw); err != nil {
			return fmt.Errorf("token %.80q: %w", spelled, err)
		}
		if ok {
			t.ids[raw] = int32(id)
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
	if t.tokens[id] != "" {
		return fmt.Errorf("id %d is taken by %.80q", id, t.tokens[id])
	}
	t.tokens[id] = content
	return nil
}

// addMerges resolves merges to ids.
func (t *Tokenizer) addMerges(merges []json.RawMessage) error {
	for b := range t.bytes {
		t.bytes[b] = none
		if id, ok := t.ids[string([]byte{byte(b)})]; ok {
			t.bytes[b] = id
		}
	}
	t.ranks = make(map[pair]rank, len(merges))
	for i, raw := range merges {
		m, err := parseMerge(raw)
		if err != nil {
			return fmt.Errorf("merge %d: %w", i, err)
		}
		union := m[0] + m[1]
		if len(t.marks) > 0 && (t.marks[m[0]] || t.marks[m[1]] || t.marks[union]) {
			continue // text must not reach a control token by merges either
		}
		left, leftOK := t.spelled(m[0])
		right, rightOK := t.spelled(m[1])
		merged, mergedOK := t.spelled(union)
		if !leftOK || !rightOK || !mergedOK {
			return fmt.Errorf("merge %d: %.80q and %.80q or their union are not in the vocabulary", i, m[0], m[1])
		}
		t.ranks[pair{left, right}] = rank{int32(i), merged} // of equal ones the last counts, as at Hugging Face
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

// spelled finds an ordinary token by its spelling in the byte alphabet.
func (t *Tokenizer) spelled(token string) (int32, bool) {
	raw, ok := fromAlphabet(token)
	if !ok {
		return 0, false
	}
	id, ok := t.ids[raw]
	return id, ok
}

// VocabSize is one more than the greatest id.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// AddedID finds an added token by its text.
func (t *Tokenizer) AddedID(content string) (int, bool) {
	id, ok := t.added[content]
	return id, ok
}

// ID finds a token by its text; added tokens come first.
func (t *Tokenizer) ID(content string) (int, bool) {
	if id, ok := t.added[content]; ok {
		return id, true
	}
	id, ok := t.ids[content]
	return int(id), ok
}

// Token is the content of an id: the bytes of an ordinary token, the text of an added one; "" for an unused id.
func (t *Tokenizer) Token(id int) string {
	if id < 0 || id >= len(t.tokens) {
		return ""
	}
	return t.tokens[id]
}

// IsSpecial tells whether an id is a special token, which Decode leaves out.
func (t *Tokenizer) IsSpecial(id int) bool { return t.special[id] }
