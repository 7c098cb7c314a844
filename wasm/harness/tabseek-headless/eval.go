package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"tabseek/engine/message"
	"tabseek/server/commandline"
	"tabseek/wasm/harness"
)

// evaluated is what eval prints as JSON.
type evaluated struct {
	Strategies []score `json:"strategies"`
}

// A score is how well a strategy answers, and for how many tokens.
type score struct {
	Name     string    `json:"name"`
	Accuracy float64   `json:"accuracy"` // from 0 to 1
	Tokens   int       `json:"tokens"`   // of all traces for all questions
	Answers  []*string `json:"answers"`  // one for each question; null where there is none
	// PassAt1 is the accuracy of its traces, each alone.
	PassAt1 float64 `json:"pass_at_1"`
	// Saved is how many tokens of the traces were not needed.
	Saved int                `json:"saved_tokens"`
	Tasks map[string]float64 `json:"tasks"` // accuracy by task
}

// A judged is what a strategy makes of a question.
type judged struct {
	Answer *string `json:"answer"`
	Right  bool    `json:"right"`
	Tokens int     `json:"tokens"`
	Saved  int     `json:"saved"`
	Passed float64 `json:"passed"` // share of its traces that are right
}

// eval answers a file of questions under several strategies. The traces that several of them choose among are sampled once:
// a trace depends on its prompt and its seed alone.
func eval(ctx context.Context, args []string, to streams) error {
	a, err := parseEval(args)
	if err != nil {
		return err
	}
	questions, err := readQuestions(a.file, a.limit)
	if err != nil {
		return err
	}
	kept, err := openKept(a)
	if err != nil {
		return err
	}
	defer kept.close()
	var scores []score
	err = withModel(ctx, a.target, a.model, to, func(host *harness.Host) error {
		e := &evaluation{evalArgs: a, host: host, questions: questions, kept: kept}
		scores, err = e.run(ctx, to)
		return err
	})
	if err != nil {
		return err
	}
	if a.svg != "" {
		if err := writePlot(a.svg, a.title(len(questions)), scores, len(questions)); err != nil {
			return err
		}
	}
	kept.remove()
	if a.json {
		return printJSON(to, evaluated{scores})
	}
	for _, s := range scores {
		fmt.Fprintf(to.out, "%-24s %5.1f %%  %7.1f tokens a question, %.1f not needed\n", s.Name, 100*s.Accuracy, float64(s.Tokens)/float64(len(questions)), float64(s.Saved)/float64(len(questions)))
	}
	return nil
}

// An evaluation is a run of eval.
type evaluation struct {
	evalArgs
	host      *harness.Host
	questions []question
	kept      *kept

	mutex    sync.Mutex
	progress *commandline.Progress
	done     int64
}

// A job is what the model is asked for a question: traces for all strategies of one supply, or one strategy's answer.
type job struct {
	question int
	supply   *supply
	live     *named
}

// run does all jobs, as many at once as there are rows, and counts.
func (e *evaluation) run(ctx context.Context, to streams) ([]score, error) {
	supplies := suppliesOf(e.strategies)
	outcomes := make([][]judged, len(e.strategies))
	for i := range outcomes {
		outcomes[i] = make([]judged, len(e.questions))
	}
	var jobs []job
	for i := range e.questions {
		for k := range supplies {
			jobs = append(jobs, job{question: i, supply: &supplies[k]})
		}
		for k := range e.strategies {
			if e.strategies[k].live() {
				jobs = append(jobs, job{question: i, live: &e.strategies[k]})
			}
		}
	}
	e.progress = commandline.NewProgress(to.err, int64(len(jobs)), func(n int64) string { return fmt.Sprint(n) })
	there := 0
	for _, j := range jobs {
		name, err := e.questions[j.question].kept(j.question)
		if err != nil {
			return nil, err
		}
		if _, ok := e.kept.get(name, j.name()); ok {
			there++
		}
	}
	if there > 0 {
		e.progress.Begin(int64(there))
	}
	defer e.progress.Done()
	err := e.work(ctx, jobs, func(j job, result result) {
		q := e.questions[j.question]
		for k := range e.strategies {
			switch n := &e.strategies[k]; {
			case n == j.live:
				outcomes[k][j.question] = *result.Outcome
			case j.supply != nil && !n.live() && n.supply == j.supply.name:
				outcomes[k][j.question] = n.choose(q, result.Samples)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var scores []score
	for k, n := range e.strategies {
		scores = append(scores, e.score(n.name, outcomes[k]))
	}
	return scores, nil
}

// work does jobs at once as long as there are rows for their traces, and has use told what came of each, one at a time.
func (e *evaluation) work(ctx context.Context, jobs []job, use func(job, result)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	free := make(chan struct{}, mostSequences)
	var group sync.WaitGroup
	for _, j := range jobs {
		width := min(mostSequences, j.width())
		for range width {
			free <- struct{}{}
		}
		group.Go(func() {
			defer func() {
				for range width {
					<-free
				}
			}()
			if ctx.Err() != nil {
				return
			}
			r, err := e.result(ctx, j)
			if err != nil {
				cancel(err)
				return
			}
			e.mutex.Lock()
			defer e.mutex.Unlock()
			use(j, r)
			e.done++
			e.progress.Show(e.done)
		})
	}
	group.Wait()
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted after %d of %d; the same command goes on from here", e.done, len(jobs))
	}
	return err
}

func (j job) width() int {
	if j.supply != nil {
		return j.supply.n
	}
	return j.live.strategy.Traces()
}

func (j job) name() string {
	if j.supply != nil {
		return fmt.Sprintf("%s of %d", j.supply.name, j.supply.n)
	}
	return j.live.name
}

// result does a job, if it is not done already.
func (e *evaluation) result(ctx context.Context, j job) (result, error) {
	q := e.questions[j.question]
	name, err := q.kept(j.question)
	if err != nil {
		return result{}, err
	}
	if r, ok := e.kept.get(name, j.name()); ok {
		return r, nil
	}
	params := message.Params{Temperature: e.temperature, MaxTokens: e.maxTokens}
	seed := *e.seed + uint32(j.question)*message.MaxTraces
	params.Seed = &seed
	var r result
	if j.supply != nil {
		r.Samples, err = sample(ctx, e.host, q, params, *j.supply)
	} else {
		r.Outcome, err = answerLive(ctx, e.host, q, params, j.live)
	}
	if err != nil {
		return r, fmt.Errorf("question %d (%s), %s: %w", j.question+1, short(q.Question), j.name(), err)
	}
	return r, e.kept.put(name, j.name(), r)
}

func (e *evaluation) score(name string, outcomes []judged) score {
	s := score{Name: name, Answers: []*string{}, Tasks: map[string]float64{}}
	count := map[string]int{}
	for i, o := range outcomes {
		task := e.questions[i].Task
		count[task]++
		s.Answers = append(s.Answers, o.Answer)
		s.Tokens += o.Tokens
		s.Saved += o.Saved
		s.PassAt1 += o.Passed / float64(len(outcomes))
		if o.Right {
			s.Accuracy += 1 / float64(len(outcomes))
			s.Tasks[task]++
		}
	}
	for task, n := range count {
		s.Tasks[task] /= float64(n)
	}
	s.Accuracy = min(s.Accuracy, 1)
	return s
}

// short is the beginning of a question, for people.
func short(text string) string {
	if runes := []rune(text); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return text
}

// suppliesOf lists what is to be sampled for strategies, each in the largest number that one of them wants.
func suppliesOf(list []named) []supply {
	var all []supply
	for _, n := range list {
		if n.live() {
			continue
		}
		at := slices.IndexFunc(all, func(s supply) bool { return s.name == n.supply })
		if at < 0 {
			at = len(all)
			all = append(all, supply{name: n.supply, budget: n.strategy.Budget, wait: n.strategy.Wait, effort: n.effort})
		}
		all[at].n = max(all[at].n, n.strategy.Traces())
	}
	return all
}
