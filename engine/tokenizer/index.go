package tokenizer

import "errors"

// An index finds records by their hash: open addressing in a table of record numbers.
type index struct {
	slots []uint32 // a record's number + 1, or 0
	shift int      // what a hash is shifted by to be the number of a slot
	left  int      // how often add may still meet a slot that is taken
}

// collisionsPerRecord bounds what adding records costs. With sound hashes and two thirds of the slots taken it is one;
// a file that is made to collide is refused.
const collisionsPerRecord = 16

var errCollisions = errors.New("contents or merges that are made to collide")

func newIndex(records int) index {
	x := index{shift: 63, left: collisionsPerRecord * (records + 16)}
	for size := 2; ; size *= 2 {
		if size >= records+records/2+1 {
			x.slots = make([]uint32, size)
			return x
		}
		x.shift--
	}
}

// at begins a search for a hash: the record in the first slot, if there is one.
func (x *index) at(hash uint64) (slot int, record int) {
	slot = int(hash >> x.shift)
	return slot, int(x.slots[slot]) - 1
}

// next is the record in the slot after this one.
func (x *index) next(slot int) (int, int) {
	slot = (slot + 1) & (len(x.slots) - 1)
	return slot, int(x.slots[slot]) - 1
}

func (x *index) add(hash uint64, record int) error {
	slot, taken := x.at(hash)
	for ; taken != none; slot, taken = x.next(slot) {
		if x.left--; x.left < 0 {
			return errCollisions
		}
	}
	x.slots[slot] = uint32(record + 1)
	return nil
}

const hashFactor = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio, as Knuth hashes

func hashPair(left, right uint32) uint64 { return (uint64(left)<<32 | uint64(right)) * hashFactor }

// hashContent is FNV-1a, spread over the upper bits.
func hashContent[T string | []byte](content T) uint64 {
	hash := uint64(0xcbf29ce484222325)
	for i := range len(content) {
		hash = (hash ^ uint64(content[i])) * 0x100000001b3
	}
	return hash * hashFactor
}

// indexTokens finds the tokens that a piece becomes at once, and those of single bytes.
func (t *Tokenizer) indexTokens() error {
	count := 0
	for id := range t.VocabSize() {
		if t.flags(id)&flagWhole != 0 {
			count++
		}
	}
	for b := range t.bytes {
		t.bytes[b] = none
	}
	t.wholes = newIndex(count)
	for id := range t.VocabSize() {
		if t.flags(id)&flagWhole == 0 {
			continue
		}
		content := t.content(id)
		if len(content) == 1 {
			t.bytes[content[0]] = int32(id)
		}
		if err := t.wholes.add(hashContent(content), id); err != nil {
			return err
		}
	}
	return nil
}

// whole is the token that a piece becomes at once, or none.
func (t *Tokenizer) whole(piece string) int {
	slot, id := t.wholes.at(hashContent(piece))
	for id != none && string(t.content(id)) != piece {
		slot, id = t.wholes.next(slot)
	}
	return id
}

func (t *Tokenizer) indexMerges() error {
	count := len(t.merges) / mergeSize
	t.pairs = newIndex(count)
	for rank := range count {
		left, right, _ := t.merge(rank)
		if err := t.pairs.add(hashPair(left, right), rank); err != nil {
			return err
		}
	}
	return nil
}

// rank is the rank of the merge of two tokens, or none.
func (t *Tokenizer) rank(left, right uint32) int {
	slot, rank := t.pairs.at(hashPair(left, right))
	for rank != none {
		if l, r, _ := t.merge(rank); l == left && r == right {
			break
		}
		slot, rank = t.pairs.next(slot)
	}
	return rank
}
