package panel

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestBeta(t *testing.T) {
	for a := 1; a < 12; a++ {
		for b := 1; b < 12; b++ {
			// The integral of x^(a-1) (1-x)^(b-1) up to a half, over that up to 1.
			const steps = 20000
			half, all := 0.0, 0.0
			for i := range steps {
				x := (float64(i) + 0.5) / steps
				y := math.Pow(x, float64(a-1)) * math.Pow(1-x, float64(b-1))
				all += y
				if x < 0.5 {
					half += y
				}
			}
			require.InDelta(t, half/all, lowerHalf(a, b), 1e-6, "%d, %d", a, b)
		}
	}
	vote := func(first, second int) tally {
		var list []ballot
		for range first {
			list = append(list, ballot{"1", 1})
		}
		for range second {
			list = append(list, ballot{"2", 1})
		}
		return count(list)
	}
	require.False(t, beta(vote(3, 0)))
	require.True(t, beta(vote(4, 0)))
	require.False(t, beta(vote(5, 1)))
	require.True(t, beta(vote(6, 1)))
}

func TestConfidences(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		var c confidences
		for range random.IntN(3000) {
			c.add(10*random.Float64(), -random.Float64())
		}
		w, least := c.window(), math.Inf(1)
		require.LessOrEqual(t, w, len(c.values))
		for i := 0; i+w <= len(c.values) && w > 0; i++ {
			least = min(least, mean(c.values[i:i+w]))
		}
		if w == 0 {
			least = 0
		}
		require.InDelta(t, least, c.lowest(), 1e-6)
		require.GreaterOrEqual(t, c.tail(), c.lowest()-1e-9)
	}
}

func TestLoopGuard(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	run := func(next func(i int) int, tokens int) int {
		var g loopGuard
		for i := range tokens {
			if g.take(next(i)) {
				return i + 1
			}
		}
		return 0
	}
	require.Equal(t, 96, run(func(int) int { return 7 }, 200), "one token again and again")
	require.Equal(t, 96, run(func(i int) int { return i % 10 }, 200))
	require.Equal(t, 6*128, run(func(i int) int { return i % 128 }, 2000))
	require.Zero(t, run(func(i int) int { return i % 129 }, 5000), "longer than what it looks for")
	require.Zero(t, run(func(int) int { return random.IntN(3) }, 20000))
	require.Zero(t, run(func(i int) int {
		if i%50 == 0 {
			return i
		}
		return i % 10
	}, 5000), "what changes a little each time is no loop")
	require.Equal(t, 500+96, run(func(i int) int {
		if i < 500 {
			return 1000 + i
		}
		return i % 6
	}, 2000))
}

// close plays a thought to a closer and returns after which of its tokens it is closed; -1 if it is not.
func closeAfter(c Closer, tokens []string) int {
	for i, token := range tokens {
		if force, ok := c.Next(token, false); ok {
			if !force.Close || c.next0() {
				panic("closed twice")
			}
			return i
		}
	}
	return -1
}

// next0 asks a closer that has closed for one more.
func (c *Closer) next0() bool { _, ok := c.Next("x", false); return ok }

func TestBudget(t *testing.T) {
	tokens := func(text string) []string { return strings.Split(text, "|") }
	many := func(n int) []string { return tokens(strings.TrimSuffix(strings.Repeat("x|", n), "|")) }
	room := Budget{Limited: true, Limit: 10, Room: 10000}
	for name, c := range map[string]struct {
		budget Budget
		tokens []string
		want   int
	}{
		"not limited":               {Budget{Room: 10}, many(50), -1},
		"at a tenth more":           {room, many(50), 11},
		"at the end of a line":      {room, append(append(many(9), "x\n"), many(20)...), 10},
		"at the next end of a line": {room, append(append(many(10), "\n"), many(20)...), 11},
		"within a character":        {room, append(append(many(10), "\xe4", "\xbd", "\xa0"), many(20)...), 13},
		"what is no character":      {room, append(many(10), tokens("\xf0|\xf0|\xf0|\xf0|\xf0|\xf0|\xf0")...), 14},
		"nothing":                   {Budget{Limited: true, Room: 100}, many(5), 0},
		"room for the answer":       {Budget{Limited: true, Limit: 1000, Room: 100, Closing: 7}, many(200), 43},
		"no room at all":            {Budget{Limited: true, Limit: 1000, Room: 1, Closing: 7}, many(200), 0},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, closeAfter(NewCloser(c.budget), c.tokens)) })
	}
}

// Whatever the tokens: a thought closes between its budget and a tenth more, or where a character ends soon after.
func TestBudgetBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	text := []byte(strings.Repeat("数学 x\n🙂é", 400))
	for range 2000 {
		var tokens []string
		for rest := text; len(rest) > 0; {
			n := min(1+random.IntN(4), len(rest))
			tokens, rest = append(tokens, string(rest[:n])), rest[n:]
		}
		limit := random.IntN(len(tokens) / 2)
		at := closeAfter(NewCloser(Budget{Limited: true, Limit: limit, Room: 1 << 20}), tokens)
		require.GreaterOrEqual(t, at, limit)
		require.LessOrEqual(t, at, limit+limit/10+3)
		if at < limit+limit/10+3 { // tokens may end within characters for ever
			require.True(t, utf8.ValidString(strings.Join(tokens[:at], "")))
		}
		if at > limit && at < limit+limit/10 {
			require.True(t, strings.HasSuffix(strings.Join(tokens[:at], ""), "\n"))
		}
	}
}

func TestWait(t *testing.T) {
	c := NewCloser(Budget{Wait: 1})
	_, ok := c.Next("x", false)
	require.False(t, ok)
	force, ok := c.Next("</think>", true)
	require.True(t, ok)
	require.Equal(t, Force{"\nWait, ", false}, force)
	_, ok = c.Next("</think>", true)
	require.False(t, ok, "it waits no more than it is told")

	c = NewCloser(Budget{Limited: true, Limit: 1, Room: 10000, Wait: 1})
	c.Next("x", false)
	_, ok = c.Next("</think>", true)
	require.False(t, ok, "at its budget it ends by itself if it would")
}

func TestAnswerNow(t *testing.T) {
	c := NewCloser(Budget{})
	c.Next("x", false)
	c.Next("\xe4", false)
	c.Now()
	_, ok := c.Next("\xbd", false)
	require.False(t, ok, "a character is finished")
	c.Next("\xa0", false)
	force, ok := c.Next("x", false)
	require.True(t, ok)
	require.True(t, force.Close)
}
