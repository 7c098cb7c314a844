package tokenizer

import (
	"errors"
	"fmt"
)

// An index finds records by their hash: open addressing in a table that is at most half full. A slot is 0, or a
// record's number + 1 and above it a tag, some more bits of the hash: what has another hash is seldom looked at.
type index struct {
	slots []uint32
	shift int // what a hash is shifted by to be the number of a slot
	left  int // how often add may still meet a slot that is taken
}

const (
	recordBits = 21
	recordMask = 1<<recordBits - 1
)

// collisionsPerRecord bounds what adding records costs. With sound hashes it is less than one; a file that is made to
// collide is refused.
const collisionsPerRecord = 16

var errCollisions = errors.New("contents or merges that are made to collide")

func newIndex(records int) index {
	x := index{shift: 63, left: collisionsPerRecord * (records + 16)}
	for size := 2; ; size *= 2 {
		if size >= 2*records {
			x.slots = make([]uint32, size)
			return x
		}
		x.shift--
	}
}

// tag is the bits of a hash that a slot holds, none of those that choose it.
func tag(hash uint64) uint32 { return uint32(hash>>8) &^ recordMask }

// find looks in the slot of a hash and those after it, until one holds the tag. It returns the record, or none.
func (x *index) find(hash uint64) (slot, record int) { return x.from(int(hash>>x.shift), hash) }

// next goes on after a slot whose record is another.
func (x *index) next(slot int, hash uint64) (int, int) { return x.from(slot+1, hash) }

func (x *index) from(slot int, hash uint64) (int, int) {
	slots, tag := x.slots, tag(hash)
	for {
		slot &= len(slots) - 1
		held := slots[slot]
		if held == 0 {
			return slot, none
		}
		if held&^recordMask == tag {
			return slot, int(held&recordMask) - 1
		}
		slot++
	}
}

func (x *index) add(hash uint64, record int) error {
	slot := int(hash >> x.shift)
	for ; x.slots[slot] != 0; slot = (slot + 1) & (len(x.slots) - 1) {
		if x.left--; x.left < 0 {
			return errCollisions
		}
	}
	x.slots[slot] = tag(hash) | uint32(record+1)
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
	for b := range t.byteTokens.len() {
		t.bytes[b] = int32(t.byteTokens.at(b))
	}
	t.wholes = newIndex(count)
	for id := range t.VocabSize() {
		if t.flags(id)&flagWhole == 0 {
			continue
		}
		content := t.content(id)
		if len(content) == 1 && t.settings&settingCharacters == 0 {
			t.bytes[content[0]] = int32(id)
		}
		if err := t.wholes.add(hashContent(content), id); err != nil {
			return fmt.Errorf("token %d: %w", id, err)
		}
	}
	return nil
}

// whole is the token that a piece becomes at once, or none.
func (t *Tokenizer) whole(piece string) int {
	hash := hashContent(piece)
	slot, id := t.wholes.find(hash)
	for id != none && string(t.content(id)) != piece {
		slot, id = t.wholes.next(slot, hash)
	}
	return id
}

func (t *Tokenizer) indexMerges() error {
	count := len(t.merges) / mergeSize
	t.pairs = newIndex(count)
	for rank := range count {
		left, right, _ := t.merge(rank)
		if err := t.pairs.add(hashPair(left, right), rank); err != nil {
			return fmt.Errorf("merge %d: %w", rank, err)
		}
	}
	return nil
}

// rank is the rank of the merge of two tokens, or none.
func (t *Tokenizer) rank(left, right uint32) int {
	hash := hashPair(left, right)
	slot, rank := t.pairs.find(hash)
	for rank != none {
		if l, r, _ := t.merge(rank); l == left && r == right {
			break
		}
		slot, rank = t.pairs.next(slot, hash)
	}
	return rank
}
