package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine/enginetest"
	"tabseek/engine/message"
)

func TestNamed(t *testing.T) {
	number := func(n int) *int { return &n }
	for name, want := range map[string]named{
		"single":           {strategy: message.Strategy{Mode: message.Single}, supply: "traces"},
		"vote:8:decided":   {strategy: message.Strategy{Mode: message.Vote, N: number(8), Stop: message.StopDecided}, supply: "traces"},
		"vote:8:none":      {strategy: message.Strategy{Mode: message.Vote, N: number(8), Stop: message.StopNone}, supply: "traces"},
		"short_m:8:3":      {strategy: message.Strategy{Mode: message.ShortM, N: number(8), M: number(3)}, supply: "traces"},
		"best_of:8":        {strategy: message.Strategy{Mode: message.BestOf, N: number(8)}, verify: true, supply: "traces"},
		"single:budget=9":  {strategy: message.Strategy{Mode: message.Single, Budget: number(9)}, supply: "traces of budget 9"},
		"single:wait=1":    {strategy: message.Strategy{Mode: message.Single, Wait: number(1)}, supply: "traces that wait 1"},
		"vote:verify":      {strategy: message.Strategy{Mode: message.Vote}, verify: true, supply: "traces"},
		"fuse:3:2":         {strategy: message.Strategy{Mode: message.Fuse, N: number(3), M: number(2)}, supply: "traces"},
		"vote:effort=none": {strategy: message.Strategy{Mode: message.Vote}, effort: message.EffortNone, supply: "traces of effort none"},
	} {
		got, err := parseNamed(name)
		require.NoError(t, err)
		want.name = name
		require.Equal(t, want, got)
	}
}

// Whatever a strategy is called: it is refused in one line, or is one that the engine takes.
func FuzzNamed(f *testing.F) {
	for _, name := range []string{"single", "vote:8:decided", "short_m:8:3", "single:budget=9:wait=1:effort=low", "::", "vote:-1", "vote:8:9:9"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n, err := parseNamed(name)
		if err != nil {
			return
		}
		require.NoError(t, (&message.Params{Strategy: &n.strategy}).Validate())
		require.Positive(t, n.strategy.Traces())
	})
}

func TestQuestions(t *testing.T) {
	list, err := readQuestions("../../../testdata/pocket/heldout.jsonl", 0)
	require.NoError(t, err)
	require.Len(t, list, 1100)
	list, err = readQuestions(write(t, "q.jsonl", `{"question":"Make 24 from 3, 6 and 12.","answer":"24","numbers":[3,6,12]}
{"question":"Which day?","answer":"Thursday"}

{"question":"How?","answer":""}
{"question":"Year?","verifier":"regex:\\d{4}"}
{"question":"Person?","verifier":{"type":"json","schema":{"type":"object"}},"before":[["Hi","Hello"]]}
`), 0)
	require.NoError(t, err)
	require.Len(t, list, 5)
	require.True(t, list[0].right(`\boxed{12*6/3}`, "12*6/3"))
	require.False(t, list[0].right(`\boxed{24}`, "24"))
	require.True(t, list[1].right(`It is \boxed{Thursday}`, "Thursday"))
	require.True(t, list[2].outcome(&message.Result{}, "I did not find one.").Right)
	require.False(t, list[2].outcome(&message.Result{Answer: list[0].Answer}, `\boxed{24}`).Right)
	require.True(t, list[3].right("2026", ""))
	require.Len(t, list[4].prompt().Messages, 3)

	for content, want := range map[string]string{
		"":                                  "holds no questions",
		`{"question":"x"}`:                  "line 1: answer or verifier is missing",
		`{"answer":"x"}`:                    "line 1: question is missing",
		"{\"question\":\"x\",\"answer\":1}": "line 1: json: cannot unmarshal number",
		`{"question":"x","answer":"y","numbers":[1]}`:           "numbers are those of a countdown",
		`{"question":"x","verifier":"oracle"}`:                  "--verifier oracle: must be",
		`{"question":"x","verifier":"function"}`:                "--verifier function: must be",
		`{"question":"x","verifier":{"type":"function"}}`:       "verifier is function, which a file cannot hold",
		`{"question":"no numbers","verifier":"arithmetic"}`:     "the question has no expression",
		`{"question":"x","verifier":{"type":"json"}}`:           "strategy.verifier.schema is for the type json",
		"{\"question\":\"x\",\"answer\":\"y\"}\nnot a question": "line 2: invalid character",
	} {
		_, err := readQuestions(write(t, "q.jsonl", content), 0)
		require.ErrorContains(t, err, want)
	}
}

// traces are what a model might have said, with so many tokens of thinking each.
func said(list ...any) []trace {
	var traces []trace
	for i := 0; i < len(list); i += 2 {
		content, thinking := list[i].(string), list[i+1].(int)
		traces = append(traces, trace{message.TraceSummary{Finish: message.TraceStopped, Tokens: thinking + 2, ReasoningTokens: thinking, Score: -float64(thinking), ConfTail: 1, Answer: strings.Trim(content, `\boxed{}`)}, content})
	}
	return traces
}

// Strategies choose among the same traces as the engine's panel would.
func TestChoose(t *testing.T) {
	expected := "1"
	q := question{Question: "?", Answer: &expected}
	traces := said(`\boxed{2}`, 10, `\boxed{1}`, 20, `\boxed{1}`, 30, `\boxed{1}`, 40, `\boxed{3}`, 90)
	for name, c := range map[string]struct {
		answer string
		tokens int
		passed float64
	}{
		"single":         {"2", 12, 0},
		"vote:5:none":    {"1", 200, 0.6},
		"vote:5:decided": {"1", 12 + 22 + 32 + 42, 0.6},
		"short_m:5:3":    {"1", 12 + 22 + 32 + 32 + 32, 0.6},
		"best_of:2":      {"2", 34, 0.5},
		"vote:2:none":    {"", 34, 0.5},
	} {
		n, err := parseNamed(name)
		require.NoError(t, err)
		got := n.choose(q, traces)
		if c.answer == "" {
			require.Nil(t, got.Answer, name)
		} else {
			require.Equal(t, c.answer, *got.Answer, name)
		}
		require.Equal(t, c.answer == "1", got.Right, name)
		require.InDelta(t, c.tokens, got.Tokens, 3, name)
		require.InDelta(t, c.passed, got.Passed, 1e-9, name)
	}
	n, err := parseNamed("best_of:5")
	require.NoError(t, err)
	q.Verifier.Verifier = &message.Verifier{Type: message.VerifyRegex, Pattern: "3"}
	require.NoError(t, q.settle())
	require.Equal(t, "3", *n.choose(q, traces).Answer)
}

func TestPlot(t *testing.T) {
	drawing := plot("a <model>", []score{{Name: "single", Accuracy: 0.5, Tokens: 100}, {Name: "vote:8:none", Accuracy: 0.75, Tokens: 800}, {Name: "vote:2:none", Accuracy: 0.5, Tokens: 200}, {Name: "nothing"}}, 10)
	texts := map[string]bool{}
	for decoder := xml.NewDecoder(strings.NewReader(drawing)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if text, ok := token.(xml.CharData); ok {
			texts[string(text)] = true
		}
	}
	for _, want := range []string{"single", "vote:8:none", "a <model>", "tokens a question (mean, all traces)", "100"} {
		require.Contains(t, texts, want)
	}
	require.NotContains(t, drawing, "NaN")
	require.NotContains(t, drawing, "Inf")
}

// An eval answers every question under every strategy, and one that was interrupted goes on where it was.
func TestEval(t *testing.T) {
	needWasm(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	model := enginetest.PackTiny(t)
	file := write(t, "q.jsonl", strings.Repeat(`{"question":"1+1","answer":"2","task":"sums"}`+"\n", 3))
	out := filepath.Join(t.TempDir(), "out.svg")
	args := []string{"eval", model, file, "--device", "ref", "--strategies", "single,vote:3:none,vote:3:decided,check", "--max-tokens", "8", "--temperature", "0.8", "--seed", "5", "--json", "--svg", out}
	want := command(args...)
	require.Zero(t, want.Status, want.Stderr)
	var printed evaluated
	require.NoError(t, json.Unmarshal([]byte(want.Stdout), &printed))
	require.Len(t, printed.Strategies, 4)
	for i, name := range []string{"single", "vote:3:none", "vote:3:decided", "check"} {
		require.Equal(t, name, printed.Strategies[i].Name)
		require.Len(t, printed.Strategies[i].Answers, 3)
		require.Positive(t, printed.Strategies[i].Tokens)
		require.Contains(t, printed.Strategies[i].Tasks, "sums")
	}
	require.Equal(t, printed.Strategies[1].Answers, printed.Strategies[2].Answers)
	drawing, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Contains(t, string(drawing), "vote:3:decided")
	left := func() []string {
		list, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "tabseek", "evals", "*"))
		require.NoError(t, err)
		return list
	}
	require.Empty(t, left(), "what an eval has kept goes when it is done")

	// As if two jobs had been done, and a third half written.
	a, err := parseEval(args[1:])
	require.NoError(t, err)
	questions, err := readQuestions(file, 0)
	require.NoError(t, err)
	k, err := openKept(a)
	require.NoError(t, err)
	mine := "mine"
	var names []string
	for i := range 2 {
		name, err := questions[i].kept(i)
		require.NoError(t, err)
		names = append(names, name)
	}
	require.NoError(t, k.put(names[0], "check", result{Outcome: &judged{Answer: &mine, Right: true, Tokens: 1000}}))
	require.NoError(t, k.put(names[1], "check", result{Outcome: &judged{Answer: &mine, Right: true, Tokens: 1000}}))
	_, err = k.file.WriteString(`{"question":"2:`)
	require.NoError(t, err)
	k.close()
	again := command(args...)
	require.Zero(t, again.Status, again.Stderr)
	require.Contains(t, again.Stderr, "going on after 2")
	var resumed evaluated
	require.NoError(t, json.Unmarshal([]byte(again.Stdout), &resumed))
	require.Equal(t, printed.Strategies[:3], resumed.Strategies[:3])
	require.Equal(t, "mine", *resumed.Strategies[3].Answers[1])
	require.Equal(t, printed.Strategies[3].Answers[2], resumed.Strategies[3].Answers[2])
	require.Empty(t, left())
}

// A strategy's answer comes with what it is made of, as text and as JSON.
func TestRunStrategy(t *testing.T) {
	needWasm(t)
	model := enginetest.PackTiny(t)
	args := []string{"run", model, "Hi", "--device", "ref", "--max-tokens", "6", "--temperature", "0.8", "--seed", "3", "--strategy", "best_of", "--n", "3"}
	o := command(append(args, "--json")...)
	require.Zero(t, o.Status, o.Stderr)
	var printed struct {
		Text    string
		Tabseek message.Result
		Usage   message.Usage
	}
	require.NoError(t, json.Unmarshal([]byte(o.Stdout), &printed))
	require.Len(t, printed.Tabseek.Traces, 3)
	require.Equal(t, message.ChosenSelfScore, printed.Tabseek.ChosenBy)
	require.Equal(t, 18, printed.Usage.CompletionTokens)
	text := command(args...)
	require.Zero(t, text.Status, text.Stderr)
	require.Equal(t, strings.TrimSuffix(printed.Text, "\n")+"\n", text.Stdout)
	require.Contains(t, text.Stderr, "stopped by all, chosen by self_score; 18 tokens in 3 traces")

	file := write(t, "schema.json", `{"type":"object"}`)
	o = command(append(args, "--json", "--verifier", "json:"+file)...)
	require.Zero(t, o.Status, o.Stderr)
	require.NoError(t, json.Unmarshal([]byte(o.Stdout), &printed))
	require.Equal(t, message.ChosenNone, printed.Tabseek.ChosenBy)
	require.Equal(t, "No answer was accepted: 3 were tried.", printed.Text)
}
