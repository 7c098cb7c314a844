package tokenizer

// Encode turns text into ids. It never yields a control token: text that spells one is text.
func (t *Tokenizer) Encode(text string) []int { return t.encode(text, &t.textAdded) }

// EncodeSpecial turns text into ids, with control tokens recognised: for templates, never for what people wrote.
func (t *Tokenizer) EncodeSpecial(text string) []int { return t.encode(text, &t.everyAdded) }

func (t *Tokenizer) encode(text string, added *finder) []int {
	m, limit := merger{tokenizer: t}, newLimiter()
	for text != "" {
		before, token, rest := added.cut(text)
		for _, piece := range t.pieces.split(before, limit) {
			m.piece(piece)
		}
		if token != nil {
			m.ids = append(m.ids, token.ID)
		}
		text = rest
	}
	return m.ids
}

// A merger encodes pieces one after the other; only its buffers are shared between them.
type merger struct {
	tokenizer *Tokenizer
	ids       []int
	symbols   []symbol
	queue     queue
}

// A symbol is a token of a piece that is being merged, in a doubly linked list.
type symbol struct {
	id             int32 // gone once it is merged into the symbol on its left
	previous, next int32 // indices, none at the ends
}

const (
	none = -1
	gone = -1
)

// piece merges the bytes of one piece, lowest rank first and leftmost among equals, in O(n log n).
func (m *merger) piece(piece string) {
	t := m.tokenizer
	if t.whole {
		if id, ok := t.ids[piece]; ok {
			m.ids = append(m.ids, int(id))
			return
		}
	}
	m.symbols, m.queue = m.symbols[:0], m.queue[:0]
	for i := range len(piece) {
		id := t.bytes[piece[i]]
		if id == none {
			continue // a vocabulary that lacks a byte drops it, as Hugging Face does without an unknown token
		}
		n := int32(len(m.symbols))
		m.symbols = append(m.symbols, symbol{id: id, previous: n - 1, next: n + 1})
	}
	if len(m.symbols) == 0 {
		return
	}
	m.symbols[len(m.symbols)-1].next = none
	for i := range m.symbols {
		m.consider(int32(i))
	}
	for len(m.queue) > 0 {
		m.merge(m.queue.pop())
	}
	for i := int32(0); i != none; i = m.symbols[i].next {
		m.ids = append(m.ids, int(m.symbols[i].id))
	}
}

// consider queues the merge of a symbol and its right neighbour, if there is one.
func (m *merger) consider(left int32) {
	if left == none || m.symbols[left].next == none {
		return
	}
	p := pair{m.symbols[left].id, m.symbols[m.symbols[left].next].id}
	if r, ok := m.tokenizer.ranks[p]; ok {
		m.queue.push(candidate{r, left, p})
	}
}

// merge carries out a candidate unless its symbols have changed since it was queued.
func (m *merger) merge(c candidate) {
	left := &m.symbols[c.left]
	if left.id != c.pair.left || left.next == none || m.symbols[left.next].id != c.pair.right {
		return
	}
	right := &m.symbols[left.next]
	left.id, left.next = c.rank.id, right.next
	right.id = gone
	if left.next != none {
		m.symbols[left.next].previous = c.left
	}
	m.consider(left.previous)
	m.consider(c.left)
}

// A candidate is a pair of neighbours that may be merged.
type candidate struct {
	rank rank
	left int32 // index of the left symbol
	pair pair
}

func (c candidate) less(d candidate) bool {
	return c.rank.order < d.rank.order || c.rank.order == d.rank.order && c.left < d.left
}

// A queue is a binary heap, as container/heap has it but without an allocation for each candidate.
type queue []candidate

func (q *queue) push(c candidate) {
	h := append(*q, c)
	i := len(h) - 1
	for i > 0 && c.less(h[(i-1)/2]) {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = c
	*q = h
}

func (q *queue) pop() candidate {
	h := *q
	first, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	for i := 0; len(h) > 0; {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1].less(h[child]) {
			child++
		}
		if child >= len(h) || !h[child].less(last) {
			h[i] = last
			break
		}
		h[i], i = h[child], child
	}
	*q = h
	return first
}
