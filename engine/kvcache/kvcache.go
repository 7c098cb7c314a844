// Package kvcache keeps the books of the cache in plain integers: which pages hold which tokens' rows, who uses them, and
// which of them serve a new prompt as they are. It holds no numbers of the model and knows no GPU.
//
// A page has PageSize rows. Pages form a tree: a page's rows belong to its own tokens after those of all pages above it, so
// whoever begins with the same tokens walks down the same pages and computes none of them again. A full page never changes; a
// page that is still being filled has one writer, and others copy what they want of it.
package kvcache

import "slices"

// PageSize is how many rows a page has.
const PageSize = 64

// Scratch is a page that nobody owns: rows that mean nothing may be written there.
const Scratch = 0

// A Cache shares its pages out among sequences. What no sequence uses stays for prompts to come until its place is needed.
type Cache struct {
	root  page
	pages int
	free  []uint32
	clock uint64
}

type page struct {
	number   uint32
	tokens   []int // that its rows belong to, as far as they are valid
	drafted  int   // of these, the leading ones whose rows the draft module's cache has too
	parent   *page
	children []*page
	users    int    // sequences
	used     uint64 // when a sequence last began or ended to use it
}

// New is a cache of so many pages; the first is Scratch.
func New(pages int) *Cache {
	c := &Cache{pages: pages}
	for n := pages - 1; n > Scratch; n-- {
		c.free = append(c.free, uint32(n))
	}
	return c
}

// Pages is how many pages there are but Scratch.
func (c *Cache) Pages() int { return c.pages - 1 }

// InUse is how many pages sequences use.
func (c *Cache) InUse() int {
	count := 0
	c.root.visit(func(p *page) {
		if p.users > 0 {
			count++
		}
	})
	return count
}

// Available is how many pages can be had at most.
func (c *Cache) Available() int { return c.Pages() - c.InUse() }

// visit calls f for all pages below p.
func (p *page) visit(f func(*page)) {
	for _, child := range p.children {
		f(child)
		child.visit(f)
	}
}

// A Sequence is what lies in the cache of one row of tokens: rows 0 .. Len()-1 are valid.
type Sequence struct {
	cache  *Cache
	pages  []*page
	length int
}

// A Copy is a page that is to be copied before a sequence's first row is written.
type Copy struct{ From, To uint32 }

// Begin is a sequence for a prompt, with all leading rows that the cache has of it but the last token's: that must be
// processed again to yield the logits that the answer begins with. A copy may be needed.
func (c *Cache) Begin(prompt []int) (*Sequence, *Copy) {
	s := &Sequence{cache: c}
	wanted := prompt[:max(len(prompt)-1, 0)]
	for {
		child, same := c.last(s).longest(wanted[s.length:])
		switch {
		case same == PageSize, same > 0 && same == len(child.tokens) && child.users == 0:
			s.take(child)
			s.length += same
			if same == PageSize {
				continue
			}
		case same > 0:
			child.users++ // so that its place is not taken for the copy
			copied := s.add()
			child.users--
			if copied != nil {
				copied.tokens, copied.drafted = slices.Clone(child.tokens[:same]), min(child.drafted, same)
				s.length += same
				return s, &Copy{child.number, copied.number}
			}
		}
		return s, nil
	}
}

// Fresh is a sequence without a row.
func (c *Cache) Fresh() *Sequence { return &Sequence{cache: c} }

// last is the page that a sequence's next one hangs below.
func (c *Cache) last(s *Sequence) *page {
	if len(s.pages) == 0 {
		return &c.root
	}
	return s.pages[len(s.pages)-1]
}

// longest is the child with the most leading tokens of those wanted, and how many they are. Nothing lies below a page that is
// not full.
func (p *page) longest(wanted []int) (best *page, most int) {
	for _, child := range p.children {
		n := 0
		for n < len(child.tokens) && n < len(wanted) && child.tokens[n] == wanted[n] {
			n++
		}
		if n > most {
			best, most = child, n
		}
	}
	return best, most
}

func (s *Sequence) take(p *page) {
	p.users++
	s.cache.touch(p)
	s.pages = append(s.pages, p)
}

func (c *Cache) touch(p *page) {
	c.clock++
	p.used = c.clock
}

// add gives the sequence one more page of its own; nil if none can be had.
func (s *Sequence) add() *page {
	c := s.cache
	if len(c.free) == 0 && !c.evict() {
		return nil
	}
	parent := c.last(s)
	p := &page{number: c.free[len(c.free)-1], parent: parent}
	c.free = c.free[:len(c.free)-1]
	parent.children = append(parent.children, p)
	s.take(p)
	return p
}

// evict frees the page that has been out of use for the longest, among those with nothing below.
func (c *Cache) evict() bool {
	var oldest *page
	c.root.visit(func(p *page) {
		if p.users == 0 && len(p.children) == 0 && (oldest == nil || p.used < oldest.used) {
			oldest = p
		}
	})
	if oldest == nil {
		return false
	}
	c.release(oldest)
	return true
}

// release takes a page out of the tree.
func (c *Cache) release(p *page) {
	at := slices.Index(p.parent.children, p)
	p.parent.children = slices.Delete(p.parent.children, at, at+1)
	c.free = append(c.free, p.number)
}

// Len is the number of valid rows.
func (s *Sequence) Len() int { return s.length }

// Reserve gives the sequence pages for rows 0 .. rows-1. False: there are not enough, and it keeps what it has got.
func (s *Sequence) Reserve(rows int) bool {
	for len(s.pages)*PageSize < rows {
		if s.add() == nil {
			return false
		}
	}
	return true
}

// Table is the numbers of the sequence's pages, in order.
func (s *Sequence) Table() []uint32 {
	table := make([]uint32, len(s.pages))
	for i, p := range s.pages {
		table[i] = p.number
	}
	return table
}

// Append notes that the rows of further tokens are valid. They must have been reserved.
func (s *Sequence) Append(tokens ...int) {
	for _, token := range tokens {
		p := s.pages[s.length/PageSize]
		p.tokens = append(p.tokens, token)
		s.length++
	}
}

// Drafted is how many leading rows the draft module's cache has without a gap: what was decoded or filled without drafts, it has not.
func (s *Sequence) Drafted() int {
	for i, p := range s.pages {
		if p.drafted < PageSize {
			return i*PageSize + p.drafted
		}
	}
	return len(s.pages) * PageSize
}

// Draft notes that the draft module's cache has valid rows from .. to-1, which counts only where it has all before them.
func (s *Sequence) Draft(from, to int) {
	for at := s.Drafted(); from <= at && at < to; at = s.Drafted() {
		s.pages[at/PageSize].drafted = min(PageSize, to-at/PageSize*PageSize)
	}
}

// End gives the pages up. Their valid rows stay for other prompts until their place is needed.
func (s *Sequence) End() {
	for i := len(s.pages) - 1; i >= 0; i-- {
		p := s.pages[i]
		p.users--
		s.cache.touch(p)
		if p.users == 0 && len(p.children) == 0 && p.idle() {
			s.cache.release(p)
		}
	}
	s.pages, s.length = nil, 0
}

// idle tells whether nobody would miss the page: it has no token, or another has the same.
func (p *page) idle() bool {
	for _, other := range p.parent.children {
		if other != p && len(other.tokens) >= len(p.tokens) && slices.Equal(other.tokens[:len(p.tokens)], p.tokens) {
			return true
		}
	}
	return len(p.tokens) == 0
}

// Drop gives the pages up whose rows may hold anything: none but those that others use too stays.
func (s *Sequence) Drop() {
	for _, p := range s.pages {
		if p.users == 1 {
			p.tokens, p.drafted = nil, 0
		}
	}
	s.End()
}
