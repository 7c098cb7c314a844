package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"tabseek/engine/message"
	"tabseek/server/commandline"
)

// strategyFlags are the flags that say how long to think, and how often.
type strategyFlags struct {
	mode, stop, effort, verifier string
	m, budget, wait              *int
}

func (s *strategyFlags) flags(flags *flag.FlagSet) {
	flags.StringVar(&s.mode, "strategy", "", "")
	flags.StringVar(&s.stop, "stop", "", "")
	flags.StringVar(&s.verifier, "verifier", "", "")
	flags.StringVar(&s.effort, "effort", "", "")
	flags.StringVar(&s.effort, "reasoning-effort", "", "") // as the parameter is called
	flags.Func("m", "", numberOf(&s.m, message.StrategyField("m")))
	flags.Func("wait", "", numberOf(&s.wait, message.StrategyField("wait")))
	flags.Func("budget", "", number(&s.budget, "thinking_budget"))
}

// set puts what the flags say among the parameters, of which N is read already.
func (s *strategyFlags) set(p *message.Params) error {
	p.ReasoningEffort, p.ThinkingBudget = message.Effort(s.effort), s.budget
	switch {
	case s.mode != "":
		p.Strategy = &message.Strategy{Mode: message.StrategyMode(s.mode), N: p.N, M: s.m, Stop: message.StopRule(s.stop), Wait: s.wait}
		p.N = nil
	case s.stop != "" || s.verifier != "" || s.m != nil || s.wait != nil:
		return commandline.UsageError("--stop, --verifier, --m and --wait are for a --strategy")
	}
	if s.verifier != "" {
		v, err := readVerifier(s.verifier)
		if err != nil {
			return err
		}
		p.Strategy.Verifier = v
	}
	return usageOf(p.Validate())
}

// flagOf are the flags that stand for parameters of other names.
var flagOf = strings.NewReplacer("strategy.mode", "--strategy", "strategy.", "--", "thinking_budget", "--budget", "reasoning_effort", "--effort")

// usageOf makes wrong usage of a parameter that is refused.
func usageOf(err error) error {
	if err == nil {
		return nil
	}
	return commandline.UsageError("%s", flagOf.Replace(err.Error()))
}

// readVerifier reads a verifier's name, json:FILE or regex:PATTERN.
func readVerifier(text string) (*message.Verifier, error) {
	kind, rest, _ := strings.Cut(text, ":")
	v := &message.Verifier{Type: message.VerifierType(kind)}
	switch v.Type {
	case message.VerifyRegex:
		v.Pattern = rest
	case message.VerifyJSON:
		schema, err := os.ReadFile(rest)
		if err != nil {
			return nil, fmt.Errorf("--verifier: %w", err)
		}
		v.Schema = schema
	case message.VerifyArithmetic, message.VerifyCountdown:
		if rest != "" {
			return nil, commandline.UsageError("--verifier %s: takes nothing after its name", text)
		}
	default:
		return nil, commandline.UsageError("--verifier %s: must be arithmetic, countdown, json:FILE or regex:PATTERN", text)
	}
	return v, nil
}

// printResult says what came of a strategy: the tally, why it stopped, what it took.
func printResult(to io.Writer, r *message.Result) {
	var groups []string
	for _, g := range r.Groups {
		groups = append(groups, fmt.Sprintf("%d × %s", g.Count, g.Key))
	}
	tally := "no answer could be counted"
	if len(groups) > 0 {
		tally = strings.Join(groups, ", ")
	}
	tokens := 0
	for _, t := range r.Traces {
		tokens += t.Tokens
	}
	fmt.Fprintf(to, "%s; agreement %.0f %%; stopped by %s, chosen by %s; %d tokens in %d traces, about %d saved\n",
		tally, 100*r.Agreement, r.StoppedBy, r.ChosenBy, tokens, len(r.Traces), r.SavedTokens)
}
