package tokenizer

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// A toy is a tokenizer.json to be: the 256 bytes have the ids 0 to 255, each merge the next id, added tokens those after.
type toy struct {
	merges       [][2]string // in the byte alphabet
	added        []addedFile // ids are given out here
	preTokenizer string      // byteLevel if empty
	normalizer   string      // null if empty
	ignoreMerges bool
}

// spelling spells a byte in the byte alphabet.
func spelling(b byte) string {
	for r, of := range alphabet {
		if of.ok && of.raw == b {
			return string(rune(r))
		}
	}
	panic("not reached")
}

func (y toy) json(tb testing.TB) []byte {
	vocab := map[string]int{}
	for b := range 256 {
		vocab[spelling(byte(b))] = b
	}
	for _, m := range y.merges {
		vocab[m[0]+m[1]] = len(vocab)
	}
	for i := range y.added {
		y.added[i].ID = len(vocab) + i
	}
	if y.preTokenizer == "" {
		y.preTokenizer = byteLevel
	}
	if y.normalizer == "" {
		y.normalizer = "null"
	}
	data, err := json.Marshal(map[string]any{
		"added_tokens": y.added, "normalizer": json.RawMessage(y.normalizer), "pre_tokenizer": json.RawMessage(y.preTokenizer),
		"model": map[string]any{"type": "BPE", "vocab": vocab, "merges": y.merges, "ignore_merges": y.ignoreMerges},
	})
	require.NoError(tb, err)
	return data
}

// fromJSON compiles a tokenizer.json and reads what comes of it.
func fromJSON(data []byte) (*Tokenizer, error) {
	binary, err := Compile(data)
	if err != nil {
		return nil, err
	}
	return New(binary)
}

func (y toy) build(tb testing.TB) *Tokenizer {
	t, err := fromJSON(y.json(tb))
	require.NoError(tb, err)
	return t
}

// tokens is the content of ids.
func tokens(t *Tokenizer, ids []int) []string {
	list := []string{}
	for _, id := range ids {
		list = append(list, t.Token(id))
	}
	return list
}
