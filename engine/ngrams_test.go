package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// However the tokens come, each place is settled with as many guesses as were right.
func TestNgrams(t *testing.T) {
	text := []int{1, 2, 3, 4, 5, 9, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7}
	want := []int{0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 1} // of the places 2 to 15; at the second 1 2 3, that 4 5 follow
	for _, chunk := range []int{1, 2, 5, 100} {
		var g ngrams
		var got []int
		for n := 0; n < len(text); n += chunk {
			g.take(text[:min(n+chunk, len(text))], 3, func(right int) { got = append(got, right) })
		}
		require.Equal(t, want, got, "%d tokens at a time", chunk)
	}
}
