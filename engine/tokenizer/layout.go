package tokenizer

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"unicode/utf8"
)

// A compiled tokenizer is a header and sections without gaps, in this order; all numbers are little-endian.
//
//	magic     8 bytes: "tabseek" and the number of this layout
//	counts    uint32 for each section: how many elements it has
//	ends      uint32 by id: where the token's content ends among the contents; the next one's begins there
//	merges    uint32 left, right and merged id; in order of rank
//	added     uint32: ids of added tokens, ascending by content
//	ranges    uint32: first character <<8 | class; ascending, from character 0 on, each up to the next
//	passes    uint32: states <<8 | flags
//	tables    uint16: the automaton of each pass, a row for each state
//	flags     a byte by id
//	contents  bytes: what the ids spell; nothing for an id that is not used
//	settings  uint32: what is done to a text first, as bits; with settingCharacters then the tokens of the 256 bytes
//
// Small sections are decoded by New, large ones read where they lie. Layout 1, which is read too, has no settings: nothing
// is done to a text.
const (
	magic       = "tabseek\x02"
	magicBefore = "tabseek\x01"
)

// The sections' names and the bytes of an element, in their order.
var sectionTypes = [...]struct {
	name string
	size int
}{
	{"ends", 4}, {"merges", mergeSize}, {"added", 4}, {"ranges", 4}, {"passes", 4}, {"tables", 2}, {"flags", 1}, {"contents", 1}, {"settings", 4},
}

const (
	sectionEnds = iota
	sectionMerges
	sectionAdded
	sectionRanges
	sectionPasses
	sectionTables
	sectionFlags
	sectionContents
	sectionSettings
)

const (
	mergeSize  = 12
	headerSize = len(magic) + 4*len(sectionTypes)
	maxPasses  = 32       // as many as there are bits in layout.wanted
	maxClasses = 1<<8 - 2 // and the end of a text, and further bytes of a character
	maxStates  = 1 << 12
)

// flags say what is peculiar about a token.
type flags byte

const (
	flagWhole      flags = 1 << iota // a piece of this content is this token
	flagAdded                        // found in a text before it is split
	flagSpecial                      // added, and left out by Decode
	flagControl                      // added, and steers the model: not found in what people write
	flagLStrip                       // added, and takes the blanks before it
	flagRStrip                       // added, and takes the blanks after it
	flagNormalized                   // added, and found in what the settings make of a text
	flagSingleWord                   // added, and found where neither neighbour is a part of a word
)

// settings say what is done to a text before it is split, and what a piece of it is made of.
type settings uint32

const (
	settingNFC        settings = 1 << iota // it is put into Unicode's form C
	settingPrefix                          // a space is put before it
	settingCharacters                      // pieces are of characters, and of bytes where a character has no token; ▁ is a space
	settingsEnd
)

// u32s is a section of numbers, read where they lie.
type u32s []byte

func (s u32s) len() int        { return len(s) / 4 }
func (s u32s) at(i int) uint32 { return binary.LittleEndian.Uint32(s[4*i:]) }

// A layout is a compiled tokenizer, checked.
type layout struct {
	ends, merges, added u32s
	flagBytes, contents []byte
	settings            settings
	byteTokens          u32s // with settingCharacters
	classes             classes
	passes              []pass
	always              uint32         // passes that every text goes through, as bits
	wanted              [1 << 8]uint32 // and those that a text with a character of a class does
}

// content is what an id spells.
func (l *layout) content(id int) []byte {
	start := uint32(0)
	if id > 0 {
		start = l.ends.at(id - 1)
	}
	return l.contents[start:l.ends.at(id)]
}

func (l *layout) flags(id int) flags { return flags(l.flagBytes[id]) }

// merge is a merge by its rank.
func (l *layout) merge(rank int) (left, right, merged uint32) {
	m := l.merges[mergeSize*rank:][:mergeSize]
	return u32s(m).at(0), u32s(m).at(1), u32s(m).at(2)
}

// A section is a part of the data. Its errors name the offset of what is wrong.
type section struct {
	data    []byte
	offset  int
	element int // bytes
}

func (s section) len() int { return len(s.data) / s.element }

func (s section) errorf(i int, format string, args ...any) error {
	return fmt.Errorf("offset %d: %s", s.offset+i*s.element, fmt.Sprintf(format, args...))
}

// cutSections finds the sections by their counts.
func cutSections(data []byte) (sections [len(sectionTypes)]section, err error) {
	if len(data) < headerSize {
		return sections, fmt.Errorf("%d bytes, too short for a compiled tokenizer", len(data))
	}
	types, offset := sectionTypes[:], headerSize
	switch begin := string(data[:len(magic)]); begin {
	case magic:
	case magicBefore:
		types, offset = types[:sectionSettings], headerSize-4
	default:
		return sections, fmt.Errorf("offset 0: begins with %q, want %q", begin, magic)
	}
	for i, t := range types {
		at := len(magic) + 4*i
		count := binary.LittleEndian.Uint32(data[at:])
		size := uint64(count) * uint64(t.size)
		if left := len(data) - offset; size > uint64(left) {
			return sections, fmt.Errorf("offset %d: %d %s take %d bytes, %d are left", at, count, t.name, size, left)
		}
		sections[i] = section{data[offset:][:size:size], offset, t.size}
		offset += int(size)
	}
	if offset < len(data) {
		return sections, fmt.Errorf("offset %d: %d bytes too many", offset, len(data)-offset)
	}
	return sections, nil
}

// read takes a compiled tokenizer. Every number that leads to another place is checked here, once.
func (l *layout) read(data []byte) error {
	sections, err := cutSections(data)
	if err != nil {
		return err
	}
	for _, limit := range []struct{ section, most int }{
		{sectionEnds, maxVocab}, {sectionMerges, maxMerges}, {sectionAdded, maxAdded}, {sectionPasses, maxPasses},
	} {
		if n := sections[limit.section].len(); n > limit.most {
			return fmt.Errorf("%d %s, more than %d", n, sectionTypes[limit.section].name, limit.most)
		}
	}
	l.contents = sections[sectionContents].data
	for _, read := range []func(*[len(sectionTypes)]section) error{l.readSettings, l.readTokens, l.readMerges, l.readAdded, l.readPasses} {
		if err := read(&sections); err != nil {
			return err
		}
	}
	return nil
}

func (l *layout) readSettings(sections *[len(sectionTypes)]section) error {
	s := sections[sectionSettings]
	switch {
	case len(s.data) == 0:
		return nil
	}
	l.settings = settings(u32s(s.data).at(0))
	if l.settings >= settingsEnd {
		return s.errorf(0, "unknown settings %#x", l.settings)
	}
	want := 1
	if l.settings&settingCharacters != 0 {
		want += 256
		l.byteTokens = u32s(s.data[4:])
	}
	if s.len() != want {
		return s.errorf(0, "%d settings, want %d", s.len(), want)
	}
	for i := range l.byteTokens.len() {
		if id, count := l.byteTokens.at(i), sections[sectionEnds].len(); id >= uint32(count) {
			return s.errorf(1+i, "byte %d is token %d of %d", i, id, count)
		}
	}
	return nil
}

func (l *layout) readTokens(sections *[len(sectionTypes)]section) error {
	ends, kinds := sections[sectionEnds], sections[sectionFlags]
	l.ends, l.flagBytes = u32s(ends.data), kinds.data
	if ends.len() == 0 {
		return fmt.Errorf("offset %d: no tokens", len(magic))
	}
	if kinds.len() != ends.len() {
		return kinds.errorf(0, "flags of %d tokens, there are %d", kinds.len(), ends.len())
	}
	start := uint32(0)
	for id := range ends.len() {
		end := l.ends.at(id)
		if end < start || end > uint32(len(l.contents)) || end-start > maxTokenSize {
			return ends.errorf(id, "token %d ends at %d, it begins at %d of %d and has at most %d bytes", id, end, start, len(l.contents), maxTokenSize)
		}
		start = end
	}
	return nil
}

func (l *layout) readMerges(sections *[len(sectionTypes)]section) error {
	s := sections[sectionMerges]
	l.merges = u32s(s.data)
	for rank := range s.len() {
		left, right, merged := l.merge(rank)
		if most := max(left, right, merged); most >= uint32(l.ends.len()) {
			return s.errorf(rank, "merge %d names token %d of %d", rank, most, l.ends.len())
		}
	}
	return nil
}

func (l *layout) readAdded(sections *[len(sectionTypes)]section) error {
	s := sections[sectionAdded]
	l.added = u32s(s.data)
	before := ""
	for i := range s.len() {
		id := l.added.at(i)
		if id >= uint32(l.ends.len()) || l.flags(int(id))&flagAdded == 0 {
			return s.errorf(i, "%d is not the id of an added token", id)
		}
		content := string(l.content(int(id)))
		if content <= before || len(content) > maxAddedSize {
			return s.errorf(i, "added token %d %.80q: must come after %.80q and have at most %d bytes", id, content, before, maxAddedSize)
		}
		before = content
	}
	return nil
}

func (l *layout) readPasses(sections *[len(sectionTypes)]section) error {
	if err := l.classes.read(sections[sectionRanges]); err != nil {
		return err
	}
	passes, tables := sections[sectionPasses], sections[sectionTables]
	at, width := 0, l.classes.count+1
	for i := range passes.len() {
		packed := u32s(passes.data).at(i)
		kind, states := passFlags(packed), int(packed>>8)
		if kind >= passFlagsEnd || states > maxStates || (states < 2) != (kind&passPrefix != 0) {
			return passes.errorf(i, "pass %d has flags %#x and %d states", i, byte(kind), states)
		}
		if left := tables.len() - at; states*width > left {
			return passes.errorf(i, "pass %d of %d states needs %d transitions, %d are left", i, states, states*width, left)
		}
		p := newPass(kind, states, l.classes.count)
		for entry := range states * width {
			t := binary.LittleEndian.Uint16(tables.data[2*at:])
			state, class, next := entry/width, entry%width, int(t>>1)
			if next >= states || next > 0 && class == l.classes.count {
				return tables.errorf(at, "pass %d goes to state %d of %d", i, next, states) // or goes on at the end of the text
			}
			p.set(state, class, next, t&1 != 0)
			at++
		}
		l.passes = append(l.passes, p)
	}
	if at < tables.len() {
		return tables.errorf(at, "%d transitions too many", tables.len()-at)
	}
	l.want()
	return nil
}

// classes tell apart the characters that the passes' patterns tell apart.
type classes struct {
	count  int
	low    [1 << 16]uint8 // the classes of characters below
	ranges []uint32       // first character <<8 | class
}

// end is the class of the end of a text, and further that of the bytes of a character after its first.
func (c *classes) end() uint8     { return uint8(c.count) }
func (c *classes) further() uint8 { return uint8(c.count + 1) }

// of finds the class of every byte of a text, in a buffer if that has room. A byte that is not UTF-8 counts as U+FFFD.
func (c *classes) of(text string, buffer []uint8) []uint8 {
	kinds := slices.Grow(buffer[:0], len(text))[:len(text)]
	for at := 0; at < len(text); {
		if b := text[at]; b < utf8.RuneSelf {
			kinds[at] = c.low[b]
			at++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[at:])
		if int(r) < len(c.low) {
			kinds[at] = c.low[r]
		} else {
			kinds[at] = c.search(r)
		}
		for i := 1; i < size; i++ {
			kinds[at+i] = c.further()
		}
		at += size
	}
	return kinds
}

func (c *classes) read(s section) error {
	for i := range s.len() {
		r := u32s(s.data).at(i)
		first, class := r>>8, int(r&0xff)
		if class >= maxClasses {
			return s.errorf(i, "class %d, more than %d", class, maxClasses-1)
		}
		if i == 0 && first != 0 || i > 0 && first <= c.ranges[i-1]>>8 || first > utf8.MaxRune {
			return s.errorf(i, "a range from character %#x on, which is out of order", first)
		}
		c.ranges = append(c.ranges, r)
		c.count = max(c.count, class+1)
	}
	if len(c.ranges) == 0 {
		return s.errorf(0, "no ranges")
	}
	for i, r := range c.ranges {
		end := len(c.low)
		if i+1 < len(c.ranges) {
			end = min(end, int(c.ranges[i+1]>>8))
		}
		for character := int(r >> 8); character < end; character++ {
			c.low[character] = uint8(r)
		}
	}
	return nil
}

// search finds the class of a character.
func (c *classes) search(character rune) uint8 {
	after := sort.Search(len(c.ranges), func(i int) bool { return c.ranges[i]>>8 > uint32(character) })
	return uint8(c.ranges[after-1])
}
