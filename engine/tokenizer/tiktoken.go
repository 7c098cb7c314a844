package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Added is a token beside a vocabulary, as tokenizer_config.json has it.
type Added struct {
	ID      int    `json:"id"`
	Content string `json:"content"`
	Special bool   `json:"special"`
}

// maxSplits bounds the ways in which the tokens of a vocabulary are made of two others: about six for each are common.
const maxSplits = maxMerges

// FromTiktoken makes the tokenizer.json of a tiktoken.model, which holds a token in base64 and its rank in a line, with
// a pre-tokenizer by name. tiktoken merges the two neighbours whose union has the lowest rank, whichever they are: so
// each way to make a token of two others is a merge.
func FromTiktoken(model []byte, added []Added, pre string) ([]byte, error) {
	splitter, err := preTokenizerOf(pre)
	if err != nil {
		return nil, err
	}
	ranks, order, err := readTiktoken(model)
	if err != nil {
		return nil, err
	}
	merges, err := tiktokenMerges(ranks, order)
	if err != nil {
		return nil, err
	}
	vocab := make(map[string]int, len(ranks))
	for token, rank := range ranks {
		vocab[toAlphabet(token)] = rank
	}
	return json.Marshal(map[string]any{
		"version": "1.0", "added_tokens": added, "normalizer": splitter.normalizer(), "post_processor": nil, "pre_tokenizer": splitter.json(), "decoder": map[string]string{"type": "ByteLevel"},
		// A piece that is a token is that token, without a look at the merges.
		"model": map[string]any{"type": "BPE", "vocab": vocab, "merges": merges, "ignore_merges": true},
	})
}

// readTiktoken reads tokens with their ranks, and lists them in order of rank.
func readTiktoken(model []byte) (ranks map[string]int, order []string, err error) {
	ranks = map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(model))
	lines.Buffer(nil, 2*maxTokenSize)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		spelled, number, ok := strings.Cut(line, " ")
		token, err := base64.StdEncoding.DecodeString(spelled)
		if !ok || err != nil || len(token) == 0 {
			return nil, nil, fmt.Errorf("line %d: %.80q is not a token in base64 and its rank", n, line)
		}
		rank, err := strconv.Atoi(number)
		if err != nil || rank < 0 || rank >= maxVocab {
			return nil, nil, fmt.Errorf("line %d: rank %.40q is not in 0 to %d", n, number, maxVocab-1)
		}
		if _, twice := ranks[string(token)]; twice {
			return nil, nil, fmt.Errorf("line %d: token %.80q stands twice", n, token)
		}
		ranks[string(token)] = rank
		order = append(order, string(token))
	}
	if err := lines.Err(); err != nil {
		return nil, nil, err
	}
	if len(order) == 0 {
		return nil, nil, errors.New("no tokens")
	}
	slices.SortFunc(order, func(a, b string) int { return ranks[a] - ranks[b] })
	for i := 1; i < len(order); i++ {
		if ranks[order[i]] == ranks[order[i-1]] {
			return nil, nil, fmt.Errorf("rank %d stands twice", ranks[order[i]])
		}
	}
	return ranks, order, nil
}

// tiktokenMerges lists every way to make a token of two others, in order of its rank, then of theirs.
func tiktokenMerges(ranks map[string]int, order []string) ([]string, error) {
	var merges []string
	for _, token := range order {
		type split struct{ left, right int }
		var splits []split
		var texts []string
		for i := 1; i < len(token); i++ {
			left, ok := ranks[token[:i]]
			right, also := ranks[token[i:]]
			if ok && also {
				splits = append(splits, split{left, right})
				texts = append(texts, toAlphabet(token[:i])+" "+toAlphabet(token[i:]))
			}
		}
		places := make([]int, len(splits))
		for i := range places {
			places[i] = i
		}
		slices.SortFunc(places, func(i, j int) int {
			if d := splits[i].left - splits[j].left; d != 0 {
				return d
			}
			return splits[i].right - splits[j].right
		})
		for _, i := range places {
			merges = append(merges, texts[i])
		}
		if len(merges) > maxSplits {
			return nil, fmt.Errorf("more than %d ways to make tokens of others", maxSplits)
		}
	}
	return merges, nil
}
