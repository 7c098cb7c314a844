package panel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/message"
	"tabseek/engine/panel/verify"
)

func pointer[T any](v T) *T { return &v }

// A script is what a trace will say: so many tokens of thinking, so many of the answer, which ends with it.
type script struct {
	thinking, answering int
	key                 string // empty: an answer without one
}

func (s script) content() string {
	if s.key == "" {
		return "I did not find one."
	}
	return `\boxed{` + s.key + `}`
}

// A room plays scripts to a panel: it begins traces, gives each some tokens in turn, and cuts them.
type room struct {
	panel   *Panel
	scripts []script
	given   map[int]int // tokens, by trace that runs
	waiting []int
	asks    []Ask
	forks   []Fork
	starts  []Start
	spent   int
}

func newRoom(o Options, scripts []script) *room {
	return &room{panel: New(o), scripts: scripts, given: map[int]int{}}
}

func (r *room) act() {
	for _, a := range r.panel.Actions() {
		switch a := a.(type) {
		case Start:
			r.waiting = append(r.waiting, a.Trace)
			r.starts = append(r.starts, a)
		case Cut:
			delete(r.given, a.Trace)
		case Ask:
			r.asks = append(r.asks, a)
		case Fork:
			r.forks = append(r.forks, a)
		}
	}
}

// play runs all traces, at most side by side ones at once, some random number of tokens at a time.
func (r *room) play(random *rand.Rand, side int) *message.Result {
	for r.act(); r.panel.Result() == nil; r.act() {
		for len(r.given) < side && len(r.waiting) > 0 {
			r.given[r.waiting[0]] = 0
			r.waiting = r.waiting[1:]
		}
		if len(r.given) == 0 {
			return nil // the host is asked
		}
		var running []int
		for i := range r.panel.traces {
			if _, ok := r.given[i]; ok {
				running = append(running, i)
			}
		}
		r.give(running[random.IntN(len(running))], 1+random.IntN(5))
	}
	return r.panel.Result()
}

func (r *room) give(trace, tokens int) {
	s := r.scripts[trace]
	for range tokens {
		at := r.given[trace]
		if at == s.thinking+s.answering {
			delete(r.given, trace)
			r.panel.End(trace, End{message.Stopped, s.content()})
			return
		}
		r.given[trace]++
		r.spent++
		r.panel.Next(trace, Token{ID: at * at % 977, Text: "x", Thinking: at < s.thinking, Ends: at == s.thinking-1, Confidence: 1})
	}
}

func votes(n int, stop message.StopRule) Options {
	return Options{Strategy: message.Strategy{Mode: message.Vote, N: &n, Stop: stop}}
}

func randomScripts(random *rand.Rand, n int) []script {
	keys := []string{"", "1", "2", "3", "4"}[:2+random.IntN(4)]
	var list []script
	for range n {
		key := keys[random.IntN(len(keys))]
		if random.IntN(3) == 0 { // or else votes are seldom clear
			key = "1"
		}
		list = append(list, script{1 + random.IntN(30), 1 + random.IntN(5), key})
	}
	return list
}

// The decided rule gives the full vote's answer, whatever the answers and the order in which they come.
func TestDecidedIsTheFullVote(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	saved, unbegun := 0, 0
	for round := range 3000 {
		n := 1 + random.IntN(16)
		scripts := randomScripts(random, n)
		full := newRoom(votes(n, message.StopNone), scripts)
		short := newRoom(votes(n, message.StopDecided), scripts)
		want := full.play(random, 1+random.IntN(n))
		short.act()
		require.Len(t, short.starts, n/2+1)
		got := short.play(random, 1+random.IntN(n))
		require.Len(t, full.starts, n)
		require.Len(t, got.Traces, n, "those that were never begun, too")
		for i, trace := range got.Traces {
			if i >= len(short.starts) {
				require.Equal(t, message.TraceUnbegun, trace.Finish)
			}
		}
		unbegun += n - len(short.starts)
		require.Equal(t, message.ByAll, want.StoppedBy)
		require.Equal(t, want.Answer, got.Answer, "round %d: %v", round, scripts)
		require.LessOrEqual(t, short.spent, full.spent)
		saved += full.spent - short.spent
		if got.StoppedBy == message.ByAll {
			require.Equal(t, full.spent, short.spent)
		}
	}
	require.Positive(t, saved)
	require.Greater(t, unbegun, 2000)
}

// Traces begin in order, and another one only when the leader's votes with those of the traces under way make no majority.
func TestVoteBeginsAsFewAsCanDecide(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 1))
	for range 1000 {
		n := 1 + random.IntN(20)
		r := newRoom(votes(n, message.StopDecided), randomScripts(random, n))
		majority := n/2 + 1
		for r.act(); r.panel.Result() == nil; r.act() {
			tally := r.panel.Tally()
			require.Equal(t, n, tally.Ended+tally.Running)
			leading := 0
			if len(tally.Groups) > 0 {
				leading = tally.Groups[0].Count
			}
			for i, s := range r.starts {
				require.Equal(t, i, s.Trace)
				r.given[s.Trace] += 0
			}
			for i := range r.given {
				if r.panel.Ended(i) {
					delete(r.given, i)
				}
			}
			if len(r.starts) < n {
				require.Equal(t, majority, max(majority, leading+len(r.given)), "no more than it takes")
				require.GreaterOrEqual(t, leading+len(r.given), majority, "and no less")
			}
			for i := range r.given {
				r.give(i, 1+random.IntN(5))
				break
			}
		}
	}
}

// It stops as early as can be: where it does not, some answers of the running traces would change the outcome.
func TestDecidedAsEarlyAsCanBe(t *testing.T) {
	outcome := func(votes []string) string {
		var list []ballot
		for _, v := range votes {
			list = append(list, ballot{v, 1})
		}
		key, _ := count(list).leader()
		return key
	}
	var complete func(votes []string, running int, outcomes map[string]bool)
	complete = func(votes []string, running int, outcomes map[string]bool) {
		if running == 0 {
			outcomes[outcome(votes)] = true
			return
		}
		for _, v := range []string{"", "1", "2", "3", "new"} {
			complete(append(votes[:len(votes):len(votes)], v), running-1, outcomes)
		}
	}
	random := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		var votes []string
		var list []ballot
		for range random.IntN(8) {
			votes = append(votes, []string{"", "1", "1", "2", "3"}[random.IntN(5)])
			list = append(list, ballot{votes[len(votes)-1], 1})
		}
		running := 1 + random.IntN(3)
		outcomes := map[string]bool{}
		complete(votes, running, outcomes)
		require.Equal(t, len(outcomes) == 1, decided(count(list), running), "%v and %d running", votes, running)
	}
}

// What short_m answers depends on how long the traces think, and not on which of them run first.
func TestShortMWhateverRunsFirst(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for round := range 2000 {
		n := 1 + random.IntN(12)
		m := 1 + random.IntN(n)
		o := Options{Strategy: message.Strategy{Mode: message.ShortM, N: &n, M: &m}}
		scripts := randomScripts(random, n)
		one, two := newRoom(o, scripts).play(random, 1+random.IntN(n)), newRoom(o, scripts).play(random, n)
		require.Equal(t, one.Answer, two.Answer, "round %d: %d of %v", round, m, scripts)
	}
}

func TestShortMStops(t *testing.T) {
	n, m := 4, 2
	r := newRoom(Options{Strategy: message.Strategy{Mode: message.ShortM, N: &n, M: &m}}, []script{{10, 1, "1"}, {300, 1, "2"}, {20, 1, "1"}, {300, 1, "2"}})
	got := r.play(rand.New(rand.NewPCG(4, 4)), 4)
	require.Equal(t, "1", *got.Answer)
	require.Equal(t, message.ByShort, got.StoppedBy)
	require.Less(t, r.spent, 200)
	require.Equal(t, message.TraceCut, got.Traces[1].Finish)
	require.Equal(t, 2, got.Groups[0].Count)
}

func TestVoteResults(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for name, c := range map[string]struct {
		keys   []string
		answer *string
		text   string
		trace  *int
		agree  float64
	}{
		"a majority":           {[]string{"2", "1", "1"}, pointer("1"), "", pointer(1), 2.0 / 3},
		"one value, two forms": {[]string{"0.5", "1/2", "3"}, pointer("1/2"), "", pointer(0), 2.0 / 3},
		"the most":             {[]string{"1", "1", "2", "3"}, pointer("1"), "", pointer(0), 0.5},
		"a tie":                {[]string{"3", "1", "2", "2", "1"}, pointer("1"), "", pointer(1), 0.4},
		"nobody agrees":        {[]string{"2", "1", "", "3"}, nil, "No majority: 1 × 2, 1 × 1, 1 × 3.", nil, 0.25},
		"none could be read":   {[]string{"", ""}, nil, "", pointer(0), 0},
		"some abstain":         {[]string{"", "7", ""}, pointer("7"), "", pointer(1), 1.0 / 3},
	} {
		t.Run(name, func(t *testing.T) {
			var scripts []script
			for _, k := range c.keys {
				scripts = append(scripts, script{3, 1, k})
			}
			r := newRoom(votes(len(scripts), message.StopNone), scripts)
			got := r.play(random, 3)
			require.Equal(t, c.answer, got.Answer)
			require.Equal(t, name == "a tie", got.ChosenBy == message.ChosenTie)
			require.Equal(t, c.text, r.panel.Text())
			require.Equal(t, c.trace, got.Trace)
			require.InDelta(t, c.agree, got.Agreement, 1e-12)
			require.Len(t, got.Traces, len(c.keys))
			require.Equal(t, 4, got.Traces[0].Tokens)
			require.Equal(t, 3, got.Traces[0].ReasoningTokens)
		})
	}
}

func TestUnbegunTracesAreSaved(t *testing.T) {
	r := newRoom(votes(5, ""), []script{{9, 1, "1"}, {9, 1, "1"}, {9, 1, "1"}, {9, 1, "1"}, {9, 1, "1"}})
	got := r.play(rand.New(rand.NewPCG(6, 6)), 1)
	require.Equal(t, message.ByDecided, got.StoppedBy)
	require.Equal(t, 30, r.spent)
	require.Equal(t, 20, got.SavedTokens)
	require.Equal(t, message.TraceUnbegun, got.Traces[4].Finish)
	require.Equal(t, message.Tally{Groups: []message.Group{{Key: "1", Count: 3, Weight: 3}}, Agreement: 1, Ended: 5}, r.panel.Tally())
}

func TestWeighted(t *testing.T) {
	n := 3
	p := New(Options{Strategy: message.Strategy{Mode: message.Weighted, N: &n}})
	for i, confidence := range []float64{9, 2, 3} {
		p.Next(i, Token{Thinking: true, Confidence: confidence})
		p.End(i, End{message.Stopped, fmt.Sprintf(`\boxed{%d}`, min(i, 1))})
	}
	r := p.Result()
	require.Equal(t, "0", *r.Answer)
	require.Equal(t, message.ChosenWeight, r.ChosenBy)
	require.Equal(t, []message.Group{{Key: "0", Count: 1, Weight: 9}, {Key: "1", Count: 2, Weight: 5}}, r.Groups)
}

func TestBestOf(t *testing.T) {
	n := 3
	s := message.Strategy{Mode: message.BestOf, N: &n}
	p := New(Options{Strategy: s})
	for i, logprob := range []float64{-2, -1, -3} {
		p.Next(i, Token{Logprob: logprob})
		p.End(i, End{message.Stopped, fmt.Sprintf(`\boxed{%d}`, i)})
	}
	require.Equal(t, "1", *p.Result().Answer)
	require.Equal(t, message.ChosenSelfScore, p.Result().ChosenBy)

	s.Verifier = &message.Verifier{Type: message.VerifyRegex, Pattern: "2"}
	v, err := verify.New(*s.Verifier, "")
	require.NoError(t, err)
	right := newRoom(Options{Strategy: s, Verify: v}, []script{{5, 1, "1"}, {5, 1, "2"}, {500, 1, "2"}})
	got := right.play(rand.New(rand.NewPCG(7, 7)), 3)
	require.Equal(t, "2", *got.Answer)
	require.Equal(t, message.ByVerifier, got.StoppedBy)
	require.Equal(t, message.ChosenVerifier, got.ChosenBy)

	wrong := newRoom(Options{Strategy: s, Verify: v}, []script{{5, 1, "1"}, {5, 1, "3"}, {5, 1, "1"}})
	got = wrong.play(rand.New(rand.NewPCG(7, 7)), 3)
	require.Nil(t, got.Answer, "a rejected answer is not the answer")
	require.Equal(t, "No answer was accepted: 3 were tried.", wrong.panel.Text())
	require.Equal(t, []*bool{pointer(false), pointer(false), pointer(false)}, []*bool{got.Traces[0].Accepted, got.Traces[1].Accepted, got.Traces[2].Accepted})
}

// The host's verifier is asked about each answer, and nothing is decided before it has spoken.
func TestHostVerifies(t *testing.T) {
	n := 2
	o := Options{Strategy: message.Strategy{Mode: message.Vote, N: &n, Verifier: &message.Verifier{Type: message.VerifyFunction}}}
	r := newRoom(o, []script{{2, 1, "1"}, {2, 1, "1"}})
	require.Nil(t, r.play(rand.New(rand.NewPCG(8, 8)), 2))
	require.Len(t, r.asks, 2)
	require.Equal(t, `\boxed{1}`, r.asks[0].Content)
	r.panel.Verdict(r.asks[0].Trace, false)
	require.Nil(t, r.panel.Result())
	r.panel.Verdict(7, true) // nobody asked
	r.panel.Verdict(r.asks[1].Trace, true)
	require.Equal(t, message.ByVerifier, r.panel.Result().StoppedBy)
	require.Equal(t, "1", *r.panel.Result().Answer)
}

func TestCheck(t *testing.T) {
	question := []message.Message{{Role: message.User, Content: "1+1?"}}
	o := Options{Strategy: message.Strategy{Mode: message.Check}, Messages: question}
	random := rand.New(rand.NewPCG(9, 9))
	for name, c := range map[string]struct {
		keys   []string
		answer string
		why    message.StoppedBy
		traces int
	}{
		"confirmed":           {[]string{"2", "yes", "Yes.", "no"}, "2", message.ByConfirmed, 4},
		"refuted":             {[]string{"3", "no", "no", "yes", "2"}, "2", message.ByRefuted, 5},
		"checks that fail":    {[]string{"2", "", "perhaps", "no"}, "2", message.ByUnchecked, 4},
		"no verdict at all":   {[]string{"2", "", "perhaps", "2"}, "2", message.ByUnchecked, 4},
		"one each":            {[]string{"2", "yes", "no", ""}, "2", message.ByUnchecked, 4},
		"two of three refute": {[]string{"3", "yes", "no", "no", "2"}, "2", message.ByRefuted, 5},
	} {
		t.Run(name, func(t *testing.T) {
			var scripts []script
			for _, k := range c.keys {
				scripts = append(scripts, script{2, 1, k})
			}
			r := newRoom(o, scripts)
			got := r.play(random, 3)
			require.Equal(t, c.answer, *got.Answer)
			require.Equal(t, c.why, got.StoppedBy)
			require.Len(t, got.Traces, c.traces)
			require.Len(t, r.starts[1].Messages, 3)
			require.Equal(t, scripts[0].content(), r.starts[1].Messages[1].Content)
			require.Contains(t, r.starts[1].Messages[2].Content, "Check whether")
			if c.why == message.ByRefuted {
				require.Contains(t, r.starts[4].Messages[2].Content, `found this answer wrong: \boxed{no}`)
			}
		})
	}
}

func TestFuse(t *testing.T) {
	n, m := 3, 2
	o := Options{Strategy: message.Strategy{Mode: message.Fuse, N: &n, M: &m}, Messages: []message.Message{{Role: message.System, Content: "Be brief."}, {Role: message.User, Content: "Why?"}}}
	r := newRoom(o, []script{{1, 1, "1"}, {1, 1, "2"}, {1, 1, "3"}, {1, 1, "4"}, {1, 1, "5"}, {1, 1, "6"}, {1, 1, "7"}})
	got := r.play(rand.New(rand.NewPCG(10, 10)), 2)
	require.Equal(t, "7", *got.Answer)
	require.Equal(t, message.ChosenFusion, got.ChosenBy)
	require.Len(t, r.starts, 7)
	require.Equal(t, "Be brief.", r.starts[6].Messages[0].Content)
	require.Contains(t, r.starts[6].Messages[1].Content, "Why?")
	require.Contains(t, r.starts[6].Messages[1].Content, "[Answer 3]\n\\boxed{6}")
	require.Equal(t, message.ForFusion, r.starts[3].Purpose)
}

// Of many answers, each new one is made of four of its own; which they are, the seed says.
func TestFuseReadsFour(t *testing.T) {
	n, m := 9, 2
	read := func(seed uint32) (asked []string) {
		o := Options{Strategy: message.Strategy{Mode: message.Fuse, N: &n, M: &m}, Messages: []message.Message{{Role: message.User, Content: "Why?"}}, Seed: seed}
		var scripts []script
		for i := range 2*n + 1 {
			scripts = append(scripts, script{1, 1, fmt.Sprint(i)})
		}
		r := newRoom(o, scripts)
		r.play(rand.New(rand.NewPCG(10, 10)), 3)
		require.Len(t, r.starts, 2*n+1)
		for _, s := range r.starts[n:] {
			require.Contains(t, s.Messages[0].Content, "Here are 4 answers")
			asked = append(asked, s.Messages[0].Content)
		}
		return asked
	}
	first := read(1)
	require.Equal(t, first, read(1))
	require.NotEqual(t, first, read(2))
	different := map[string]bool{}
	for _, text := range first[:n] {
		different[text] = true
	}
	require.Greater(t, len(different), n/2)
}

func TestAbort(t *testing.T) {
	r := newRoom(votes(3, ""), []script{{2, 1, "1"}, {90, 1, "2"}, {90, 1, "2"}})
	r.act()
	r.panel.Next(1, Token{Thinking: true})
	r.panel.End(0, End{message.Stopped, `\boxed{1}`})
	r.panel.Abort()
	got := r.panel.Result()
	require.Equal(t, message.ByCaller, got.StoppedBy)
	require.Equal(t, "1", *got.Answer)
	require.Equal(t, []message.TraceFinish{message.TraceStopped, message.TraceAborted, message.TraceAborted}, []message.TraceFinish{got.Traces[0].Finish, got.Traces[1].Finish, got.Traces[2].Finish})
	r.panel.End(1, End{message.Stopped, `\boxed{2}`}) // too late
	require.Equal(t, got, r.panel.Result())
}

// Traces that agree now, but have changed their minds before, are asked again.
func TestProbesDoubt(t *testing.T) {
	n := 3
	p := New(Options{Strategy: message.Strategy{Mode: message.Vote, N: &n, Stop: message.StopProbe}, ProbeEvery: 4})
	say := func(answers ...string) {
		for i, a := range answers {
			if a != "" {
				p.Probed(i, a+"}")
			}
		}
	}
	say("5", "6", "7")
	say("6", "5", "7")
	say("5", "6", "7")
	say("6", "5", "7")
	say("5", "5", "7")
	require.Nil(t, p.Result(), "two to one, and two have changed their minds all the time")
	p.End(0, End{message.Stopped, `\boxed{5}`})
	require.Nil(t, p.Result())
	for range 9 {
		say("", "5")
	}
	require.NotNil(t, p.Result())
}

func TestProbes(t *testing.T) {
	n := 3
	p := New(Options{Strategy: message.Strategy{Mode: message.Vote, N: &n, Stop: message.StopProbe}, ProbeEvery: 4})
	p.Actions()
	var forks []Fork
	think := func(trace, tokens int) {
		for i := range tokens {
			p.Next(trace, Token{ID: i * i, Text: "x", Thinking: true})
		}
		for _, a := range p.Actions() {
			if f, ok := a.(Fork); ok {
				forks = append(forks, f)
			}
		}
	}
	for i := range n {
		think(i, 4)
	}
	require.Equal(t, []Fork{{0, `\boxed{`, 16}, {1, `\boxed{`, 16}, {2, `\boxed{`, 16}}, forks)
	for round := range 4 {
		for i := range n {
			require.Nil(t, p.Result(), "round %d", round)
			p.Probed(i, "5} is it")
		}
	}
	got := p.Result()
	require.Equal(t, message.ByProbe, got.StoppedBy)
	require.Equal(t, "5", *got.Answer)
	require.Equal(t, "5", p.Text(), "no trace has come to its answer")
	require.Equal(t, []message.Group{{Key: "5", Count: 3, Weight: 3}}, got.Groups)
}
