package tokenizer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// sentencePiece is what GGUF files call vocabularies of SentencePiece's BPE: of characters, with scores in place of merges.
const sentencePiece = "llama"

// sentencePiece makes the tokenizer.json of such a vocabulary. SentencePiece merges the two neighbours whose union has the
// greatest score, whichever they are: so each way to make a token of two others is a merge.
func (v *Vocabulary) sentencePiece(vocab map[string]int, added []addedFile) ([]byte, error) {
	if len(v.Scores) != len(v.Tokens) {
		return nil, fmt.Errorf("%d tokens but scores of %d", len(v.Tokens), len(v.Scores))
	}
	merges, err := v.merges(vocab)
	if err != nil {
		return nil, err
	}
	normalizers := []map[string]any{{"type": "Replace", "pattern": map[string]string{"String": " "}, "content": blank}}
	if !v.NoPrefix {
		normalizers = append([]map[string]any{{"type": "Prepend", "prepend": blank}}, normalizers...)
	}
	return json.Marshal(map[string]any{
		"version": "1.0", "added_tokens": added, "normalizer": map[string]any{"type": "Sequence", "normalizers": normalizers},
		"post_processor": nil, "pre_tokenizer": nil, "decoder": nil,
		"model": map[string]any{"type": "BPE", "vocab": vocab, "merges": merges, "byte_fallback": true},
	})
}

// merges lists every way to make a token of two others, the greatest score first; of equal ones in order of the parts' ids.
func (v *Vocabulary) merges(vocab map[string]int) ([][2]string, error) {
	type merge struct{ whole, left, right int }
	var all []merge
	for token, id := range vocab {
		for at, r := range token {
			if at == 0 || r == utf8.RuneError {
				continue
			}
			left, ok := vocab[token[:at]]
			right, also := vocab[token[at:]]
			if ok && also {
				all = append(all, merge{id, left, right})
			}
		}
		if len(all) > maxMerges {
			return nil, fmt.Errorf("more than %d ways to make tokens of others", maxMerges)
		}
	}
	slices.SortFunc(all, func(a, b merge) int {
		return cmp.Or(cmp.Compare(v.Scores[b.whole], v.Scores[a.whole]), a.left-b.left, a.right-b.right)
	})
	texts := make([][2]string, len(all))
	for i, m := range all {
		texts[i] = [2]string{v.Tokens[m.left], v.Tokens[m.right]}
	}
	return texts, nil
}
