package panel

import (
	"strings"
	"unicode/utf8"
)

// What is said in a trace's place.
const (
	// Closing ends a thought that is cut short.
	Closing = "\nTime to answer.\n"
	// waiting goes on where a thought would have ended (s1's budget forcing).
	waiting = "\nWait, "
)

// answerRoom is how many tokens are kept for the answer, of those that there is room for: half at most.
const answerRoom = 512

// A Budget is how long a trace may think.
type Budget struct {
	Limited bool
	Limit   int // tokens to think for, if limited
	Room    int // tokens of thinking and answer together
	Closing int // tokens that closing a thought takes
	Wait    int // times that the end of thinking is put off
}

// A Force is what a trace is to go on with in place of its next token.
type Force struct {
	Text  string
	Close bool // the thinking ends after Text
}

// A Closer ends a trace's thinking at its budget: at the next end of a line, after a tenth of the budget more at the latest,
// and never in the middle of a character. It is asked before each token is taken, so that where it closes depends on the
// tokens alone and not on how many of them come at once.
type Closer struct {
	limited     bool
	limit, most int // tokens of thinking from which on an end of a line closes, and at which everything does
	waits       int
	thought     int
	end         string // the last bytes of the thought
	closed      bool
}

// NewCloser is the closer of one answer.
func NewCloser(b Budget) Closer {
	c := Closer{limited: b.Limited, waits: b.Wait}
	if b.Limited {
		kept := min(answerRoom, b.Room/2)
		c.most = max(0, min(b.Limit+b.Limit/10, b.Room-kept-b.Closing))
		c.limit = min(b.Limit, c.most)
	}
	return c
}

// Now closes the thinking as soon as a character is whole.
func (c *Closer) Now() { c.limited, c.limit, c.most = true, c.thought, c.thought }

// Longer puts off the end of the thinking once more.
func (c *Closer) Longer() { c.waits++ }

// Next says what the answer goes on with in place of a token of its thinking; ends tells that the token would end it.
func (c *Closer) Next(token string, ends bool) (Force, bool) {
	switch due := c.due(); {
	case c.closed || ends && (c.waits == 0 || due): // it ends by itself
	case due:
		c.closed = true
		if c.thought == 0 {
			return Force{"\n", true}, true
		}
		return Force{Closing, true}, true
	case ends:
		c.waits--
		return Force{waiting, false}, true
	}
	c.Take(token)
	return Force{}, false
}

// due tells whether the thinking is to be closed after what there is of it.
func (c *Closer) due() bool {
	return c.limited && c.thought >= c.limit &&
		(whole(c.end) && (c.thought >= c.most || strings.HasSuffix(c.end, "\n") || c.thought == 0) || c.thought >= c.most+utf8.UTFMax-1)
}

// Take counts a token of the thinking that was forced.
func (c *Closer) Take(token string) {
	c.thought++
	c.end += token
	c.end = c.end[max(0, len(c.end)-utf8.UTFMax):]
}

// whole tells whether a text does not end within a character. What is no UTF-8 at all is whole.
func whole(text string) bool {
	for back := 1; back <= min(len(text), utf8.UTFMax-1); back++ {
		if b := text[len(text)-back]; utf8.RuneStart(b) {
			return utf8.FullRuneInString(text[len(text)-back:])
		}
	}
	return true
}
