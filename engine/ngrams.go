package engine

// ngrams tell what drafts of what has been said before would be worth, of one answer, while none are made.
type ngrams struct {
	last    map[[3]int]int // where three tokens stood last: the place of the third
	seen    int            // tokens that it has taken in
	guesses []guess        // not yet settled
}

// A guess is that tokens go on after one place as they did after another, or, without one, no guess.
type guess struct{ at, like int }

// take takes further tokens in, and calls settle for each place with how many of at most depth guesses were right there.
func (g *ngrams) take(tokens []int, depth int, settle func(right int)) {
	if g.last == nil {
		g.last = map[[3]int]int{}
	}
	for ; g.seen < len(tokens); g.seen++ {
		for len(g.guesses) > 0 && g.guesses[0].at+depth <= g.seen {
			settle(right(tokens, g.guesses[0], depth))
			g.guesses = g.guesses[1:]
		}
		if at := g.seen; at >= 2 {
			key := [3]int(tokens[at-2 : at+1])
			like, ok := g.last[key]
			if !ok {
				like = -1
			}
			g.guesses = append(g.guesses, guess{at, like})
			g.last[key] = at
		}
	}
}

// right is how many tokens after the one place are those after the other, as far as these were there at the time.
func right(tokens []int, g guess, depth int) int {
	n := 0
	for g.like >= 0 && n < depth && g.like+1+n <= g.at && tokens[g.at+1+n] == tokens[g.like+1+n] {
		n++
	}
	return n
}
