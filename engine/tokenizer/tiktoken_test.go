package tokenizer

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// toyRanks is a vocabulary of the 256 bytes and unions of two that are there, over few letters.
func toyRanks(rng *rand.Rand, size int) (ranks map[string]int, file string) {
	ranks = map[string]int{}
	var order []string
	add := func(token string) {
		if _, ok := ranks[token]; !ok {
			ranks[token] = len(order)
			order = append(order, token)
		}
	}
	for b := range 256 {
		add(string([]byte{byte(b)}))
	}
	letters := []string{"a", "b", "c", " ", "\xe4", "\xbd", "\xa0"}
	pick := func() string {
		if len(order) == 256 || rng.IntN(2) == 0 {
			return letters[rng.IntN(len(letters))]
		}
		return order[256+rng.IntN(len(order)-256)]
	}
	for len(order) < size {
		if union := pick() + pick(); len(union) < 12 {
			add(union)
		}
	}
	var out strings.Builder
	for _, token := range order {
		fmt.Fprintf(&out, "%s %d\n", base64.StdEncoding.EncodeToString([]byte(token)), ranks[token])
	}
	return ranks, out.String()
}

// bpe merges a piece as tiktoken does: the neighbours whose union has the lowest rank, the leftmost of equal ones.
func bpe(ranks map[string]int, piece string) (ids []int) {
	if id, ok := ranks[piece]; ok {
		return []int{id}
	}
	var parts []string
	for i := range len(piece) {
		parts = append(parts, piece[i:i+1])
	}
	for {
		at, lowest := -1, 1<<30
		for i := range len(parts) - 1 {
			if rank, ok := ranks[parts[i]+parts[i+1]]; ok && rank < lowest {
				at, lowest = i, rank
			}
		}
		if at < 0 {
			break
		}
		parts = append(append(parts[:at:at], parts[at]+parts[at+1]), parts[at+2:]...)
	}
	for _, part := range parts {
		ids = append(ids, ranks[part])
	}
	return ids
}

func TestTiktoken(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		ranks, file := toyRanks(rng, 500)
		text, err := FromTiktoken([]byte(file), []Added{{ID: 500, Content: "<|im_end|>", Special: true}}, "kimi-k2")
		require.NoError(t, err)
		tok, err := fromJSON(text)
		require.NoError(t, err)
		require.Equal(t, 501, tok.VocabSize())
		id, ok := tok.AddedID("<|im_end|>")
		require.True(t, ok)
		require.Equal(t, 500, id)
		for range 200 {
			var piece strings.Builder
			for range 1 + rng.IntN(30) {
				piece.WriteString([]string{"a", "b", "c"}[rng.IntN(3)])
			}
			require.Equal(t, bpe(ranks, piece.String()), tok.Encode(piece.String()), piece.String())
		}
		require.Equal(t, "你ab c", tok.Decode(tok.Encode("你ab c")))
	}
}

func TestTiktokenRefuses(t *testing.T) {
	for name, c := range map[string]struct{ model, want string }{
		"nothing":      {"", "no tokens"},
		"no rank":      {"YQ==", "line 1:"},
		"no base64":    {"YQ== 0\n*** 1", "line 2:"},
		"empty token":  {" 0", "line 1:"},
		"no number":    {"YQ== x", `rank "x"`},
		"negative":     {"YQ== -1", `rank "-1"`},
		"huge":         {"YQ== 99999999", "rank"},
		"token twice":  {"YQ== 0\nYQ== 1", `token "a" stands twice`},
		"rank twice":   {"YQ== 0\nYg== 0", "rank 0 stands twice"},
		"a long line":  {strings.Repeat("A", 1<<18), "token too long"},
		"another file": {"<html></html>", "line 1:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FromTiktoken([]byte(c.model), nil, "kimi-k2")
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := FromTiktoken([]byte("YQ== 0"), nil, "parrot")
	require.ErrorContains(t, err, `pre-tokenizer "parrot" is not known`)
}

func FuzzTiktoken(f *testing.F) {
	_, file := toyRanks(rand.New(rand.NewPCG(1, 1)), 270)
	f.Add(file)
	f.Add("YQ== 0\nYmI= 1\n")
	f.Fuzz(func(t *testing.T, model string) {
		text, err := FromTiktoken([]byte(model), nil, "kimi-k2")
		if err != nil {
			return
		}
		tok, err := fromJSON(text)
		if err == nil {
			tok.Encode("ab c")
		}
	})
}
