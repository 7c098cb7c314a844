// Package tokenizer turns text into token ids and back: BPE as Hugging Face's tokenizer.json describes it, of bytes, or of
// characters with bytes where there is no token for one, as SentencePiece has it.
//
// Compile makes a flat binary of a tokenizer.json once, when a model is packed; New reads it in place (layout.go says
// how it lies). All that is known of JSON, of merges by their spelling and of regular expressions is Compile's.
//
// Text from people and text from templates are kept apart: Encode never yields a control token, whatever the
// text spells, so that nobody can forge the end of a turn; EncodeSpecial recognises them.
package tokenizer

import "sort"

// Limits on what a tokenizer may claim.
const (
	maxVocab     = 1 << 20
	maxMerges    = 1 << 20
	maxTokenSize = 1 << 16 // bytes of one token
	maxAdded     = 1 << 16
	maxAddedSize = 256              // bytes of an added token; bounds what is compared at one place of a text
	maxSpelling  = 4 * maxAddedSize // and of what normalization may make of one
)

// A Tokenizer is safe for concurrent use after New.
type Tokenizer struct {
	layout
	wholes index      // the tokens that a piece becomes without merging, by content
	pairs  index      // merges by what they merge
	bytes  [256]int32 // the ids of single bytes, none where the vocabulary lacks one

	everyAdded, textAdded finders // all added tokens, and those that are text
}

// finders find added tokens: some in a text as it is, others in what normalization makes of the rest.
type finders struct{ raw, normalized finder }

// New reads what Compile has made. It keeps the data, which must not change any more.
func New(data []byte) (*Tokenizer, error) {
	t := new(Tokenizer)
	if err := t.read(data); err != nil {
		return nil, err
	}
	if err := t.indexTokens(); err != nil {
		return nil, err
	}
	if err := t.indexMerges(); err != nil {
		return nil, err
	}
	t.everyAdded = t.newFinders(flagAdded | flagControl)
	t.textAdded = t.newFinders(flagAdded)
	return t, nil
}

// newFinders takes the added tokens that are control tokens or not as the flags have it, or either.
func (t *Tokenizer) newFinders(most flags) finders {
	among := func(mask flags) func(flags) bool {
		return func(f flags) bool { return f&flagControl&^most == 0 && f&flagNormalized == mask }
	}
	return finders{t.newFinder(among(0)), t.newFinder(among(flagNormalized))}
}

// VocabSize is one more than the greatest id.
func (t *Tokenizer) VocabSize() int { return t.ends.len() }

// AddedID finds an added token by its text.
func (t *Tokenizer) AddedID(content string) (int, bool) {
	i := sort.Search(t.added.len(), func(i int) bool { return string(t.content(int(t.added.at(i)))) >= content })
	if i == t.added.len() {
		return 0, false
	}
	id := int(t.added.at(i))
	return id, string(t.content(id)) == content
}

// Token is the content of an id: the bytes of an ordinary token, the text of an added one; "" for an unused id.
func (t *Tokenizer) Token(id int) string {
	if id < 0 || id >= t.VocabSize() {
		return ""
	}
	return string(t.content(id))
}

// IsSpecial tells whether an id is a special token, which Decode leaves out.
func (t *Tokenizer) IsSpecial(id int) bool {
	return id >= 0 && id < t.VocabSize() && t.flags(id)&flagSpecial != 0
}
