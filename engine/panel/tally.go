package panel

import (
	"cmp"
	"slices"

	"tabseek/engine/message"
)

// A ballot is what a trace answers, and how much that counts.
type ballot struct {
	key    string // empty: an answer that cannot be counted
	weight float64
}

// A tally is the ballots in groups of one answer, the heaviest first; of equal ones, that which came first.
type tally struct {
	groups []message.Group
	total  float64 // of all ballots, the empty ones too
}

func count(ballots []ballot) tally {
	var t tally
	at := map[string]int{}
	for _, b := range ballots {
		t.total += b.weight
		if b.key == "" {
			continue
		}
		i, known := at[b.key]
		if !known {
			i = len(t.groups)
			at[b.key] = i
			t.groups = append(t.groups, message.Group{Key: b.key})
		}
		t.groups[i].Count++
		t.groups[i].Weight += b.weight
	}
	slices.SortStableFunc(t.groups, func(a, b message.Group) int { return cmp.Compare(b.Weight, a.Weight) })
	return t
}

// leaders are the weights of the two heaviest groups.
func (t tally) leaders() (first, second float64) {
	if len(t.groups) > 0 {
		first = t.groups[0].Weight
	}
	if len(t.groups) > 1 {
		second = t.groups[1].Weight
	}
	return first, second
}

// leader is the answer that outweighs every other; false if there is none, as in a tie.
func (t tally) leader() (string, bool) {
	first, second := t.leaders()
	if first <= second {
		return "", false
	}
	return t.groups[0].Key, true
}

// majority is the answer that most agree on: of several that as many agree on, that of the first trace. It is false where
// nobody agrees with anybody.
func (t tally) majority() (key string, tied, ok bool) {
	if key, ok := t.leader(); ok {
		return key, false, true
	}
	if len(t.groups) == 0 || t.groups[0].Count < 2 {
		return "", false, false
	}
	return t.groups[0].Key, true, true
}

// agreement is the leader's share of all ballots.
func (t tally) agreement() float64 {
	if first, _ := t.leaders(); t.total > 0 {
		return first / t.total
	}
	return 0
}
