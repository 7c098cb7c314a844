package main

import (
	"encoding/json"
	"fmt"
)

// madeUpSpecial are the special tokens of a made-up tokenizer, the last of its vocabulary: those of DeepSeek-R1's
// conversations, the beginning and the end of a sequence first.
var madeUpSpecial = []string{
	"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>",
}

// deepSeekSplits are the patterns by which DeepSeek-V3's tokenizer cuts text before merging.
var deepSeekSplits = []string{
	`\p{N}{1,3}`,
	`[一-龥぀-ゟ゠-ヿ]+`,
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
}

// madeUpTokenizer is a tokenizer.json with as many tokens as a vocabulary has ids: every byte, merges of letters, and
// special tokens from id first on. A merge is of two tokens that are there: two letters, three, or two pairs, with or
// without the space before a word.
func madeUpTokenizer(size int) (text []byte, first int, err error) {
	vocabulary := map[string]int{}
	for _, r := range byteAlphabet() {
		vocabulary[string(r)] = len(vocabulary)
	}
	first = size - len(madeUpSpecial)
	var merges []string
	merge := func(a, b string) bool {
		if len(vocabulary) < first {
			vocabulary[a+b] = len(vocabulary)
			merges = append(merges, a+" "+b)
		}
		return len(vocabulary) < first
	}
	letters := make([]string, 26)
	for i := range letters {
		letters[i] = string(rune('a' + i))
	}
	pairs := cross(append([]string{"Ġ"}, letters...), letters, merge)
	cross(pairs, letters, merge)
	cross(pairs, pairs[26:], merge) // without those that begin with the space
	if len(vocabulary) < first {
		return nil, 0, fmt.Errorf("a vocabulary of %d is more than merges of four letters fill", size)
	}
	var added []map[string]any
	for i, token := range madeUpSpecial {
		added = append(added, map[string]any{"id": first + i, "content": token, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
	}
	var splits []any
	for _, pattern := range deepSeekSplits {
		splits = append(splits, map[string]any{"type": "Split", "pattern": map[string]string{"Regex": pattern}, "behavior": "Isolated", "invert": false})
	}
	splits = append(splits, map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false})
	text, err = json.Marshal(map[string]any{
		"version": "1.0", "added_tokens": added, "normalizer": nil,
		"pre_tokenizer": map[string]any{"type": "Sequence", "pretokenizers": splits},
		"decoder":       map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model":         map[string]any{"type": "BPE", "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary, "merges": merges},
	})
	return text, first, err
}

// cross merges each of a with each of b until merge says that it is enough, and returns what came of it.
func cross(a, b []string, merge func(a, b string) bool) []string {
	var out []string
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
			if !merge(x, y) {
				return out
			}
		}
	}
	return out
}

// byteAlphabet is the character that stands for each byte in byte-level BPE: printable ones for themselves, the others
// from U+0100 on.
func byteAlphabet() []rune {
	alphabet := make([]rune, 256)
	next := rune(256)
	for b := range alphabet {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			alphabet[b] = rune(b)
			continue
		}
		alphabet[b] = next
		next++
	}
	return alphabet
}
