package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tabseek/engine/message"
	"tabseek/server/commandline"
)

// evalArgs is the command line of eval.
type evalArgs struct {
	target
	model, file string
	strategies  []named
	temperature *float64
	seed        *uint32
	maxTokens   *int
	limit       int
	json        bool
	svg         string
}

// A named is a strategy with the name that the caller gave it.
type named struct {
	name     string
	strategy message.Strategy
	effort   message.Effort
	verify   bool   // by the question's verifier
	supply   string // which traces it chooses among
}

// defaultStrategies show what more samples are worth.
const defaultStrategies = "single,vote:2:none,vote:4:none,vote:8:none,vote:8:decided,short_m:8:3,best_of:8"

func parseEval(args []string) (evalArgs, error) {
	a := evalArgs{}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	a.target.flags(flags, "native", "ref")
	strategies := flags.String("strategies", defaultStrategies, "")
	flags.Func("temperature", "", number(&a.temperature, "temperature"))
	flags.Func("seed", "", number(&a.seed, "seed"))
	flags.Func("max-tokens", "", number(&a.maxTokens, "max_tokens"))
	flags.IntVar(&a.limit, "limit", 0, "")
	flags.BoolVar(&a.json, "json", false, "")
	flags.StringVar(&a.svg, "svg", "", "")
	rest, err := commandline.Parse(flags, args)
	if err != nil {
		return a, err
	}
	if err := commandline.CheckCount(rest, 2, "MODEL", "FILE.jsonl"); err != nil {
		return a, err
	}
	a.model, a.file = rest[0], rest[1]
	if err := a.check(); err != nil {
		return a, err
	}
	if a.limit < 0 {
		return a, commandline.UsageError("--limit %d: must not be negative", a.limit)
	}
	if a.seed == nil {
		a.seed = new(uint32)
	}
	for _, name := range strings.Split(*strategies, ",") {
		n, err := parseNamed(name)
		if err != nil {
			return a, err
		}
		if slices.ContainsFunc(a.strategies, func(other named) bool { return other.name == n.name }) {
			return a, commandline.UsageError("--strategies: %q is there twice", name)
		}
		a.strategies = append(a.strategies, n)
	}
	return a, nil
}

// parseNamed reads a strategy such as vote:8:decided: its mode, then n and m, and words in any order: a stop rule, budget=N,
// wait=N, effort=WORD, verify.
func parseNamed(name string) (named, error) {
	parts := strings.Split(name, ":")
	n := named{name: name, strategy: message.Strategy{Mode: message.StrategyMode(parts[0])}}
	s := &n.strategy
	for _, part := range parts[1:] {
		word, value, assigned := strings.Cut(part, "=")
		if !assigned {
			value = part
		}
		count, err := strconv.Atoi(value)
		switch isCount := err == nil; {
		case isCount && !assigned && s.N == nil:
			s.N = &count
		case isCount && !assigned && s.M == nil:
			s.M = &count
		case isCount && word == "budget":
			s.Budget = &count
		case isCount && word == "wait":
			s.Wait = &count
		case assigned && word == "effort":
			n.effort = message.Effort(value)
		case part == "verify":
			n.verify = true
		case s.Stop == "" && !assigned && !isCount:
			s.Stop = message.StopRule(part)
		default:
			return n, commandline.UsageError("--strategies: %q has %q, which is none of N, M, none, decided, beta, probe, verify, budget=N, wait=N, effort=WORD", name, part)
		}
	}
	n.verify = n.verify || s.Mode == message.BestOf
	p := message.Params{Strategy: s}
	p.ReasoningEffort = n.effort
	if err := p.Validate(); err != nil {
		return n, commandline.UsageError("--strategies: %q: %v", name, err)
	}
	n.supply = "traces"
	if s.Budget != nil {
		n.supply += fmt.Sprintf(" of budget %d", *s.Budget)
	}
	if s.Wait != nil {
		n.supply += fmt.Sprintf(" that wait %d", *s.Wait)
	}
	if n.effort != "" {
		n.supply += fmt.Sprintf(" of effort %s", n.effort)
	}
	return n, nil
}

// live tells whether the strategy does more than to choose among traces: it must be asked itself.
func (n *named) live() bool {
	m := n.strategy.Mode
	return m == message.Check || m == message.Fuse || m == message.Vote && n.strategy.Stop == message.StopProbe
}

// title is what the picture is called.
func (a *evalArgs) title(questions int) string {
	title := fmt.Sprintf("%s, %d questions", a.model, questions)
	if a.temperature != nil {
		title += fmt.Sprintf(", temperature %g", *a.temperature)
	}
	return title
}
