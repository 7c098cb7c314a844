package kvcache_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/kvcache"
)

func TestReusable(t *testing.T) {
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
	} {
		t.Run(c.name, func(t *testing.T) {
			var s kvcache.Sequence
			s.Append(c.cached...)
			require.Equal(t, c.want, s.Reusable(c.prompt))
		})
	}
}

func TestRewind(t *testing.T) {
	var s kvcache.Sequence
	s.Append(1, 2, 3)
	s.Rewind(5)
	require.Equal(t, 3, s.Len(), "rewinding forward changes nothing")
	s.Rewind(1)
	s.Append(7)
	require.Equal(t, 2, s.Reusable([]int{1, 7, 8}))
	s.Rewind(-1)
	require.Zero(t, s.Len())
}
