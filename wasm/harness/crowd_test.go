package harness

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/message"
	"tabseek/engine/weights"
)

const (
	crowd       = 64
	crowdTokens = 12
)

// packCrowd packs a model whose context is so long that there are pages for all of the crowd at once.
func packCrowd(t testing.TB) string {
	packed, _ := enginetest.Case{Config: enginetest.V2()}.Pack(t, weights.QuantKeep, weights.Seed{Name: "small"})
	return packed
}

// inCrowd is the i-th request of a crowd: all of them differ.
func inCrowd(i int) message.Request {
	seed, limit := uint32(i), crowdTokens
	return Prompt{Tokens: []int{1 + i, 2, 3, 4, 5}}.request(message.Params{Seed: &seed, MaxTokens: &limit, IgnoreEOS: true})
}

// Of 64 requests on 16 rows none is lost, and none is starved: they take turns, so the last one has its first token long before the others have
// their last. Each answer is what it is alone.
func TestCrowd(t *testing.T) {
	host, _ := open(t, packCrowd(t), Options{Context: 512, Sequences: 16, Chunk: 4})
	type news struct {
		from int
		Event
		err error
	}
	told := make(chan news)
	for i := range crowd {
		stream := host.Start(t.Context(), inCrowd(i))
		defer stream.Close()
		go func() {
			for {
				e, err := stream.Next(t.Context())
				told <- news{i, e, err}
				if err != nil {
					return
				}
			}
		}()
	}
	answers, ended := map[int][]int{}, 0
	said, saidBefore := 0, 0 // tokens of all, and how many there were when the last request had its first
	for ended < crowd {
		n := <-told
		if n.err != nil {
			require.True(t, errors.Is(n.err, io.EOF), "request %d: %v", n.from, n.err)
			ended++
			continue
		}
		if len(n.Tokens) > 0 && len(answers[n.from]) == 0 {
			saidBefore = said
		}
		said += len(n.Tokens)
		answers[n.from] = append(answers[n.from], n.Tokens...)
	}
	t.Logf("%d of %d tokens were said before each request had one", saidBefore, said)
	require.Less(t, saidBefore, crowd*crowdTokens*3/4)
	for i := range crowd {
		require.Len(t, answers[i], crowdTokens, "request %d", i)
		if i%16 == 0 {
			alone, err := host.Generate(t.Context(), Prompt{Tokens: inCrowd(i).Tokens}, inCrowd(i).Params, nil)
			require.NoError(t, err)
			require.Equal(t, alone.Tokens, answers[i], fmt.Sprint("request ", i))
		}
	}
}

// BenchmarkCrowd is 64 requests on 16 rows, beside as many rounds of 16 that follow one another: what taking turns costs.
func BenchmarkCrowd(b *testing.B) {
	host := openOn(b, packCrowd(b), Options{Context: 512, Sequences: 16, Device: openNative(b)})
	ask := func(from, count int) {
		var streams []*Stream
		for i := range count {
			streams = append(streams, host.Start(b.Context(), inCrowd(from+i)))
		}
		for _, s := range streams {
			require.NoError(b, read(s, func(Event) {}))
		}
	}
	ask(0, 16)
	tokens := func(b *testing.B) {
		b.ReportMetric(float64(b.N*crowd*crowdTokens)/b.Elapsed().Seconds(), "tokens/s")
	}
	b.Run("at once", func(b *testing.B) {
		for b.Loop() {
			ask(0, crowd)
		}
		tokens(b)
	})
	b.Run("16 after 16", func(b *testing.B) {
		for b.Loop() {
			for from := 0; from < crowd; from += 16 {
				ask(from, 16)
			}
		}
		tokens(b)
	})
}
