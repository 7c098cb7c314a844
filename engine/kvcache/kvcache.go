// Package kvcache keeps the books of the latent cache in plain integers: which tokens a sequence's cached rows
// belong to, how many of them a new prompt can keep, and where a rewind leaves it. It holds no numbers of the
// model and knows no GPU.
package kvcache

// A Sequence is what lies in one sequence's part of the cache: row p belongs to token p.
type Sequence struct {
	tokens []int
}

// Len is the number of valid rows.
func (s *Sequence) Len() int { return len(s.tokens) }

// Reusable is how many leading rows serve the prompt as they are. The prompt's last token is never among them:
// it must be processed again to yield the logits that the answer begins with.
func (s *Sequence) Reusable(prompt []int) int {
	n := 0
	for n < len(s.tokens) && n < len(prompt)-1 && s.tokens[n] == prompt[n] {
		n++
	}
	return n
}

// Rewind keeps the first n rows; later ones will be written again.
func (s *Sequence) Rewind(n int) {
	if n < len(s.tokens) {
		s.tokens = s.tokens[:max(n, 0)]
	}
}

// Append notes that the rows of further tokens are valid.
func (s *Sequence) Append(tokens ...int) { s.tokens = append(s.tokens, tokens...) }
