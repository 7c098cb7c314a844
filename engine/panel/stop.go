package panel

// decided tells whether the traces still running or to begin, each worth at most one vote, cannot make another answer win, nor a tie.
// The answer is then that of the full vote.
func decided(t tally, running int) bool {
	first, second := t.leaders()
	return first-second > float64(running)
}

// betaCertainty is how probable it must be that the leader would win a longer vote.
const betaCertainty = 0.95

// beta is adaptive consistency's rule: of two answers with v1 and v2 votes, and nothing known beforehand, the first is the
// likelier with a probability of 1 - I(1/2; v1+1, v2+1).
func beta(t tally) bool {
	first, second := t.leaders()
	return 1-lowerHalf(int(first)+1, int(second)+1) > betaCertainty
}

// lowerHalf is the regularised incomplete beta function I(1/2; a, b) of whole numbers: the probability that a fair coin shows
// heads at least a times in a+b-1 throws.
func lowerHalf(a, b int) float64 {
	n := a + b - 1
	term := 1.0 // C(n, k) / 2^n
	for range n {
		term /= 2
	}
	sum := 0.0
	for k := 0; k <= n; k++ {
		if k >= a {
			sum += term
		}
		term *= float64(n-k) / float64(k+1)
	}
	return sum
}
