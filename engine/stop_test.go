package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Wherever an answer is cut into pieces, it ends before the first stop, and nothing of the stop is shown.
func TestStopper(t *testing.T) {
	tests := map[string]struct {
		stops  []string
		answer string
		want   string
	}{
		"none":                      {nil, "a = b", "a = b"},
		"one":                       {[]string{"="}, "1 + 1 = 2", "1 + 1 "},
		"at the start":              {[]string{"1 +"}, "1 + 1 = 2", ""},
		"only begun":                {[]string{"= 3"}, "1 + 1 = 2 =", "1 + 1 = 2 ="},
		"the earlier of two":        {[]string{"2", "1 ="}, "1 + 1 = 2", "1 + "},
		"one inside another":        {[]string{"abcd", "bc"}, "xabcdy", "xa"},
		"a beginning that restarts": {[]string{"aab"}, "aaaab!", "aa"},
		"several bytes a character": {[]string{"é\n"}, "caféé\nx", "café"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for size := 1; size <= len(test.answer); size++ {
				s := stopper{stops: test.stops}
				var shown strings.Builder
				stopped := false
				for rest := test.answer; rest != "" && !stopped; {
					n := min(size, len(rest))
					var text string
					text, stopped = s.push(rest[:n])
					shown.WriteString(text)
					require.True(t, strings.HasPrefix(test.want, shown.String()), "shown too early: %q", shown.String())
					rest = rest[n:]
				}
				shown.WriteString(s.flush())
				require.Equal(t, test.want, shown.String(), "pieces of %d", size)
				require.Equal(t, test.want != test.answer, stopped)
			}
		})
	}
}
