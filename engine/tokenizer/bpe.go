package tokenizer

import (
	"container/heap"
	"strings"
)

// Encode turns text into ids. It never yields an added token: text that spells one is text.
func (t *Tokenizer) Encode(text string) []int {
	var ids []int
	for _, piece := range t.pieces.split(text) {
		ids = t.encodePiece(ids, piece)
	}
	return ids
}

// EncodeSpecial turns text into ids, with added tokens recognised: for templates, never for what people wrote.
func (t *Tokenizer) EncodeSpecial(text string) []int {
	var ids []int
	for text != "" {
		at, token := t.findAdded(text)
		ids = append(ids, t.Encode(text[:at])...)
		if token != "" {
			ids = append(ids, t.added[token])
		}
		text = text[at+len(token):]
	}
	return ids
}

// findAdded finds the first added token in the text, the longest of those that begin there.
func (t *Tokenizer) findAdded(text string) (at int, token string) {
	at = len(text)
	for _, candidate := range t.longest {
		if i := strings.Index(text[:min(len(text), at+len(candidate))], candidate); i >= 0 && i < at {
			at, token = i, candidate
		}
	}
	return at, token
}

// A symbol is a token of a piece that is being merged, in a doubly linked list.
type symbol struct {
	id             int
	previous, next int // indices, -1 at the ends
	dead           bool
}

// A candidate is a pair of neighbours that may be merged; it is stale if they have changed since.
type candidate struct {
	order       int // rank of the merge: lower first
	left        int // index of the left symbol
	leftID, rid int
	merged      int
}

type candidates []candidate

func (c candidates) Len() int { return len(c) }
func (c candidates) Less(i, j int) bool {
	return c[i].order < c[j].order || c[i].order == c[j].order && c[i].left < c[j].left
}
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)   { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// encodePiece merges the bytes of one piece, lowest rank first and leftmost among equals, in O(n log n).
func (t *Tokenizer) encodePiece(ids []int, piece string) []int {
	if t.whole {
		if id, ok := t.ids[piece]; ok {
			return append(ids, id)
		}
	}
	symbols := make([]symbol, 0, len(piece))
	for i := range len(piece) {
		id, ok := t.ids[piece[i:i+1]]
		if !ok {
			continue // a vocabulary that lacks a byte drops it, as Hugging Face does without an unknown token
		}
		symbols = append(symbols, symbol{id: id, previous: len(symbols) - 1, next: len(symbols) + 1})
	}
	if len(symbols) == 0 {
		return ids
	}
	symbols[len(symbols)-1].next = -1
	var queue candidates
	consider := func(left int) {
		if left < 0 || symbols[left].next < 0 {
			return
		}
		p := pair{symbols[left].id, symbols[symbols[left].next].id}
		if r, ok := t.ranks[p]; ok {
			queue = append(queue, candidate{r.order, left, p.left, p.right, r.id})
		}
	}
	for i := range symbols {
		consider(i)
	}
	heap.Init(&queue)
	for queue.Len() > 0 {
		c := heap.Pop(&queue).(candidate)
		left := &symbols[c.left]
		if left.dead || left.id != c.leftID || left.next < 0 || symbols[left.next].id != c.rid {
			continue
		}
		right := left.next
		symbols[right].dead = true
		left.id, left.next = c.merged, symbols[right].next
		if left.next >= 0 {
			symbols[left.next].previous = c.left
		}
		for _, at := range []int{left.previous, c.left} {
			before := len(queue)
			consider(at)
			if len(queue) > before {
				heap.Fix(&queue, len(queue)-1)
			}
		}
	}
	for i := 0; i >= 0; i = symbols[i].next {
		ids = append(ids, symbols[i].id)
	}
	return ids
}
