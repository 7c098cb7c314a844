package kvcache_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/kvcache"
)

// rows are what lies in the pages: the tokens that a row was computed from, its own last.
type rows map[uint32][kvcache.PageSize]uint64

// hashes tells the beginnings of a text apart.
func hashes(tokens []int) []uint64 {
	list, h := make([]uint64, len(tokens)), uint64(1)
	for i, token := range tokens {
		h = (h + uint64(token) + 1) * 0x9e3779b97f4a7c15
		h ^= h >> 29
		list[i] = h
	}
	return list
}

// A user does with a cache what an engine does, and checks that every row that is told to be valid holds what it must.
type user struct {
	t     *testing.T
	cache *kvcache.Cache
	rows  rows
}

func newUser(t *testing.T, pages int) *user { return &user{t, kvcache.New(pages), rows{}} }

func (u *user) begin(prompt []int) *kvcache.Sequence {
	s, copied := u.cache.Begin(prompt)
	if copied != nil {
		u.rows[copied.To] = u.rows[copied.From]
	}
	u.check(s, prompt)
	return s
}

func (u *user) check(s *kvcache.Sequence, tokens []int) {
	table, want := s.Table(), hashes(tokens[:s.Len()])
	for position, hash := range want {
		if u.rows[table[position/kvcache.PageSize]][position%kvcache.PageSize] != hash {
			require.Fail(u.t, "wrong row", "row %d of %d", position, s.Len())
		}
	}
}

// run computes rows up to n; false if there are no pages for them.
func (u *user) run(s *kvcache.Sequence, tokens []int, n int) bool {
	if !s.Reserve(n) {
		return false
	}
	table, hash := s.Table(), hashes(tokens)
	for s.Len() < n {
		at := s.Len()
		page := u.rows[table[at/kvcache.PageSize]]
		page[at%kvcache.PageSize] = hash[at]
		u.rows[table[at/kvcache.PageSize]] = page
		s.Append(tokens[at])
	}
	return true
}

func count(n, seed int) []int {
	tokens := make([]int, n)
	for i := range tokens {
		tokens[i] = i*31 + seed
	}
	return tokens
}

func TestBegin(t *testing.T) {
	long := count(200, 0)
	for _, c := range []struct {
		name           string
		cached, prompt []int
		want           int
	}{
		{"nothing cached", nil, []int{1, 2}, 0},
		{"longer prompt", []int{1, 2, 3}, []int{1, 2, 3, 4}, 3},
		{"same prompt keeps all but the last", []int{1, 2, 3}, []int{1, 2, 3}, 2},
		{"shorter prompt", []int{1, 2, 3, 4}, []int{1, 2}, 1},
		{"differs in the middle", []int{1, 2, 3, 4}, []int{1, 2, 9, 4, 5}, 2},
		{"one token", []int{1}, []int{1}, 0},
		{"no token", []int{1}, nil, 0},
		{"whole pages", long[:128], long, 128},
		{"the last token of a whole page", long[:128], long[:128], 127},
		{"pages and a part", long[:150], long, 150},
		{"parts in the third page", long, slices.Concat(long[:130], []int{7, 7}), 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newUser(t, 10)
			s := u.begin(c.cached)
			require.True(t, u.run(s, c.cached, len(c.cached)))
			s.End()
			require.Zero(t, u.cache.InUse())
			s = u.begin(c.prompt)
			require.Equal(t, c.want, s.Len())
		})
	}
}

// Sequences with the same beginning share its whole pages while they run, and have a last page of their own.
func TestShare(t *testing.T) {
	u := newUser(t, 20)
	prompt := count(150, 0)
	first := u.begin(prompt)
	require.True(t, u.run(first, prompt, 149))
	second := u.begin(prompt)
	require.Equal(t, 149, second.Len())
	require.Equal(t, first.Table()[:2], second.Table()[:2])
	require.NotEqual(t, first.Table()[2], second.Table()[2])
	require.Equal(t, 4, u.cache.InUse())
	first.End()
	second.End()
	require.Zero(t, u.cache.InUse())
}

// What is dropped is not found again, unless others have it too.
func TestDrop(t *testing.T) {
	u := newUser(t, 20)
	prompt := count(150, 0)
	first := u.begin(prompt)
	require.True(t, u.run(first, prompt, 150))
	second := u.begin(prompt[:100])
	first.Drop()
	second.End()
	require.Equal(t, 99, u.begin(prompt).Len())
}

// Few pages: those that have been out of use for the longest make room, those in use never.
func TestEvict(t *testing.T) {
	u := newUser(t, 1+4)
	a, b := count(128, 1), count(128, 2)
	s := u.begin(a)
	require.True(t, u.run(s, a, 128))
	s.End()
	s = u.begin(b)
	require.True(t, u.run(s, b, 128))
	require.False(t, s.Reserve(5*kvcache.PageSize), "more than there are")
	s.End()
	s = u.begin(b)
	require.Equal(t, 127, s.Len(), "the younger one was kept")
	require.Zero(t, u.begin(a).Len())
}

// A random walk over prompts with common beginnings, answers, ends and drops, in a cache that is too small for all of it.
func TestRandomWalk(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 0))
		u := newUser(t, 4+random.IntN(30))
		type running struct {
			*kvcache.Sequence
			tokens []int
		}
		var live []running
		var texts [][]int
		for range 300 {
			switch random.IntN(5) {
			case 0, 1:
				var prompt []int
				if len(texts) > 0 {
					text := texts[random.IntN(len(texts))]
					prompt = slices.Clone(text[:random.IntN(len(text)+1)])
				}
				for range 1 + random.IntN(100) {
					prompt = append(prompt, random.IntN(3))
				}
				live = append(live, running{u.begin(prompt), prompt})
				texts = append(texts, prompt)
			case 2, 3:
				if len(live) > 0 {
					i := random.IntN(len(live))
					r := &live[i]
					for range random.IntN(80) {
						r.tokens = append(r.tokens, random.IntN(3))
					}
					texts = append(texts, r.tokens)
					if !u.run(r.Sequence, r.tokens, random.IntN(len(r.tokens)+1)) && len(live) > 1 {
						r.End()
						live = slices.Delete(live, i, i+1)
					}
				}
			case 4:
				if len(live) > 0 {
					i := random.IntN(len(live))
					if random.IntN(10) == 0 {
						live[i].Drop()
					} else {
						live[i].End()
					}
					live = slices.Delete(live, i, i+1)
				}
			}
			for _, r := range live {
				u.check(r.Sequence, r.tokens)
			}
		}
		for _, r := range live {
			r.End()
		}
		require.Zero(t, u.cache.InUse())
		s := u.cache.Fresh()
		require.True(t, s.Reserve(u.cache.Pages()*kvcache.PageSize), "all pages can be had again")
	}
}

// How far the draft module has come is known of each page, and whoever takes a page, or copies of it, knows it too.
func TestDrafted(t *testing.T) {
	c := kvcache.New(20)
	tokens := make([]int, 200)
	for i := range tokens {
		tokens[i] = i
	}
	s := c.Fresh()
	require.True(t, s.Reserve(200))
	s.Append(tokens[:100]...)
	require.Zero(t, s.Drafted())
	s.Draft(10, 50)
	require.Zero(t, s.Drafted(), "there is a gap before it")
	s.Draft(0, 40)
	require.Equal(t, 40, s.Drafted())
	s.Draft(40, 100)
	require.Equal(t, 100, s.Drafted())
	s.Append(tokens[100:150]...) // without
	require.Equal(t, 100, s.Drafted())
	s.Draft(120, 150)
	require.Equal(t, 100, s.Drafted())

	shared, copied := c.Begin(tokens[:131])
	require.NotNil(t, copied)
	require.Equal(t, 130, shared.Len())
	require.Equal(t, 100, shared.Drafted())
	shared.Draft(100, 130)
	require.Equal(t, 130, shared.Drafted())
	require.Equal(t, 128, s.Drafted(), "the full page is the same, and the copy is another")
	shared.End()
	s.Drop()
	again, _ := c.Begin(tokens)
	require.LessOrEqual(t, again.Drafted(), 130)
	again.End()
}
