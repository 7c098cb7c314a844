package tokenizer

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// Encode turns text into ids. It never yields a control token: text that spells one is text.
func (t *Tokenizer) Encode(text string) []int { return t.encode(text, &t.textAdded, atStart) }

// EncodeAfter is Encode for a text that follows a control token: some tokenizers put a space before the first one alone.
func (t *Tokenizer) EncodeAfter(text string) []int { return t.encode(text, &t.textAdded, afterToken) }

// EncodeWithin is Encode for a text that another goes on with: no tokenizer puts a space before it.
func (t *Tokenizer) EncodeWithin(text string) []int { return t.encode(text, &t.textAdded, within) }

// EncodeSpecial turns text into ids, with control tokens recognised: for templates, never for what people wrote.
func (t *Tokenizer) EncodeSpecial(text string) []int { return t.encode(text, &t.everyAdded, atStart) }

func (t *Tokenizer) encode(text string, added *finders, at place) []int {
	m := newMerger(t, len(text))
	pieces := newSplitter(&t.layout, m.piece)
	pieces.place = at
	token := func(id int) {
		m.ids = append(m.ids, id)
		pieces.place = afterToken
	}
	added.raw.cut(text, func(text string) {
		added.normalized.cut(t.normalize(text, pieces.place), pieces.split, token)
	}, token)
	return m.ids
}

// blank spells a space in vocabularies of characters.
const blank = "▁"

// normalize does to a text what comes before it is split.
func (t *Tokenizer) normalize(text string, at place) string {
	if t.settings&settingNFC != 0 {
		text = nfc(text)
	}
	if t.settings&settingCharacters != 0 {
		text = strings.ReplaceAll(text, blank, " ")
	}
	if t.settings&settingPrefix != 0 && at != within && text != "" {
		text = " " + text
	}
	return text
}

// A merger encodes pieces one after the other; only its buffers are shared between them.
type merger struct {
	tokenizer *Tokenizer
	ids       []int
	symbols   []symbol
	queue     queue
	known     []known // pieces merged before, by their hash: a power of two, few for a short text
}

// mostKnown is how many pieces a merger recalls at most, as a power of two.
const mostKnown = 11

// newMerger makes a merger for a text of so many bytes.
func newMerger(t *Tokenizer, bytes int) merger {
	return merger{
		tokenizer: t,
		ids:       make([]int, 0, bytes/4+1),
		known:     make([]known, 1<<min(bits.Len(uint(bytes/64)), mostKnown)),
	}
}

// A known piece has been merged: its ids are ids[from:to].
type known struct {
	piece    string
	from, to int
}

// recall finds where a piece is kept, by a hash of a few of its bytes.
func (m *merger) recall(piece string) *known {
	h := uint32(len(piece))
	for _, c := range [...]byte{piece[0], piece[1], piece[len(piece)/2], piece[len(piece)-1]} {
		h = h*31 + uint32(c)
	}
	return &m.known[h*2654435769>>(32-bits.TrailingZeros(uint(len(m.known))))]
}

// A symbol is a token of a piece that is being merged, in a doubly linked list.
type symbol struct {
	id             uint32 // gone once it is merged into the symbol on its left
	previous, next int32  // indices, none at the ends
}

const (
	none = -1
	gone = 1<<32 - 1
)

// piece merges the bytes or characters of one piece, lowest rank first and leftmost among equals, in O(n log n).
func (m *merger) piece(piece string) {
	characters := m.tokenizer.settings&settingCharacters != 0
	if len(piece) > 1 || characters {
		if id := m.tokenizer.whole(piece); id != none {
			m.ids = append(m.ids, id)
			return
		}
	}
	if len(piece) == 1 {
		if id := m.tokenizer.bytes[piece[0]]; id != none {
			m.ids = append(m.ids, int(id))
		}
		return
	}
	k := m.recall(piece)
	if k.piece == piece { // texts say the same words again and again
		m.ids = append(m.ids, m.ids[k.from:k.to]...)
		return
	}
	from := len(m.ids)
	m.symbols, m.queue = m.symbols[:0], m.queue[:0]
	for i := 0; i < len(piece); i++ {
		if characters {
			_, size := utf8.DecodeRuneInString(piece[i:])
			if id := m.tokenizer.whole(piece[i : i+size]); id != none {
				m.add(id)
				i += size - 1
				continue
			}
		}
		// A vocabulary that lacks a byte drops it, as Hugging Face does without an unknown token.
		if id := m.tokenizer.bytes[piece[i]]; id != none {
			m.add(int(id))
		}
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
	*k = known{piece, from, len(m.ids)}
}

// add adds a symbol at the end.
func (m *merger) add(id int) {
	n := int32(len(m.symbols))
	m.symbols = append(m.symbols, symbol{id: uint32(id), previous: n - 1, next: n + 1})
}

// consider queues the merge of a symbol and its right neighbour, if there is one.
func (m *merger) consider(left int32) {
	if left == none || m.symbols[left].next == none {
		return
	}
	if rank := m.tokenizer.rank(m.symbols[left].id, m.symbols[m.symbols[left].next].id); rank != none {
		m.queue.push(candidate(rank)<<32 | candidate(left))
	}
}

// merge carries out a candidate unless its symbols have changed since it was queued.
func (m *merger) merge(c candidate) {
	leftID, rightID, merged := m.tokenizer.merge(int(c >> 32))
	at := int32(uint32(c))
	left := &m.symbols[at]
	if left.id != leftID || left.next == none || m.symbols[left.next].id != rightID {
		return
	}
	right := &m.symbols[left.next]
	left.id, left.next = merged, right.next
	right.id = gone
	if left.next != none {
		m.symbols[left.next].previous = at
	}
	m.consider(left.previous)
	m.consider(at)
}

// A candidate is a pair of neighbours that may be merged: rank<<32 | index of the left symbol. The least comes first.
type candidate uint64

// A queue is a binary heap, as container/heap has it but without an allocation for each candidate.
type queue []candidate

func (q *queue) push(c candidate) {
	h := append(*q, c)
	i := len(h) - 1
	for i > 0 && c < h[(i-1)/2] {
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
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if child >= len(h) || last <= h[child] {
			h[i] = last
			break
		}
		h[i], i = h[child], child
	}
	*q = h
	return first
}
