package tokenizer

import (
	"encoding/json"
	"fmt"
)

// A Vocabulary is what a GGUF file says of its tokenizer.
type Vocabulary struct {
	Model  string   // tokenizer.ggml.model
	Pre    string   // tokenizer.ggml.pre: the name of the pre-tokenizer
	Tokens []string // by id, in the byte alphabet; control and user-defined ones as they are
	Types  []int    // by id
	Merges []string // "a b", in order of rank

	Scores   []float64 // of a SentencePiece vocabulary, by id: the greatest merges first
	NoPrefix bool      // and whether no space is put before a text
}

// The types of tokens in GGUF files.
const (
	typeNormal = iota + 1
	typeUnknown
	typeControl
	typeUserDefined
	typeUnused
	typeByte
)

// FromGGUF makes the tokenizer.json that a vocabulary was made of, as far as Compile reads it.
func FromGGUF(v Vocabulary) ([]byte, error) {
	switch {
	case v.Model != "gpt2" && v.Model != sentencePiece:
		return nil, fmt.Errorf("tokenizer model %q is not supported, only gpt2 (byte-level BPE) and llama (SentencePiece's BPE)", v.Model)
	case len(v.Tokens) == 0:
		return nil, fmt.Errorf("no vocabulary")
	case len(v.Tokens) > maxVocab:
		return nil, fmt.Errorf("%d tokens, more than %d", len(v.Tokens), maxVocab)
	case v.Types != nil && len(v.Types) != len(v.Tokens):
		return nil, fmt.Errorf("%d tokens but types of %d", len(v.Tokens), len(v.Types))
	}
	vocab := make(map[string]int, len(v.Tokens))
	var added []addedFile
	for id, token := range v.Tokens {
		kind := typeNormal
		if v.Types != nil {
			kind = v.Types[id]
		}
		switch kind {
		case typeUnused: // no text leads to it
		case typeControl, typeUnknown, typeUserDefined:
			added = append(added, addedFile{ID: id, Content: token, Special: kind != typeUserDefined})
		case typeNormal, typeByte:
			if _, twice := vocab[token]; twice {
				return nil, fmt.Errorf("token %.80q stands twice", token)
			}
			vocab[token] = id
		default:
			return nil, fmt.Errorf("token %d: unknown type %d", id, kind)
		}
	}
	if v.Model == sentencePiece {
		return v.sentencePiece(vocab, added)
	}
	pre, err := preTokenizerOf(v.Pre)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"version": "1.0", "added_tokens": added, "normalizer": pre.normalizer(), "post_processor": nil, "pre_tokenizer": pre.json(), "decoder": map[string]string{"type": "ByteLevel"},
		"model": map[string]any{"type": "BPE", "vocab": vocab, "merges": v.Merges, "ignore_merges": pre.ignoreMerges},
	})
}
